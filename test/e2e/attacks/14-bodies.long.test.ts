import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { expect } from '@jest/globals';
import { fixture, type Service, startService, test, waitFor } from '../harness.ts';
import type { HttpAnswer } from '../http-request.ts';

const LIMIT = 10 * 1024 * 1024;
/** A body of the largest size that is taken, filled with one text. */
const filled = (start: string, part: string, end: string): string =>
  start + part.repeat(Math.floor((LIMIT - start.length - end.length) / part.length)) + end;

const manyNumbers = filled('{"a":[', '1,', '1]}');
const manyObjects = filled('{"a":[', '{},', '1]}');
const manyArrays = filled('{"a":[', '[],', '1]}');
const deep = filled('{"a":', '[', '');
const oneText = filled('{"a":"', 'x', '"}');
const smaller = oneText.slice(0, 2 * 1024 * 1024) + oneText.slice(-2);
const servers = { env: fixture('env.js') };

const post = (service: Service, body: Buffer | string, encoding?: string): Promise<HttpAnswer> =>
  service.request('POST', '/env/environment', {
    headers: {
      'content-type': 'application/json',
      ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
    },
    body,
  });

/** Most memory that the process ever had, in MiB. */
const peakMemory = (service: Service): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8'))?.[1]) / 1024;

/** Asks for `/healthz` all the while; returns the statuses that it answered with. */
async function healthWhile(service: Service, work: Promise<unknown>): Promise<ReadonlyMap<number, number>> {
  const statuses = new Map<number, number>();
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  work.then(end, end);
  do {
    const { status } = await service.get('/healthz');
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  } while (!isOver);
  return statuses;
}

test('small compressed bodies that become ten megabytes of values are refused, many at once too', async () => {
  const service = await startService({ servers });
  const before = peakMemory(service);
  const bodies = [manyNumbers, manyObjects, manyArrays, deep].map((text) => gzipSync(text));
  for (const body of bodies) expect(body.length).toBeLessThan(20_000);
  const answers = Promise.all(Array.from({ length: 32 }, (_, index) => post(service, bodies[index % 4] ?? '', 'gzip')));
  const health = await healthWhile(service, answers);
  const refusals = new Set(
    (await answers).map(
      ({ status, text }) => `${status} ${/"type":"(\w+)"|"code":"(\w+)"/.exec(text)?.slice(1).join('')}`,
    ),
  );
  // Those that come while the bodies of others are held may be sent away; none runs a tool.
  for (const refusal of refusals) {
    expect(['422 too_long', '422 too_deep', '503 server_unavailable']).toContain(refusal);
  }
  expect(refusals).toContain('422 too_long');
  expect(refusals).toContain('422 too_deep');
  expect([...health.keys()]).toEqual([200]);
  // Four of them alone took 1,300 MiB once.
  expect(peakMemory(service) - before).toBeLessThan(700);
}, 120_000);

test('what is decompressed is bounded while it is read', async () => {
  const service = await startService({ servers });
  const before = peakMemory(service);
  const bomb = Buffer.alloc(300 * 1024 * 1024, ' ');
  const compressed: [string, Buffer][] = [
    ['gzip', gzipSync(bomb)],
    ['deflate', deflateSync(bomb)],
    ['br', brotliCompressSync(bomb, { params: {} })],
  ];
  for (const [encoding, body] of compressed) {
    const answer = await post(service, body, encoding);
    expect([encoding, answer.status]).toEqual([encoding, 413]);
  }
  expect(peakMemory(service) - before).toBeLessThan(250);
  const rows: [string, Buffer, number][] = [
    ['gzip', gzipSync('{}'), 200],
    ['deflate', deflateSync('{}'), 200],
    ['br', brotliCompressSync('{}'), 200],
    ['gzip', Buffer.alloc(0), 200],
    ['gzip', Buffer.from('{}'), 422],
    ['gzip', gzipSync('{"a":1}').subarray(0, 15), 422],
    ['zstd', Buffer.from('{}'), 415],
  ];
  for (const [encoding, body, status] of rows) {
    const answer = await post(service, body, encoding);
    expect([encoding, body.length, answer.status]).toEqual([encoding, body.length, status]);
  }
}, 120_000);

test('the bodies of all calls are bounded together, and small ones are let through all the while', async () => {
  const heldServer = fixture('bodies.js', [], { maxConcurrency: 8, maxConcurrencyPerUser: 1 });
  const service = await startService({ servers: { env: fixture('env.js'), held: heldServer } });
  const leaving = new AbortController();
  setMaxListeners(0, leaving.signal);
  const statuses: number[] = [];
  const first = service
    .request('POST', '/held/hold', {
      headers: { 'content-type': 'application/json' },
      body: '{}',
      signal: leaving.signal,
    })
    .catch(() => undefined);
  // 30 calls wait for it, with ten megabytes each: one caller may hold three quarters of 256 MiB.
  const held = Array.from({ length: 30 }, () =>
    service
      .request('POST', '/held/hold', {
        headers: { 'content-type': 'application/json' },
        body: oneText,
        signal: leaving.signal,
      })
      .then(
        ({ status, headers }) => {
          statuses.push(status);
          if (status === 503) expect(headers['retry-after']).toMatch(/^\d+$/);
        },
        () => undefined,
      ),
  );
  const refused = Promise.race([Promise.all(held), waitFor(() => statuses.length >= 30 - 19, 30_000, 'the refusals')]);
  const health = await healthWhile(service, refused);
  expect([...health.keys()]).toEqual([200]);
  expect([statuses.length, new Set(statuses)]).toEqual([11, new Set([503])]);
  for (let call = 0; call < 10; call += 1) expect((await post(service, '{"a":1}')).status).toBe(200);
  // Another address is another caller here; it finds the quarter that is left.
  const other = await service.request('POST', '/env/environment', {
    headers: { 'content-type': 'application/json' },
    body: smaller,
    localAddress: '127.0.0.2',
  });
  expect(other.status).toBe(200);
  leaving.abort();
  await Promise.all([first, ...held]);
  expect((await post(service, smaller)).status).toBe(200);
}, 120_000);
