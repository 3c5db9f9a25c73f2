import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, type Service, startService, temporaryFolder, test } from '../harness.ts';
import { formHeaders } from '../vault-visit.ts';

type Headers = Readonly<Record<string, string>>;

const json = { 'content-type': 'application/json' };
const servers = { answers: fixture('answers.js') };
/** The tool route and the app, as pages would ask for them. */
const ways = [
  ['POST', '/answers/text'],
  ['GET', '/answers/openapi.json'],
  ['GET', '/docs'],
  ['GET', '/'],
  ['OPTIONS', '/answers/text'],
  ['GET', '/nowhere'],
] as const;

describe('without authentication', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({
      servers,
      args: ['--allowed-hosts', 'mcpo'],
      env: { MCPO_ALLOWED_HOSTS: 'tools.lan' },
    });
  }, 60_000);

  const ask = (method: string, path: string, headers: Headers) =>
    service.request(method, path, method === 'POST' ? { headers: { ...json, ...headers }, body: '{}' } : { headers });

  for (const [method, path] of ways) {
    test(`${method} ${path} is refused under names and to pages that are not ours`, async () => {
      const foreign: Headers[] = [
        { host: 'evil.example' },
        { host: `evil.example:${service.port}`, origin: `http://evil.example:${service.port}` },
        { host: `127.0.0.1.evil.example:${service.port}` },
        { host: '10.255.255.1' },
        { host: 'a/b' },
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: 'http://localhost:1' },
        { origin: `https://127.0.0.1:${service.port}` },
        { origin: 'file://' },
      ];
      for (const headers of foreign) {
        const answer = await ask(method, path, headers);
        expect([headers, answer.status]).toEqual([headers, 403]);
        expect(answer.headers['access-control-allow-origin']).toBeUndefined();
        expect(answer.text).toMatch(/--allowed-hosts|--cors-allow-origins/);
        expect(answer.text).toContain('MCPO_API_KEY');
      }
    });

    test(`${method} ${path} is answered under our own names, without a wildcard`, async () => {
      const plain = (await ask(method, path, {})).status;
      expect(plain).not.toBe(403);
      const { port } = service;
      const own: Headers[] = [
        { host: `localhost:${port}` },
        { host: 'LOCALHOST' },
        { host: `[::1]:${port}` },
        { host: 'mcpo:8000' },
        { host: 'tools.lan' },
        { host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' },
      ];
      for (const headers of own) {
        const answer = await ask(method, path, headers);
        expect([headers, answer.status]).toEqual([headers, plain]);
        expect(answer.headers['access-control-allow-origin']).not.toBe('*');
      }
    });
  }

  test('no request that needs no preflight runs a tool', async () => {
    const simple: [headers: Headers, body: string | undefined][] = [
      [{}, '{}'],
      [{ 'content-type': 'text/plain' }, '{}'],
      [{ 'content-type': 'text/plain;application/json' }, '{}'],
      [{ 'content-type': 'application/x-www-form-urlencoded' }, 'a=b'],
      [{ 'content-type': 'application/x-www-form-urlencoded' }, undefined],
      [{ 'content-type': 'multipart/form-data; boundary=x' }, '--x--'],
      [{ 'transfer-encoding': 'chunked' }, '{}'],
      [{ 'sec-fetch-site': 'cross-site' }, undefined],
      [{ 'sec-fetch-site': 'same-site' }, undefined],
      [{ ...json, 'sec-fetch-site': 'cross-site' }, '{}'],
      [{ origin: 'null' }, undefined],
    ];
    for (const [headers, body] of simple) {
      const answer = await service.request('POST', '/answers/text', { headers, body });
      expect([headers, [403, 415].includes(answer.status)]).toEqual([headers, true]);
    }
  });

  test('programs on this machine go on calling, with or without a body', async () => {
    expect((await service.call('answers', 'text', {})).text).toBe('"hello"');
    expect((await service.request('POST', '/answers/text')).text).toBe('"hello"');
    for (const path of ['/healthz', '/readyz']) {
      expect((await service.get(path, { host: 'balancer.example' })).status).toBe(200);
    }
  });
});

test('an origin that the admin allows is let in, and no other', async () => {
  const service = await startService({ servers, args: ['--cors-allow-origins', 'https://chat.example'] });
  const from = (origin: string) => service.call('answers', 'text', {}, { origin, 'sec-fetch-site': 'cross-site' });
  const allowed = await from('https://chat.example');
  expect([allowed.status, allowed.headers['access-control-allow-origin']]).toEqual([200, 'https://chat.example']);
  expect((await from('https://evil.example')).status).toBe(403);
});

test('with a key, forms are taken from our own addresses and not from whatever Host says', async () => {
  const key = 'key-against-rebound-names-4d1b';
  const env = { MCPO_API_KEY: key, MCPO_DATA_DIR: temporaryFolder() };
  const service = await startService({ servers, env });
  const logIn = (host: string, origin: string) =>
    service.request('POST', '/vault/log-in', {
      headers: { ...formHeaders(origin), host },
      body: new URLSearchParams({ credential: key }).toString(),
    });
  const { port } = service;
  expect((await logIn(`127.0.0.1:${port}`, service.url)).status).toBe(303);
  expect((await logIn(`localhost:${port}`, `http://localhost:${port}`)).status).toBe(303);
  for (const host of ['evil.example', `evil.example:${port}`, `10.255.255.1:${port}`]) {
    const answer = await logIn(host, `http://${host}`);
    expect([host, answer.status, answer.headers['set-cookie']]).toEqual([host, 403, undefined]);
    expect(answer.text).toContain('MCPO_PUBLIC_URL');
    expect(answer.text).toContain('MCPO_ALLOWED_HOSTS');
  }
  // Tools are open to every origin then: the key protects them.
  const call = await service.call('answers', 'text', {}, { authorization: `Bearer ${key}`, host: 'mcpo:8000' });
  expect([call.status, call.headers['access-control-allow-origin']]).toEqual([200, '*']);
});
