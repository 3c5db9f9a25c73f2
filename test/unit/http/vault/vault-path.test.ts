import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { TRUST_NONE } from '../../../../src/config/trust-proxy.ts';
import { createClientAddress } from '../../../../src/http/guards/client-address.ts';
import { isVaultPath, toSetupUrl } from '../../../../src/http/vault/vault-path.ts';

describe('the paths of the pages', () => {
  test.each([
    ['GET', '/vault', '/', true],
    ['GET', '/admin', '/', true],
    ['POST', '/vault/log-in', '/', true],
    ['PUT', '/vault/api/servers/a/variables/B', '/', true],
    ['GET', '/v1/vault', '/v1/', true],
    ['GET', '/vault', '/v1/', true],
    ['POST', '/v1/admin/restart', '/v1/', true],
    ['POST', '/vault', '/', false],
    ['POST', '/admin', '/', false],
    ['GET', '/vaults', '/', false],
    ['GET', '/Vault', '/', false],
    ['GET', '/%76ault', '/', false],
    ['GET', '/x/vault', '/', false],
    ['GET', '/time/admin', '/', false],
    ['GET', '/', '/', false],
  ])('%s %s under %s: %s', (method, path, pathPrefix, expected) => {
    expect(isVaultPath(path, method, { pathPrefix })).toBe(expected);
  });
});

describe('a setup link', () => {
  const request = { headers: { host: 'tools.example:8000' }, socket: {} } as unknown as IncomingMessage;
  const client = createClientAddress(TRUST_NONE);

  test.each([
    [{}, 'http://tools.example:8000/vault/link/the-token'],
    [{ rootPath: '/tools', pathPrefix: '/v1/' }, 'http://tools.example:8000/tools/v1/vault/link/the-token'],
    [{ publicUrl: 'https://a.example/x', pathPrefix: '/v1/' }, 'https://a.example/x/v1/vault/link/the-token'],
  ])('of a service with %j is %s', (more, expected) => {
    const settings = { publicUrl: undefined, rootPath: '', pathPrefix: '/', ...more };
    expect(toSetupUrl(request, 'the-token', settings, client)).toBe(expected);
  });
});
