import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { directClient } from '../../../src/http/guards/client-address.ts';
import { createUserLinks, isBrowserHost } from '../../../src/http/user-links.ts';

function requestFor(host: string): IncomingMessage {
  return { headers: { host }, socket: {} } as IncomingMessage;
}

function linksWith(publicUrl?: string) {
  const warnings: unknown[] = [];
  const logger = { warn: (message: string, fields?: object) => void warnings.push([message, fields]) };
  const toUserLink = createUserLinks({ publicUrl, rootPath: '', pathPrefix: '/' }, directClient, logger);
  return { warnings, toUserLink };
}

test('a host that no browser reaches is warned of once, with what to set', () => {
  const { warnings, toUserLink } = linksWith();
  expect(toUserLink('vault/link/x', requestFor('mcpo:8000'))).toBe('http://mcpo:8000/vault/link/x');
  toUserLink('vault/link/y', requestFor('mcpo:8000'));
  toUserLink('vault/link/z', requestFor('tools.example.org'));
  expect(warnings).toEqual([[expect.stringContaining('set MCPO_PUBLIC_URL'), { host: 'mcpo:8000' }]]);
});

test('with a public URL there is nothing to warn of', () => {
  const { warnings, toUserLink } = linksWith('https://tools.example.org');
  expect(toUserLink('vault/link/x', requestFor('mcpo:8000'))).toBe('https://tools.example.org/vault/link/x');
  expect(warnings).toEqual([]);
});

test('a caller who sends many hosts does not fill the log', () => {
  const { warnings, toUserLink } = linksWith();
  for (let index = 0; index < 100; index += 1) toUserLink('vault/link/x', requestFor(`host${index}`));
  expect(warnings).toHaveLength(5);
});

test.each<[string, boolean]>([
  ['mcpo:8000', false],
  ['mcpo', false],
  ['mcpo.:8000', false],
  ['host.docker.internal:8000', false],
  ['mcpo.tools.svc', false],
  ['mcpo.tools.svc.cluster.local:80', false],
  ['localhost:8000', true],
  ['127.0.0.1:8000', true],
  ['192.168.1.5', true],
  ['[::1]:8000', true],
  ['tools.example.org', true],
  ['nas.lan:8000', true],
])('a browser reaches %s: %s', (host, expected) => {
  expect(isBrowserHost(host)).toBe(expected);
});
