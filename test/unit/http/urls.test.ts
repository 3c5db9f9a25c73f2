import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { TRUST_NONE } from '../../../src/config/trust-proxy.ts';
import { createClientAddress } from '../../../src/http/guards/trusted-proxies.ts';
import { toAbsoluteUrl, toRelativeUrl } from '../../../src/http/urls.ts';

test.each(['/', '/docs', '/docs/', '/time/docs', '/time/docs/', '//time//docs', '/a%2Fb/docs', '/docs?x=/a/b#/c'])(
  'from %s every path is reached, also below a prefix that a proxy strips',
  (from) => {
    for (const to of ['/', '/docs/assets/', '/time/openapi.json']) {
      expect(new URL(toRelativeUrl(from, to), `http://host${from}`).pathname).toBe(to);
      expect(new URL(toRelativeUrl(from, to), `http://host/some/prefix${from}`).pathname).toBe(`/some/prefix${to}`);
    }
  },
);

const request = (host: string | undefined, socket: object = {}) =>
  ({ headers: { host }, socket: { localPort: 8000, ...socket } }) as unknown as IncomingMessage;
const settings = { publicUrl: undefined, rootPath: '', pathPrefix: '/' };
const client = createClientAddress(TRUST_NONE);

describe('an absolute URL', () => {
  test.each([
    ['tools.example:8000', {}, {}, 'http://tools.example:8000/files/'],
    ['tools.example', { encrypted: true }, {}, 'https://tools.example/files/'],
    ['[::1]:8000', {}, {}, 'http://[::1]:8000/files/'],
    ['tools.example', {}, { rootPath: '/tools', pathPrefix: '/v1/' }, 'http://tools.example/tools/v1/files/'],
    ['evil.example', {}, { publicUrl: 'https://a.example/x' }, 'https://a.example/x/files/'],
    ['a', {}, { publicUrl: 'https://a.example/x', pathPrefix: '/v1/' }, 'https://a.example/x/v1/files/'],
    [undefined, {}, {}, 'http://localhost:8000/files/'],
    ['a"><script>', {}, {}, 'http://localhost:8000/files/'],
    ['a/../b', {}, {}, 'http://localhost:8000/files/'],
    ['user@evil', {}, {}, 'http://localhost:8000/files/'],
    ['x'.repeat(400), {}, {}, 'http://localhost:8000/files/'],
  ])('asked for at %s', (host, socket, more, expected) => {
    expect(toAbsoluteUrl('files/x', request(host, socket), { ...settings, ...more }, client)).toBe(`${expected}x`);
  });
});
