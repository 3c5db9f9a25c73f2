import { connect, type Socket } from 'node:net';
import { afterEach, expect } from '@jest/globals';
import { auditFile, lineOf } from '../audit-lines.ts';
import { fixture, runCommand, type Service, startService, test, waitFor } from '../harness.ts';

const servers = { env: fixture('env.js') };
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

interface Connection {
  readonly isOpen: () => boolean;
}

/** Opens connections that send this much of a request and nothing more. */
function openMany(service: Service, count: number, sent: string, localAddress = '127.0.0.1'): readonly Connection[] {
  return Array.from({ length: count }, () => {
    let isOpen = true;
    const end = (): void => {
      isOpen = false;
    };
    const socket = connect({ host: '127.0.0.1', port: service.port, localAddress });
    sockets.push(socket);
    socket.on('error', end).on('close', end).resume();
    if (sent !== '') socket.write(sent);
    return { isOpen: () => isOpen };
  });
}

const openOnes = (connections: readonly Connection[]): number => connections.filter(({ isOpen }) => isOpen()).length;
const get = (service: Service, localAddress: string) => service.request('GET', '/healthz', { localAddress });
const HALF = 'POST /env/environment HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ';

test('connections of one address are bounded, whatever they send, and others come through', async () => {
  const service = await startService({ servers, env: { MCPO_MAX_CONNECTIONS_PER_ADDRESS: '50' } });
  for (const sent of ['', HALF]) {
    const many = openMany(service, 300, sent, '127.0.0.2');
    await waitFor(() => openOnes(many) <= 50, 20_000, 'the connections beyond the limit to be closed');
    await expect(get(service, '127.0.0.2')).rejects.toThrow();
    expect((await get(service, '127.0.0.3')).status).toBe(200);
    expect(openOnes(many)).toBe(50);
    for (const socket of sockets.splice(0)) socket.destroy();
    await waitFor(async () => (await get(service, '127.0.0.2').catch(() => undefined))?.status === 200, 20_000, 'room');
  }
  expect(service.stderr()).toMatch(
    /"connections are refused: too many are open","limit":"MCPO_MAX_CONNECTIONS_PER_ADDRESS"/,
  );
});

test('connections are bounded in all', async () => {
  const service = await startService({ servers, env: { MCPO_MAX_CONNECTIONS: '60' } });
  const many = ['127.0.0.2', '127.0.0.3', '127.0.0.4'].flatMap((address) => openMany(service, 100, HALF, address));
  await waitFor(() => openOnes(many) <= 60, 20_000, 'the connections beyond the limit to be closed');
  // And not because they were silent for too long.
  expect(service.stderr()).toContain('"limit":"MCPO_MAX_CONNECTIONS"');
  for (const socket of sockets.splice(0)) socket.destroy();
  await waitFor(async () => (await get(service, '127.0.0.1').catch(() => undefined))?.status === 200, 20_000, 'room');
});

test('half-open and idle connections are closed after a while, and a running call is not', async () => {
  const service = await startService({ servers: { ...servers, answers: fixture('answers.js') } });
  const call = service.call('answers', 'slow', { ms: 25_000 });
  const many = [...openMany(service, 200, HALF), ...openMany(service, 200, '')];
  await waitFor(() => openOnes(many) === 0, 45_000, 'the half-open connections to be closed');
  expect((await call).status).toBe(200);
}, 90_000);

test('a proxy that is trusted may open as many connections as it needs', async () => {
  const env = { MCPO_MAX_CONNECTIONS_PER_ADDRESS: '20', MCPO_TRUST_PROXY: '127.0.0.2' };
  const service = await startService({ servers, env });
  const many = openMany(service, 100, HALF, '127.0.0.2');
  expect((await get(service, '127.0.0.2')).status).toBe(200);
  expect(openOnes(many)).toBe(100);
});

for (const setting of ['true', '1', '2', '*', '0.0.0.0/1,128.0.0.0/1', '1,loopback']) {
  test(`MCPO_TRUST_PROXY=${setting} names no proxy: the start is refused and says what to write`, async () => {
    const ended = await runCommand(['--port', '0'], { servers, env: { MCPO_TRUST_PROXY: setting } });
    expect([ended.code, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toMatch(/MCPO_TRUST_PROXY.*must name the proxies in front by address, such as .*loopback/);
  });
}

test('a forwarded address counts from the proxies that are named and from nobody else', async () => {
  const file = auditFile();
  const key = 'key-of-the-connections-test-4be2';
  const env = { MCPO_API_KEY: key, MCPO_TRUST_PROXY: '127.0.0.5,127.0.0.6', SECURITY_LOG_FILE: file };
  const service = await startService({ servers, env });
  const seen = async (localAddress: string, forwarded: string) => {
    const headers = { authorization: `Bearer ${key}`, 'x-forwarded-for': forwarded };
    const answer = await service.request('POST', '/env/environment', { headers, localAddress });
    return (await lineOf(file, answer)).client_ip;
  };
  const rows: [string, string, string][] = [
    ['127.0.0.1', '203.0.113.7', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.5', '127.0.0.1'],
    ['127.0.0.1', '203.0.113.7, 127.0.0.5', '127.0.0.1'],
    ['127.0.0.5', '203.0.113.7', '203.0.113.7'],
    ['127.0.0.5', '6.6.6.6, 203.0.113.7', '203.0.113.7'],
    ['127.0.0.6', '203.0.113.7, 127.0.0.5', '203.0.113.7'],
    ['127.0.0.5', '6.6.6.6, 10.0.0.1, 127.0.0.6', '10.0.0.1'],
  ];
  for (const [from, forwarded, expected] of rows) {
    expect([from, forwarded, await seen(from, forwarded)]).toEqual([from, forwarded, expected]);
  }
});
