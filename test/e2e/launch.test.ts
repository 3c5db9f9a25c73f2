import { describe, expect } from '@jest/globals';
import { fixture, startService, test, waitFor } from './harness.ts';

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
    const calls = ['hangs', 'dies', 'missing', 'folder'].map(async (name) => {
      expect(states.get(name)?.state).not.toBe('ready');
      const answer = await service.call(name, 'text', {});
      expect([name, answer.status]).toEqual([name, 503]);
      expect(answer.headers['retry-after']).toMatch(/^\d+$/);
      expect(answer.text).toContain(name);
    });
    await Promise.all(calls);
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
