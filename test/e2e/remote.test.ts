import { beforeAll, describe, expect } from '@jest/globals';
import { freePort } from '../free-port.ts';
import { type Service, startService, test, waitFor } from './harness.ts';
import { startEverything, startHeadersServer } from './remote-servers.ts';

describe('server-everything, elsewhere', () => {
  let service: Service;
  beforeAll(async () => {
    const [streamable, sse] = await Promise.all([startEverything('streamableHttp'), startEverything('sse')]);
    service = await startService({
      servers: {
        streamable: { type: 'streamable-http', url: `http://127.0.0.1:${streamable}/mcp` },
        underscore: { type: 'streamable_http', url: `http://127.0.0.1:${streamable}/mcp` },
        http: { type: 'http', url: `http://127.0.0.1:${streamable}/mcp` },
        sse: { type: 'sse', url: `http://127.0.0.1:${sse}/sse` },
        bare: { url: `http://127.0.0.1:${streamable}/mcp` },
        'bare-sse': { url: `http://127.0.0.1:${sse}/sse` },
      },
    });
  }, 60_000);

  for (const name of ['streamable', 'underscore', 'http', 'sse', 'bare', 'bare-sse']) {
    test(`${name}: calls and describes the tools`, async () => {
      expect(await service.serverStates()).toEqual(
        expect.objectContaining(new Map([[name, expect.objectContaining({ state: 'ready' })]])),
      );
      const answer = await service.call(name, 'echo', { message: 'over the wire' });
      expect([answer.status, answer.json()]).toEqual([200, expect.stringContaining('over the wire')]);
      const document = (await service.get(`/${name}/openapi.json`)).json() as { paths: object };
      expect(Object.keys(document.paths)).toContain('/get-sum');
    });
  }
});

describe('the headers that a server gets', () => {
  let port: number;
  beforeAll(async () => {
    port = await startHeadersServer();
  });

  for (const [type, path] of [
    ['streamable-http', 'mcp'],
    ['sse', 'sse'],
  ]) {
    test(`${type}: those of the config, and none of the caller`, async () => {
      const service = await startService({
        servers: { remote: { type, url: `http://127.0.0.1:${port}/${path}`, headers: { 'X-Team': 'blue' } } },
      });
      const caller = { 'x-secret': 'mine', cookie: 'a=b', 'x-openwebui-user-id': '7' };
      const got = (await service.call('remote', 'headers', {}, caller)).json() as Record<string, string>;
      expect(got['x-team']).toBe('blue');
      for (const name of Object.keys(caller)) expect(got).not.toHaveProperty(name);
    });

    test(`--server-type ${type} --header … -- URL serves it at the root`, async () => {
      const service = await startService({
        args: ['--server-type', type ?? '', '-H', '{"X-Team":"red"}', '--', `http://127.0.0.1:${port}/${path}`],
      });
      const answer = await service.call(undefined, 'headers', {});
      expect(answer.status).toBe(200);
      expect(answer.json()).toMatchObject({ 'x-team': 'red' });
    });
  }

  test('client_header_forwarding passes on the allowed ones, never credentials', async () => {
    const forwarding = { enabled: true, whitelist: ['X-Tenant', 'Authorization', 'Cookie'] };
    const service = await startService({
      servers: {
        remote: { type: 'streamable-http', url: `http://127.0.0.1:${port}/mcp`, client_header_forwarding: forwarding },
      },
    });
    const caller = { 'x-tenant': 't1', 'x-other': 'no', authorization: 'Bearer mine', cookie: 'a=b' };
    const got = (await service.call('remote', 'headers', {}, caller)).json() as Record<string, string>;
    expect(got['x-tenant']).toBe('t1');
    for (const name of ['x-other', 'authorization', 'cookie']) expect(got).not.toHaveProperty(name);
  });
});

test('a server that forgot the session gets a new one, and the call is answered', async () => {
  const port = await startHeadersServer();
  const service = await startService({
    servers: { remote: { type: 'streamable-http', url: `http://127.0.0.1:${port}/mcp` } },
  });
  expect((await service.call('remote', 'forget_sessions', {})).status).toBe(200);
  const answers = await Promise.all([1, 2, 3].map(() => service.call('remote', 'headers', {})));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
});

test('a server that refuses the token is shown as failed, and the token is in no log and no answer', async () => {
  const port = await startHeadersServer({ TOKEN: 'right-token-5e21' });
  const service = await startService({
    servers: {
      right: { url: `http://127.0.0.1:${port}/mcp`, headers: { Authorization: 'Bearer right-token-5e21' } },
      wrong: { url: `http://127.0.0.1:${port}/mcp`, headers: { Authorization: 'Bearer wrong-token-77aa' } },
    },
    env: { LOG_LEVEL: 'debug' },
    waitForReady: false,
  });
  const states = await waitFor(async () => {
    const found = await service.serverStates();
    return found.get('right')?.state === 'ready' && found.get('wrong')?.reason ? found : undefined;
  });
  expect(states.get('wrong')?.state).not.toBe('ready');
  expect(states.get('wrong')?.reason).toMatch(/401/);
  const answer = await service.call('wrong', 'headers', {});
  expect(answer.status).toBe(503);
  expect(answer.headers['retry-after']).toMatch(/^\d+$/);
  const said = [service.stdout(), service.stderr(), answer.text, JSON.stringify([...states])].join('\n');
  expect(said).not.toContain('wrong-token-77aa');
  expect(said).not.toContain('right-token-5e21');
});

test('a server that nobody serves is shown with the reason and costs the others nothing', async () => {
  const [port, closed] = await Promise.all([startHeadersServer(), freePort()]);
  const service = await startService({
    servers: { up: { url: `http://127.0.0.1:${port}/mcp` }, down: { url: `http://127.0.0.1:${closed}/mcp` } },
    waitForReady: false,
  });
  await waitFor(async () => (await service.serverStates()).get('up')?.state === 'ready');
  await waitFor(async () => /refused/i.test((await service.serverStates()).get('down')?.reason ?? ''));
  expect((await service.call('up', 'headers', {})).status).toBe(200);
  expect((await service.call('down', 'headers', {})).status).toBe(503);
});
