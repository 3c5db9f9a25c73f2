import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { keyRecord, outcome, request, setUp } from './open-webui-request.ts';

const SECRET = 'WEBUI_SECRET_KEY of this Open WebUI';
const NOW = Math.floor(Date.now() / 1000);
const session = (claims: object = {}, secret = SECRET) =>
  jwt.sign(JSON.stringify({ id: 'u1', exp: NOW + 3_600, ...claims }), secret, { header: { alg: 'HS256', typ: 'JWT' } });
const user = { id: 'u1', email: 'a@b.c', name: 'Ann', role: 'user', profile_image_url: 'x'.repeat(100_000) };

/** Stands for Open WebUI: answers `/api/v1/auths/` in whatever way a test says. */
let server: Server;
let url: string;
let asked: { path: string | undefined; headers: IncomingHttpHeaders }[];
let answer: (response: ServerResponse) => void;

const json = (status: number, body: unknown) => (response: ServerResponse) => {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
};

beforeEach(async () => {
  asked = [];
  answer = json(200, user);
  server = createServer((incoming, response) => {
    asked.push({ path: incoming.url, headers: incoming.headers });
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  jest.restoreAllMocks();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const call = (authenticator: ReturnType<typeof setUp>, credential: string) =>
  outcome(() =>
    authenticator.authenticate(
      request('Cookie', `token=${session()}`, 'Authorization', `Bearer ${credential}`),
      'bearer',
    ),
  );

describe('with the secret of Open WebUI', () => {
  const authenticator = setUp({ openWebUi: { secretKey: SECRET } });

  test.each<[string, string, string]>([
    ['a good one', session(), 'user open-webui u1'],
    ['an expired one', session({ exp: NOW - 61 }), '401'],
    ['one without exp', session({ exp: undefined }), '401'],
    ['one by another secret', session({}, 'another'), '401'],
    ['one without an id', session({ id: undefined }), '401'],
    ['one whose id is no text', session({ id: { $ne: 1 } }), '401'],
    ['one whose id is empty', session({ id: '' }), '401'],
    ['one by none', `${session().split('.').slice(0, 2).join('.')}.`, '401'],
    ['a user JWT', session({ iss: 'open-webui', sub: 'u1' }), '401'],
    ['half of one', session().slice(0, 40), '401'],
    ['not base64', '!!.??.##', '401'],
    ['100 kB of one', `${session()}${'A'.repeat(100_000)}`, '401'],
    ['an sk- key', 'sk-0123456789abcdef', '401'],
  ])('%s', async (_, token, expected) => {
    expect(await call(authenticator, token)).toBe(expected);
    expect(asked).toEqual([]);
  });

  test('a cookie alone is nothing', async () => {
    const run = () => authenticator.authenticate(request('Cookie', `token=${session()}`), 'bearer');
    expect(await outcome(run)).toBe('401');
  });

  test('the user may call, keep values of their own, and no more', async () => {
    expect(await authenticator.authenticate(request('authorization', `Bearer ${session()}`), 'bearer')).toEqual(
      expect.objectContaining({ scopes: expect.objectContaining({ texts: ['call', 'vault'] }), keyId: undefined }),
    );
  });
});

describe('with the URL of Open WebUI', () => {
  test('asks once for many calls, again after a minute, and never with a cookie', async () => {
    let now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    const authenticator = setUp({ openWebUi: { url: `${url}/` } });
    const token = session();
    const first = await Promise.all(Array.from({ length: 20 }, () => call(authenticator, token)));
    expect(new Set(first)).toEqual(new Set(['user open-webui u1']));
    expect(asked).toHaveLength(1);
    expect(asked[0]).toEqual({
      path: '/api/v1/auths/',
      headers: expect.objectContaining({ authorization: `Bearer ${token}` }),
    });
    expect(asked[0]?.headers.cookie).toBeUndefined();

    now += 59_000;
    expect(await call(authenticator, token)).toBe('user open-webui u1');
    expect(asked).toHaveLength(1);
    now += 2_000;
    answer = json(401, { detail: 'no' });
    expect(await call(authenticator, token)).toBe('401');
    expect(asked).toHaveLength(2);
    // The refusal is remembered too, but not for long.
    expect(await call(authenticator, token)).toBe('401');
    expect(asked).toHaveLength(2);
    now += 11_000;
    answer = json(200, user);
    expect(await call(authenticator, token)).toBe('user open-webui u1');
  });

  test('what was answered does not outlive the token', async () => {
    let now = NOW * 1_000;
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    const authenticator = setUp({ openWebUi: { url } });
    const token = session({ exp: NOW + 10 });
    expect(await call(authenticator, token)).toBe('user open-webui u1');
    now += 10_000;
    await call(authenticator, token);
    expect(asked).toHaveLength(2);
    now += 61_000;
    expect(await call(authenticator, token)).toBe('401');
    expect(asked).toHaveLength(2);
  });

  test.each<[string, (response: ServerResponse) => void, string]>([
    ['401', json(401, {}), '401'],
    ['403', json(403, {}), '401'],
    ['404', json(404, {}), '503'],
    ['429', json(429, {}), '503'],
    ['500', json(500, user), '503'],
    ['a page instead of JSON', (response) => void response.end('<!doctype html>'), '503'],
    ['no user', json(200, {}), '503'],
    ['null', json(200, null), '503'],
    ['a user whose id is a number', json(200, { ...user, id: 1 }), '503'],
    ['a user who is still pending', json(200, { ...user, role: 'pending' }), '403'],
    ['a redirect', (response) => void response.writeHead(302, { Location: `${url}/elsewhere` }).end(), '503'],
    ['an answer without end', (response) => void response.write('x'.repeat(2 * 1024 * 1024)), '503'],
    ['half an answer', (response) => void response.destroy(), '503'],
  ])('%s', async (_, given, expected) => {
    answer = given;
    const authenticator = setUp({ openWebUi: { url } });
    expect(await call(authenticator, session())).toBe(expected);
    expect(asked).toHaveLength(1);
  });

  test('lets nobody in while Open WebUI is gone or silent, and says so without its address', async () => {
    answer = () => undefined;
    const authenticator = setUp({ openWebUi: { url } });
    expect(await call(authenticator, session())).toBe('503');

    const gone = setUp({ openWebUi: { url: 'http://127.0.0.1:1' } });
    const error = await gone
      .authenticate(request('Authorization', `Bearer ${session()}`), 'bearer')
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('could not be reached');
    expect(String(error)).not.toContain('127.0.0.1');
  });

  test('a failure is not remembered', async () => {
    answer = json(502, {});
    const authenticator = setUp({ openWebUi: { url } });
    expect(await call(authenticator, session())).toBe('503');
    answer = json(200, user);
    expect(await call(authenticator, session())).toBe('user open-webui u1');
  });

  test('asks about sk- keys, which are wrong keys if it knows none', async () => {
    const authenticator = setUp({ openWebUi: { url } });
    expect(await call(authenticator, 'sk-0123456789abcdef')).toBe('user open-webui u1');
    answer = json(401, {});
    expect(await call(authenticator, 'sk-0123456789abcdee')).toBe('403');
  });

  test.each([
    ['a token of another issuer', session({ iss: 'https://id.example.org', id: 'x' })],
    ['a token with a subject', session({ sub: 's' })],
    ['no token', 'abc'],
    ['an expired session', session({ exp: NOW - 100 })],
  ])('is not sent %s', async (_, token) => {
    expect(await call(setUp({ openWebUi: { url } }), token)).toBe('401');
    expect(asked).toEqual([]);
  });

  test('with the secret too, it is asked only about what is verified', async () => {
    const authenticator = setUp({ openWebUi: { url, secretKey: SECRET } });
    expect(await call(authenticator, session({}, 'another'))).toBe('401');
    expect(asked).toEqual([]);
    expect(await call(authenticator, session())).toBe('user open-webui u1');
    expect(asked).toHaveLength(1);
  });

  test('an API key of our own is never sent there', async () => {
    const authenticator = setUp({ openWebUi: { url }, keys: [keyRecord('k', 'sk-0123456789abcdef')] });
    expect(await call(authenticator, 'sk-0123456789abcdef')).toBe('api-key');
    expect(asked).toEqual([]);
  });
});
