import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { TRUST_NONE } from '../../../../src/config/trust-proxy.ts';
import { createClientAddress } from '../../../../src/http/guards/trusted-proxies.ts';
import { createHostCookies, type HostCookies } from '../../../../src/http/vault/host-cookies.ts';

const client = createClientAddress(TRUST_NONE);
const behindProxy = createClientAddress(['10.0.0.1/32']);

const request = (cookie?: string, more: { socket?: object; headers?: object } = {}) =>
  ({
    headers: { cookie, ...more.headers },
    socket: { remoteAddress: '10.0.0.1', ...more.socket },
  }) as unknown as IncomingMessage;
const encrypted = { socket: { encrypted: true } };

function setCookie(cookies: HostCookies, from: IncomingMessage): unknown {
  const headers: unknown[] = [];
  const response = {
    appendHeader: (name: string, value: unknown) => headers.push(name, value),
  } as unknown as ServerResponse;
  cookies.write(from, response, { name: 'mcpo-vault', value: 'a.b', maxAge: 900, sameSite: 'strict' });
  return headers;
}

describe('the cookie', () => {
  const plain = createHostCookies({ publicUrl: undefined }, client);
  const secure = 'a.b; Max-Age=900; Path=/; HttpOnly; Secure; SameSite=Strict';

  test('has the host prefix and Secure over HTTPS', () => {
    expect(setCookie(plain, request(undefined, encrypted))).toEqual(['Set-Cookie', `__Host-mcpo-vault=${secure}`]);
  });

  test('has them too where the public URL or a trusted proxy says HTTPS', () => {
    const published = createHostCookies({ publicUrl: 'HTTPS://tools.example' }, client);
    expect(setCookie(published, request())).toEqual(['Set-Cookie', `__Host-mcpo-vault=${secure}`]);
    const proxied = createHostCookies({ publicUrl: undefined }, behindProxy);
    const forwarded = request(undefined, { headers: { 'x-forwarded-proto': 'https' } });
    expect(setCookie(proxied, forwarded)).toEqual(['Set-Cookie', `__Host-mcpo-vault=${secure}`]);
  });

  test('over plain HTTP is the same without them, whatever an untrusted sender says', () => {
    const forwarded = request(undefined, { headers: { 'x-forwarded-proto': 'https' } });
    expect(setCookie(plain, forwarded)).toEqual([
      'Set-Cookie',
      'mcpo-vault=a.b; Max-Age=900; Path=/; HttpOnly; SameSite=Strict',
    ]);
  });

  test.each([
    [undefined, undefined],
    ['', undefined],
    ['mcpo-vault=one', 'one'],
    ['other=1; mcpo-vault=one; more=2', 'one'],
    ['mcpo-vault=one; mcpo-vault=two', undefined],
    ['mcpo-vault=one;mcpo-vault =one', undefined],
    ['__Host-mcpo-vault=one', undefined],
    ['xmcpo-vault=one', undefined],
    ['MCPO-VAULT=one', undefined],
    ['__proto__=one', undefined],
  ])('is read over plain HTTP from %j as %j', (header, value) => {
    expect(plain.read(request(header), 'mcpo-vault')).toBe(value);
  });

  test('over HTTPS only the one with the prefix counts', () => {
    expect(plain.read(request('mcpo-vault=planted', encrypted), 'mcpo-vault')).toBeUndefined();
    expect(plain.read(request('mcpo-vault=planted; __Host-mcpo-vault=own', encrypted), 'mcpo-vault')).toBe('own');
  });
});
