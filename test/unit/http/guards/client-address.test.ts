import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { parseTrustProxy } from '../../../../src/config/trust-proxy.ts';
import { strictTransportSecurity } from '../../../../src/http/guards/security-headers.ts';
import { createClientAddress } from '../../../../src/http/guards/trusted-proxies.ts';

interface Given {
  readonly headers?: Record<string, string>;
  readonly from?: string | undefined;
  readonly tls?: boolean;
}

function request({ headers = {}, from = '10.0.0.1', tls = false }: Given): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: from === '' ? undefined : from });
  if (tls) Object.defineProperty(socket, 'encrypted', { value: true });
  const message = new IncomingMessage(socket);
  Object.assign(message.headers, headers);
  return message;
}

function clientOf(setting: string) {
  const trust = parseTrustProxy(setting);
  if (trust === undefined) throw new Error(`${setting} is no setting`);
  return createClientAddress(trust);
}

const addressOf = (setting: string, forwarded: string | undefined, from?: string) =>
  clientOf(setting).addressOf(
    request({ from, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } }),
  );

describe('the address', () => {
  test.each<[string, string | undefined, string | undefined, string]>([
    // Nobody is trusted: what is forwarded is not looked at.
    ['none', '1.1.1.1', undefined, '10.0.0.1'],
    ['none', undefined, '::ffff:192.0.2.1', '192.0.2.1'],
    ['none', undefined, 'fe80::1%eth0', 'fe80::1'],
    ['none', undefined, '', 'unknown'],
    // Networks.
    ['10.0.0.0/8', '6.6.6.6, 1.1.1.1, 10.0.0.2', undefined, '1.1.1.1'],
    ['10.0.0.0/8', '1.1.1.1, 10.0.0.3,10.0.0.2', undefined, '1.1.1.1'],
    ['10.0.0.0/8', '6.6.6.6', '192.0.2.1', '192.0.2.1'],
    ['10.0.0.1', '1.1.1.1', '::ffff:10.0.0.1', '1.1.1.1'],
    ['10.0.0.1', '1.1.1.1, ::ffff:10.0.0.1', undefined, '1.1.1.1'],
    ['loopback, fd00::/8', '2001:DB8:0::1, fd00::2', '::1', '2001:db8::1'],
    ['uniquelocal', '10.0.0.9', undefined, '10.0.0.9'],
    // Ports, and what is no address: then the proxy that handed it on is as far as we know.
    ['10.0.0.1', '1.1.1.1:4711', undefined, '1.1.1.1'],
    ['10.0.0.1', '[2001:db8::1]:4711', undefined, '2001:db8::1'],
    ['10.0.0.1', 'unknown', undefined, '10.0.0.1'],
    ['10.0.0.0/8', '1.1.1.1, _hidden', undefined, '10.0.0.1'],
    ['10.0.0.1', '', undefined, '10.0.0.1'],
    ['10.0.0.1', ',', undefined, '10.0.0.1'],
    ['10.0.0.1', '1.1.1.1\u0000', undefined, '10.0.0.1'],
    ['10.0.0.0/8', `${'6.6.6.6,'.repeat(2_000)}1.1.1.1,10.0.0.2`, undefined, '1.1.1.1'],
  ])('trust %j, forwarded %j, from %j → %s', (setting, forwarded, from, expected) => {
    expect(addressOf(setting, forwarded, from)).toBe(expected);
  });
});

describe('protocol, host and prefix', () => {
  const headers = {
    host: 'inside:8000',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'tools.example.org',
    'x-forwarded-prefix': '/mcp/',
  };
  const all = (setting: string, given: Given) => {
    const client = clientOf(setting);
    return [client.isHttps(request(given)), client.hostOf(request(given)), client.prefixOf(request(given))];
  };

  test('are believed from trusted proxies only', () => {
    expect(all('10.0.0.1', { headers })).toEqual([true, 'tools.example.org', '/mcp']);
    expect(all('10.0.0.0/8', { headers })).toEqual([true, 'tools.example.org', '/mcp']);
    expect(all('none', { headers })).toEqual([false, 'inside:8000', '']);
    expect(all('10.0.0.0/8', { headers, from: '192.0.2.1' })).toEqual([false, 'inside:8000', '']);
    expect(all('none', { headers: { host: 'a' }, tls: true })).toEqual([true, 'a', '']);
    expect(all('10.0.0.1', { headers: { 'x-forwarded-proto': 'http' }, tls: true })[0]).toBe(false);
  });

  test('where proxies add to them, the outermost trusted one counts and not what the caller sent', () => {
    const lists = { 'x-forwarded-proto': 'https, http', 'x-forwarded-host': 'evil.example, tools.example.org' };
    expect(all('10.0.0.1', { headers: lists }).slice(0, 2)).toEqual([false, 'tools.example.org']);
    const two = {
      ...lists,
      'x-forwarded-host': 'evil.example, a.example, b.example',
      'x-forwarded-for': '1.1.1.1, 10.0.0.2',
    };
    expect(all('10.0.0.0/8', { headers: two })[1]).toBe('a.example');
  });

  test.each(['evil.example/path', 'a b', 'a@b', 'a\r\nx', `${'a'.repeat(400)}`, ''])('%j is no host', (host) => {
    expect(clientOf('10.0.0.1').hostOf(request({ headers: { 'x-forwarded-host': host, host: 'inside' } }))).toBe(
      'inside',
    );
    expect(clientOf('none').hostOf(request({ headers: { host } }))).toBeUndefined();
  });

  test.each(['//evil.example', 'x', '/a?b', '/a b', '/../..//', '/', `/${'a'.repeat(300)}`])(
    '%j is no prefix',
    (prefix) => {
      expect(clientOf('10.0.0.1').prefixOf(request({ headers: { 'x-forwarded-prefix': prefix } }))).toBe('');
    },
  );
});

test('Strict-Transport-Security under TLS, or behind a trusted proxy that says https, and not on localhost', () => {
  const sent = (setting: string, given: Given) => {
    const client = clientOf(setting);
    return client.isHttps(request(given)) && strictTransportSecurity(client.hostOf(request(given))).length > 0;
  };
  const proxied = { host: 'tools.example.org', 'x-forwarded-proto': 'https' };
  expect(sent('none', { tls: true, headers: { host: 'tools.example.org' } })).toBe(true);
  expect(sent('10.0.0.1', { headers: proxied })).toBe(true);
  expect(sent('none', { headers: proxied })).toBe(false);
  expect(sent('10.0.0.1', { headers: { ...proxied, 'x-forwarded-proto': 'http' } })).toBe(false);
  expect(sent('none', { tls: true, headers: { host: 'localhost:8000' } })).toBe(false);
});

test('connections of a trusted proxy are known by their socket', () => {
  const proxied = clientOf('10.0.0.1,loopback');
  const addresses = ['10.0.0.1', '::ffff:10.0.0.1', '127.0.0.9', '::1', '10.0.0.2', undefined];
  expect(addresses.map((address) => proxied.isProxy(address))).toEqual([true, true, true, true, false, false]);
  expect(addresses.map((address) => clientOf('none').isProxy(address))).not.toContain(true);
});

describe('the setting', () => {
  test.each(['', 'none', 'off', 'false', '0', ' NONE '])('%j trusts no proxy', (text) => {
    expect(parseTrustProxy(text)).toEqual([]);
  });
  test.each([
    'true',
    '*',
    'all',
    '-1',
    '1',
    '2',
    '21',
    '1,loopback',
    '0.0.0.0/1',
    '128.0.0.0/1,0.0.0.0/1',
    '10.0.0.0/7',
    '2000::/3',
    '1.5',
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/33',
    '10.0.0',
    'a.example',
    '10.0.0.1,',
    '10.0.0.1/8/8',
    'fe80::1%eth0',
  ])('%j is none', (text) => expect(parseTrustProxy(text)).toBeUndefined());
});
