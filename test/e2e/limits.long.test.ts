import { expect } from '@jest/globals';
import { auditFile, lineOf } from './audit-lines.ts';
import { fixture, runCommand, type Service, startService, test } from './harness.ts';
import type { HttpAnswer } from './http-request.ts';

const servers = { answers: fixture('answers.js') };
const right = 'key-that-is-right-27c1';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const jwt = { JWT_SECRET: 'secret-of-the-test-that-is-long-enough-6b1f' };

async function tokenOf(user: string): Promise<string> {
  return (await runCommand(['token', 'issue', '--user', user], { env: jwt })).stdout.trim();
}

const post = (service: Service, headers: Record<string, string>, localAddress?: string): Promise<HttpAnswer> =>
  service.request('POST', '/answers/text', { headers, localAddress });

test('a caller over the limit is reported when to come back, and no one else is', async () => {
  const service = await startService({ servers, env: { ...jwt, MCPO_API_KEY: right, MCPO_RATE_LIMIT: '5/1m' } });
  const [ada, bob] = [await tokenOf('ada'), await tokenOf('bob')];
  for (let count = 1; count <= 5; count += 1) {
    const answer = await post(service, bearer(ada));
    expect([count, answer.status]).toEqual([count, 200]);
    expect(JSON.stringify(answer.headers)).toMatch(/"ratelimit[^"]*":/);
  }
  const refused = await post(service, bearer(ada));
  expect(refused.status).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
  expect(JSON.stringify(refused.headers)).toMatch(/"ratelimit[^"]*":/);
  expect(refused.json()).toEqual({
    detail: { code: 'rate_limited', message: expect.stringMatching(/^Too many calls; try again in \d+ s\.$/) },
  });
  // The same user with another token is the same; others are not.
  expect((await post(service, bearer(await tokenOf('ada')))).status).toBe(429);
  expect((await post(service, bearer(bob))).status).toBe(200);
  expect((await post(service, bearer(right))).status).toBe(200);
  // A limit on calls is none on documents.
  expect((await service.get('/answers/openapi.json', bearer(ada))).status).toBe(200);
});

test('without authentication each address is counted by itself', async () => {
  const service = await startService({ servers, env: { MCPO_RATE_LIMIT: '2/1m' } });
  const statuses: number[] = [];
  for (const address of ['127.0.0.2', '127.0.0.2', '127.0.0.2', '127.0.0.3']) {
    statuses.push((await post(service, {}, address)).status);
  }
  expect(statuses).toEqual([200, 200, 429, 200]);
});

test('the servers file can hold the limit, and the variable wins over it', async () => {
  const config = { mcpServers: servers, rateLimit: { calls: '1/1m' } };
  const service = await startService({ config });
  expect([(await post(service, {})).status, (await post(service, {})).status]).toEqual([200, 429]);
  const other = await startService({ config, env: { MCPO_RATE_LIMIT: 'off' } });
  expect([(await post(other, {})).status, (await post(other, {})).status]).toEqual([200, 200]);
});

test('1,000 wrong keys slow down who guesses, while the right one works all along', async () => {
  const service = await startService({ servers, env: { MCPO_API_KEY: right, LOG_LEVEL: 'error' } });
  const guesses = new Map<number, number>();
  const rightStatuses = new Set<number>();
  for (let guess = 0; guess < 1_000; guess += 1) {
    const answer = await post(service, bearer(`guess-${guess}`), '127.0.0.2');
    guesses.set(answer.status, (guesses.get(answer.status) ?? 0) + 1);
    if (answer.status === 429) expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    if (guess % 10 === 0) rightStatuses.add((await post(service, bearer(right))).status);
  }
  expect([...rightStatuses]).toEqual([200]);
  expect([...guesses.keys()].sort()).toEqual([403, 429]);
  expect(guesses.get(429)).toBeGreaterThan(900);
  // A mistake from another address is still told as one, and a key that was right before works from the guesser's too.
  expect((await post(service, bearer('guess-last'))).status).toBe(403);
  expect((await post(service, bearer(right), '127.0.0.2')).status).toBe(200);
}, 60_000);

test('a right key that succeeds does not give guesses back', async () => {
  const service = await startService({ servers, env: { MCPO_API_KEY: right, MCPO_AUTH_FAILURE_LIMIT: '5/1m' } });
  const statuses: number[] = [];
  for (let guess = 0; guess < 8; guess += 1) {
    statuses.push((await post(service, bearer(`guess-${guess}`), '127.0.0.2')).status);
    expect((await post(service, bearer(right), '127.0.0.2')).status).toBe(200);
  }
  expect(statuses).toEqual([403, 403, 403, 403, 403, 403, 429, 429]);
});

test('two clients behind a trusted proxy are distinguished', async () => {
  const file = auditFile();
  const service = await startService({
    servers,
    env: {
      MCPO_API_KEY: right,
      MCPO_TRUST_PROXY: 'loopback',
      MCPO_AUTH_FAILURE_LIMIT: '3/1m',
      SECURITY_LOG_FILE: file,
    },
  });
  const from = (forwarded: string, key: string) => post(service, { ...bearer(key), 'x-forwarded-for': forwarded });
  for (let guess = 0; guess < 6; guess += 1) await from(`10.9.9.${guess}, 203.0.113.7`, `guess-${guess}`);
  expect((await from('10.9.9.99, 203.0.113.7', 'guess-last')).status).toBe(429);
  const other = await from('203.0.113.8', 'guess-last');
  expect(other.status).toBe(403);
  expect((await from('203.0.113.8', right)).status).toBe(200);
  expect((await lineOf(file, other)).client_ip).toBe('203.0.113.8');
});

test('without a trusted proxy callers cannot choose their address', async () => {
  const file = auditFile();
  const env = { MCPO_API_KEY: right, MCPO_AUTH_FAILURE_LIMIT: '3/1m', SECURITY_LOG_FILE: file };
  const service = await startService({ servers, env });
  const statuses: number[] = [];
  for (let guess = 0; guess < 6; guess += 1) {
    const headers = {
      ...bearer(`guess-${guess}`),
      'x-forwarded-for': `203.0.113.${guess}`,
      forwarded: 'for=203.0.113.1',
    };
    const answer = await post(service, headers);
    statuses.push(answer.status);
    expect((await lineOf(file, answer)).client_ip).toBe('127.0.0.1');
  }
  expect(statuses).toEqual([403, 403, 403, 403, 429, 429]);
});

test('HSTS is sent only when a trusted proxy says that the caller speaks TLS', async () => {
  const headers = { 'x-forwarded-proto': 'https', host: 'tools.example.org' };
  const rows: [string, Record<string, string>, boolean][] = [
    ['loopback', headers, true],
    ['loopback', { ...headers, 'x-forwarded-proto': 'http' }, false],
    ['loopback', { host: 'tools.example.org' }, false],
    ['192.0.2.1', headers, false],
    ['none', headers, false],
  ];
  const started = new Map<string, Service>();
  for (const [trust, sent, isSent] of rows) {
    const service = started.get(trust) ?? (await startService({ servers, env: { MCPO_TRUST_PROXY: trust } }));
    started.set(trust, service);
    for (const answer of [await service.get('/healthz', sent), await post(service, sent)]) {
      const header = answer.headers['strict-transport-security'];
      expect([trust, sent, header !== undefined]).toEqual([trust, sent, isSent]);
    }
  }
});
