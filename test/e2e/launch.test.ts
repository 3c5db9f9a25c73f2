import { describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test, waitFor } from './harness.ts';
import { isRunning, type ProcessEntry } from './process-table.ts';

describe('servers start side by side and cost each other nothing', () => {
  test('the service answers while a server still starts', async () => {
    const service = await startService({ servers: { hang: fixture('hang.js') }, waitForReady: false });
    expect((await service.get('/healthz')).status).toBe(200);
    expect((await service.serverStates()).get('hang')?.state).toBe('starting');
    expect((await service.get('/docs')).status).toBe(200);
  });

  test('hanging, dying and missing servers are shown with state and reason', async () => {
    const service = await startService({
      servers: {
        good: fixture('answers.js'),
        hangs: fixture('hang.js', [], { startTimeoutMs: 700 }),
        dies: fixture('dies-at-start.js'),
        missing: { command: 'mcpo-ts-no-such-command' },
        folder: fixture('answers.js', [], { cwd: '/nowhere/at/all' }),
      },
      waitForReady: false,
    });
    await waitFor(async () => (await service.serverStates()).get('good')?.state === 'ready', 10_000, 'good');
    const states = await waitFor(async () => {
      const found = await service.serverStates();
      const bad = ['hangs', 'dies', 'missing', 'folder'].map((name) => found.get(name));
      return bad.every((entry) => entry !== undefined && entry.reason !== '') && found;
    });
    expect(states.get('hangs')?.reason).toMatch(/\b0\.7 s/);
    expect(states.get('dies')?.reason).toBe('its process ended with code 3 before it was ready');
    expect(states.get('missing')?.reason).toMatch(/command was not found/);
    expect(service.stderr()).toMatch(/DEMO_TOKEN is not set/);
    expect(service.stderr()).toMatch(/mcpo-ts-no-such-command/);
    for (const name of ['hangs', 'dies', 'missing', 'folder']) {
      expect(states.get(name)?.state).not.toBe('ready');
      const answer = await service.call(name, 'text', {});
      expect([name, answer.status]).toEqual([name, 503]);
      expect(answer.headers['retry-after']).toMatch(/^\d+$/);
      expect(answer.text).toContain(name);
    }
    expect((await service.call('good', 'text', {})).status).toBe(200);
  });

  test('a call or a document that comes too early waits for a server that is about to be ready', async () => {
    const service = await startService({ servers: { late: fixture('slow-start.js', ['1000']) }, waitForReady: false });
    const document = await service.get('/late/openapi.json');
    expect(document.status).toBe(200);
    expect(Object.keys((document.json() as { paths: object }).paths)).toEqual(['/text']);
  });

  test('/readyz is 503 until the required server is ready, whatever the others do', async () => {
    const service = await startService({
      servers: {
        needed: fixture('slow-start.js', ['800'], { required: true }),
        other: { command: 'mcpo-ts-no-such-command' },
      },
      waitForReady: false,
    });
    expect((await service.get('/readyz')).status).toBe(503);
    expect((await service.get('/healthz')).status).toBe(200);
    await waitFor(async () => (await service.get('/readyz')).status === 200, 10_000, '/readyz to be 200');
    expect((await service.serverStates()).get('other')?.state).not.toBe('ready');
  });

  test('a line on standard output that is not an MCP message does no harm', async () => {
    const script = `console.log('Starting…'); await import(${JSON.stringify(fixture('answers.js').args[0])})`;
    const service = await startService({
      servers: { chatty: { command: process.execPath, args: ['--input-type=module', '-e', script] } },
    });
    expect((await service.call('chatty', 'text', {})).status).toBe(200);
  });
});

describe('the end', () => {
  const servers = {
    plain: fixture('answers.js'),
    wrapped: fixture('grandchild.js'),
    shell: { command: 'sh', args: ['-c', `"$0" "$1" & wait`, process.execPath, fixture('hang.js').args[0] ?? ''] },
    stubborn: fixture('stubborn.js'),
    'wrapped-stubborn': fixture('grandchild.js', ['stubborn.js']),
  };

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} ends the service and every process under it`, async () => {
      const service = await startService({ servers, waitForReady: false });
      const ready = ['plain', 'wrapped', 'stubborn', 'wrapped-stubborn'];
      await waitFor(async () => {
        const states = await service.serverStates();
        return ready.every((name) => states.get(name)?.state === 'ready');
      });
      const children = await waitFor(() => service.children().length >= 7 && service.children());
      const exit = await service.stop(signal);
      expect({ code: exit.code, signal: exit.signal }).toEqual({ code: 0, signal: null });
      expect(stillRunning(children)).toEqual([]);
    });
  }

  test('a server that is restarted leaves nothing behind', async () => {
    const service = await startService({ servers: { wrapped: fixture('grandchild.js') } });
    const before = service.children();
    await service.call('wrapped', 'die', {});
    await waitFor(async () => (await service.call('wrapped', 'text', {})).status === 200, 15_000, 'the restart');
    expect(stillRunning(before)).toEqual([]);
  });

  test('a running call finishes while the service drains, and new ones are refused', async () => {
    const service = await startService({ servers: { answers: fixture('answers.js') } });
    const call = service.call('answers', 'slow', { ms: 1_500 });
    await waitForRunningCall(service);
    service.kill('SIGTERM');
    await waitFor(() => isDraining(service), 5_000, '/readyz to say that the service drains');
    expect((await service.call('answers', 'text', {})).status).toBe(503);
    const answer = await call;
    expect([answer.status, answer.text]).toEqual([200, '"slept"']);
    expect((await service.exited).code).toBe(0);
  });

  test('a second signal ends at once', async () => {
    const service = await startService({
      servers: { answers: fixture('answers.js'), wrapped: fixture('grandchild.js') },
    });
    const call = service.call('answers', 'slow', { ms: 60_000 }).catch((error: unknown) => error);
    await waitForRunningCall(service);
    const children = service.children();
    service.kill('SIGTERM');
    await waitFor(() => isDraining(service), 5_000, 'the service to drain');
    const exit = await service.stop('SIGTERM');
    // The drain, which the running call would have kept going, ends with 0.
    expect(exit.code).toBe(143);
    await call;
    await waitFor(() => stillRunning(children).length === 0, 3_000, 'its children to end');
  });

  test('a service killed hard takes its well-behaved servers with it', async () => {
    const service = await startService({
      servers: { plain: fixture('answers.js'), wrapped: fixture('grandchild.js') },
    });
    const children = service.children();
    service.kill('SIGKILL');
    await service.exited;
    await waitFor(() => stillRunning(children).length === 0, 5_000, 'the children to end with their input');
  });
});

function stillRunning(entries: readonly ProcessEntry[]): string[] {
  return entries.filter(isRunning).map(({ command }) => command);
}

async function waitForRunningCall(service: Service): Promise<void> {
  await waitFor(async () => {
    const counts = (await service.call('answers', 'slow_counts', {})).json() as { started: number };
    return counts.started === 1;
  });
}

/** What a load balancer reads while running calls finish. */
async function isDraining(service: Service): Promise<boolean> {
  const { status, text } = await service.get('/readyz');
  return status === 503 && JSON.parse(text).status === 'draining';
}
