import { describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test, waitFor } from './harness.ts';
import { isRunning, type ProcessEntry } from './process-table.ts';

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
