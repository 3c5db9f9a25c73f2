import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test } from '../harness.ts';

const KEY = 'key-of-the-attack-test';
const SECRET = 'Zq7-wX2+kP9/mT4=vB6.nH8_cJ3~rL';
const LIMIT = 10_000;
const SPELLINGS = {
  raw: SECRET,
  json: JSON.stringify(`"${SECRET}"`),
  hex: Buffer.from(SECRET).toString('hex'),
  base64: Buffer.from(`usr${SECRET}`).toString('base64').slice(4),
  url: encodeURIComponent(SECRET),
};
/** Any of these would tell a good part of it. */
const parts = [SECRET, ...Object.values(SPELLINGS)]
  .flatMap((spelling) => Array.from({ length: spelling.length - 7 }, (_, at) => spelling.slice(at, at + 8)))
  .filter((part) => !/^[%"\\]/.test(part));

const user = (name: string) => ({ authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': name });
/** Sets a user's own value for the server `own`. */
const put = (service: Service, name: string, value: string) =>
  service.request('PUT', '/vault/api/servers/own/variables/TOKEN', {
    headers: { ...user(name), 'content-type': 'application/json' },
    body: JSON.stringify({ value }),
  });

describe('a secret where an answer is cut', () => {
  let service: Service;

  beforeAll(async () => {
    service = await startService({
      servers: {
        shared: fixture('indiscreet.js', ['alive'], { env: { CANARY_VALUE: SECRET } }),
        own: fixture('indiscreet.js', ['alive'], {
          env: { CANARY_VALUE: '${TOKEN}' },
          userVars: { TOKEN: { title: 'token' } },
        }),
      },
      args: ['--api-key', KEY],
      env: { MCPO_TRUST_USER_HEADERS: 'true' },
    });
    expect((await put(service, 'ann', SECRET)).status).toBe(204);
  });

  for (const server of ['shared', 'own']) {
    for (const tool of ['tool', 'error']) {
      test(`is whole or gone: ${server}, ${tool}`, async () => {
        const found: string[] = [];
        for (const [name, text] of Object.entries(SPELLINGS)) {
          for (const before of [0, LIMIT - text.length - 1, LIMIT - text.length + 1, LIMIT - 8, LIMIT - 1, LIMIT + 1]) {
            const answer = await service.call(server, tool, { length: before, text }, user('ann'));
            expect(answer.status).toBeGreaterThanOrEqual(500);
            const part = parts.find((one) => answer.text.includes(one));
            if (part !== undefined) found.push(`${name} after ${before} characters: ${part}`);
          }
        }
        expect(found).toEqual([]);
      });
    }
  }

  test('is in no line of the log', () => {
    expect(parts.find((one) => service.stderr().includes(one))).toBeUndefined();
  });
});

/** Processor time that a process has used; what else the machine does has no part in it. */
function cpuSeconds(pid: number): number {
  const [, , , , , , , , , , , user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(user) + Number(system)) / 100;
}

describe('a value that repeats itself', () => {
  let service: Service;

  beforeAll(async () => {
    service = await startService({
      servers: {
        own: fixture('indiscreet.js', ['alive'], {
          env: { CANARY_VALUE: '${TOKEN}' },
          userVars: { TOKEN: { title: 'token' } },
        }),
      },
      args: ['--api-key', KEY],
      env: { MCPO_TRUST_USER_HEADERS: 'true' },
    });
  });

  test('is of at most 16 kB', async () => {
    expect((await put(service, 'bob', 'a'.repeat(60_000))).status).toBe(422);
    const refused = await put(service, 'bob', 'a'.repeat(16 * 1024 + 1));
    expect([refused.status, refused.text]).toEqual([422, expect.stringContaining('16 KiB')]);
    expect((await put(service, 'bob', 'a'.repeat(16 * 1024))).status).toBe(204);
  });

  test('holds up nobody while it is looked for in a long text', async () => {
    const call = (text: string) => service.call('own', 'error', { length: 0, text }, user('bob'));
    await call('warm');
    const before = cpuSeconds(service.pid);
    for (const text of ['a'.repeat(100_000), `${'a'.repeat(16_383)}b`.repeat(6)]) {
      const answer = await call(text);
      expect(answer.text).not.toContain('a'.repeat(16_384));
    }
    // It was 10 seconds, and is a few hundredths.
    expect(cpuSeconds(service.pid) - before).toBeLessThan(2);
  });
});
