import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect } from '@jest/globals';
import { fixture, fixtureFile, startService, temporaryFolder, test, waitFor } from './harness.ts';
import { isRunning } from './process-table.ts';

const programs = new Set<ChildProcess>();

afterAll(() => {
  for (const program of programs) program.kill('SIGKILL');
});

async function startUpstream(onPort = 0) {
  const program = spawn(process.execPath, [fixtureFile('idle-http.js'), String(onPort)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  programs.add(program);
  const [said] = (await once(program.stdout, 'data')) as [Buffer];
  const port = Number(String(said).trim());
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    control: async (told: object): Promise<Readonly<Record<string, number>>> => {
      const answer = await fetch(`http://127.0.0.1:${port}/control`, { method: 'POST', body: JSON.stringify(told) });
      return (await answer.json()) as Readonly<Record<string, number>>;
    },
    stop: async () => {
      program.kill('SIGKILL');
      await once(program, 'exit');
    },
  };
}

test('a child killed between calls costs no call: each runs once, on the process that came after', async () => {
  const log = join(temporaryFolder(), 'calls');
  const service = await startService({ servers: { idle: fixture('idle-stdio.js', [log]) } });
  for (const value of ['one', 'two', 'three']) {
    const child = service.children().find(({ command }) => command.includes('idle-stdio'));
    process.kill(child?.pid ?? 0, 'SIGKILL');
    await waitFor(() => child !== undefined && !isRunning(child));
    const answer = await service.call('idle', 'echo', { value });
    expect([answer.status, answer.json()]).toEqual([200, value]);
  }
  expect(readFileSync(log, 'utf8').match(/echo \w+/g)).toEqual(['echo one', 'echo two', 'echo three']);
});

test('a server that forgets its session again and again costs no call, and gets one new session each time', async () => {
  const upstream = await startUpstream();
  const service = await startService({ servers: { idle: { type: 'streamable-http', url: `${upstream.url}/mcp` } } });
  const before = await upstream.control({});
  for (let round = 1; round <= 8; round++) {
    await upstream.control({ forget: true });
    const values = Array.from({ length: 10 }, (_, index) => `${round}-${index}`);
    const answers = await Promise.all(values.map((value) => service.call('idle', 'echo', { value })));
    expect(answers.map((answer) => [answer.status, answer.json()])).toEqual(values.map((value) => [200, value]));
    expect((await upstream.control({})).initialize).toBe((before.initialize ?? 0) + round);
  }
  expect((await service.serverStates()).get('idle')?.state).toBe('ready');
});

describe.each([
  { type: 'streamable-http', path: '/mcp' },
  { type: 'sse', path: '/sse' },
])('over $type', ({ type, path }) => {
  test('a call that comes while the server restarts waits for it and runs once', async () => {
    const upstream = await startUpstream();
    const service = await startService({ servers: { idle: { type, url: `${upstream.url}${path}` } } });
    expect((await service.call('idle', 'echo', { value: 'before' })).status).toBe(200);
    await upstream.stop();
    // Noticed by the service as well, or the call may go out on the connection that there was.
    expect((await service.get('/healthz')).status).toBe(200);
    const call = service.call('idle', 'echo', { value: 'meanwhile' });
    const started = performance.now();
    await waitFor(() => performance.now() - started > 1_000);
    const next = await startUpstream(upstream.port);
    const answer = await call;
    expect([answer.status, answer.json()]).toEqual([200, 'meanwhile']);
    expect((await next.control({})).ran).toBe(1);
  });
});

test("a user's own session to a server that restarts waits for it as well", async () => {
  const upstream = await startUpstream();
  const key = 'key-of-the-idle-test';
  const service = await startService({
    servers: { idle: { type: 'streamable-http', url: `${upstream.url}/mcp`, headers: { 'x-user': '${user.id}' } } },
    args: ['--api-key', key],
    env: { MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: temporaryFolder() },
  });
  const ann = { authorization: `Bearer ${key}`, 'x-openwebui-user-id': 'ann' };
  // The tools are known with the first session.
  await service.get('/idle/openapi.json', ann);
  expect((await service.call('idle', 'echo', { value: 'before' }, ann)).status).toBe(200);
  await upstream.stop();
  expect((await service.get('/healthz')).status).toBe(200);
  const call = service.call('idle', 'echo', { value: 'meanwhile' }, ann);
  const started = performance.now();
  await waitFor(() => performance.now() - started > 1_000);
  await startUpstream(upstream.port);
  const answer = await call;
  expect([answer.status, answer.json()]).toEqual([200, 'meanwhile']);
});

test('a child that floods its output is ended with the reason, and the next call works', async () => {
  const service = await startService({
    servers: { idle: fixture('idle-stdio.js', [], { maxResultBytes: 100_000, oversizedResults: 'refuse' }) },
  });
  const answer = await service.call('idle', 'flood', {});
  expect(answer.status).toBe(502);
  expect(answer.text).toContain('floods its output');
  expect((await service.call('idle', 'echo', { value: 'after' })).json()).toBe('after');
  expect(service.stderr() + service.stdout()).toMatch(/backing off.*floods its output|floods its output.*backing off/);
});
