import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect, test } from '@jest/globals';
import { admin, guess, openProxy, openReplica, passed, rate, toClose, untilState, url } from './redis-replica.ts';

const DOWN = 'warn Redis cannot be used: until it answers, limits hold for each replica alone';
const UP = 'info Redis answers again: limits hold over all replicas';

test('cut off, each replica holds the limit alone, with what it counted before; then they share it again', async () => {
  const proxy = await openProxy();
  const { calls, limits, lines } = await openReplica(proxy.urlOf(url));
  const other = await openReplica();
  const used = randomUUID();
  const fresh = randomUUID();
  expect(await passed([calls], 20, used)).toBe(rate.limit);

  await proxy.cut();
  await untilState(limits, 'down');
  expect(limits.status()).toEqual({ store: 'redis', state: 'down' });
  expect(await passed([calls], 5, used)).toBe(0);
  expect(await passed([calls], 20, fresh)).toBe(rate.limit);
  const address = `host ${randomUUID()}`;
  let looked = 0;
  for (let index = 0; index < 20; index += 1) {
    if ((await guess(limits, { address, credential: `wrong ${index}` })) === 0) looked += 1;
  }
  expect(looked).toBe(rate.limit + 1);
  expect(await passed([other.calls], 20, fresh)).toBe(rate.limit);
  expect(lines).toEqual([expect.stringContaining(DOWN)]);

  await proxy.listen();
  await untilState(limits, 'up');
  expect(lines).toEqual([expect.stringContaining(DOWN), UP]);
  expect(await passed([calls], 5, fresh)).toBe(0);
  expect(await passed([calls, other.calls], 20, randomUUID())).toBe(rate.limit);
});

test('a Redis that hangs costs a request a quarter of a second at most, and only those of that moment', async () => {
  const proxy = await openProxy();
  const { calls, limits, lines } = await openReplica(proxy.urlOf(url));
  proxy.hang();
  const begun = performance.now();
  expect(await passed([calls], 20, randomUUID())).toBe(rate.limit);
  const tookMs = performance.now() - begun;
  expect(tookMs).toBeGreaterThanOrEqual(200);
  expect(limits.status().state).toBe('down');
  for (let index = 0; index < 20; index += 1) await passed([calls], 5, randomUUID());
  expect(lines).toEqual([`${DOWN} no answer in time`]);
  proxy.passOn();
  await untilState(limits, 'up');
  expect(lines).toEqual([`${DOWN} no answer in time`, UP]);
});

test('a start waits for a Redis that hangs or is not there no longer than a request does', async () => {
  const proxy = await openProxy();
  proxy.hang();
  for (const redisUrl of [proxy.urlOf(url), 'redis://127.0.0.1:1']) {
    const { calls, limits } = await openReplica(redisUrl);
    expect(limits.status()).toEqual({ store: 'redis', state: 'down' });
    expect(await passed([calls], 20, randomUUID())).toBe(rate.limit);
  }
});

test('a process that is busy for half a second does not take Redis for gone', async () => {
  const { calls, limits, lines } = await openReplica();
  const counted = passed([calls], 20, randomUUID());
  const until = performance.now() + 500;
  while (performance.now() < until);
  expect(await counted).toBe(rate.limit);
  expect(limits.status().state).toBe('up');
  expect(lines).toEqual([]);
});

test('it logs in with the user and password of the URL, and neither is revealed when they are wrong', async () => {
  const user = `mcpo-test-${randomUUID()}`;
  const password = `p@ss/${randomUUID()}`;
  await admin.sendCommand(['ACL', 'SETUSER', user, 'on', `>${password}`, '~mcpo:*', '+@all']);
  toClose.push(() => admin.sendCommand(['ACL', 'DELUSER', user]));
  const withUser = new URL(url);
  withUser.username = user;
  withUser.password = encodeURIComponent(password);
  const right = await openReplica(withUser.href);
  expect(right.limits.status().state).toBe('up');
  const other = await openReplica();
  expect(await passed([right.calls, other.calls], 20, randomUUID())).toBe(rate.limit);

  const wrong = `canary-${randomUUID()}`;
  withUser.password = wrong;
  const { calls, limits, lines } = await openReplica(withUser.href);
  expect(limits.status().state).toBe('down');
  expect(await passed([calls], 20, randomUUID())).toBe(rate.limit);
  expect(lines).toEqual([`${DOWN} WRONGPASS`]);
});

test('a user who may not write is not taken for a Redis that works', async () => {
  const user = `mcpo-test-${randomUUID()}`;
  await admin.sendCommand(['ACL', 'SETUSER', user, 'on', '>secret', '~other:*', '+@all']);
  toClose.push(() => admin.sendCommand(['ACL', 'DELUSER', user]));
  const withUser = new URL(url);
  withUser.username = user;
  withUser.password = 'secret';
  const { limits, lines } = await openReplica(withUser.href);
  expect(limits.status().state).toBe('down');
  expect(lines).toEqual([expect.stringMatching(/ (NOPERM|ERR)$/)]);
});

test('rediss: speaks TLS, and only with a Redis whose certificate is right', async () => {
  const read = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url));
  const received: string[] = [];
  const server = createTlsServer({ cert: read('first-cert.pem'), key: read('first-key.pem') }, (socket) => {
    socket.on('data', (data) => received.push(data.toString())).on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  toClose.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { limits, lines } = await openReplica(`rediss://:canary@127.0.0.1:${port}`);
  expect(limits.status().state).toBe('down');
  expect(lines).toEqual([`${DOWN} DEPTH_ZERO_SELF_SIGNED_CERT`]);
  expect(received.join('')).not.toContain('canary');
});
