import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { TRUST_NONE } from '../../../../src/config/trust-proxy.ts';
import { createClientAddress } from '../../../../src/http/guards/client-address.ts';
import { fileIdOf, toFileUrl } from '../../../../src/http/tool-call/result-files.ts';

const id = 'AbCdEfGhIjKlMnOpQrSt_-';
const request = (host: string | undefined, socket: object = {}) =>
  ({ headers: { host }, socket: { localPort: 8000, ...socket } }) as unknown as IncomingMessage;
const settings = { publicUrl: undefined, rootPath: '', pathPrefix: '/' };

describe('the id in a path', () => {
  test.each([
    [`/files/${id}`, '/', id],
    [`/files/${id}`, '/api/', id],
    [`/api/files/${id}`, '/api/', id],
    [`/api/files/${id}`, '/', undefined],
    [`/api/api/files/${id}`, '/api/', undefined],
    [`/files/${id}x`, '/', undefined],
    [`/files/${id.slice(1)}`, '/', undefined],
    [`/files/${id}/../../docs`, '/', undefined],
    [`/files/${id}/docs`, '/', undefined],
    [`/files/%41${id.slice(1)}`, '/', undefined],
    [`/Files/${id}`, '/', undefined],
    [`/x/files/${id}`, '/', undefined],
    [`files/${id}`, '/', undefined],
    ['/files/', '/', undefined],
    ['/', '/', undefined],
  ])('of %s under %s', (path, pathPrefix, expected) => {
    expect(fileIdOf(path, { pathPrefix })).toBe(expected);
  });
});

describe('the URL of a file', () => {
  test.each([
    ['tools.example:8000', {}, {}, 'http://tools.example:8000/files/'],
    ['tools.example', { encrypted: true }, {}, 'https://tools.example/files/'],
    ['[::1]:8000', {}, {}, 'http://[::1]:8000/files/'],
    ['tools.example', {}, { rootPath: '/tools', pathPrefix: '/v1/' }, 'http://tools.example/tools/v1/files/'],
    ['evil.example', {}, { publicUrl: 'https://a.example/x' }, 'https://a.example/x/files/'],
    ['a', {}, { publicUrl: 'https://a.example', pathPrefix: '/v1/' }, 'https://a.example/v1/files/'],
    [undefined, {}, {}, 'http://localhost:8000/files/'],
    ['a"><script>', {}, {}, 'http://localhost:8000/files/'],
    ['a/../b', {}, {}, 'http://localhost:8000/files/'],
    ['user@evil', {}, {}, 'http://localhost:8000/files/'],
    ['x'.repeat(400), {}, {}, 'http://localhost:8000/files/'],
  ])('asked for at %s', (host, socket, more, expected) => {
    expect(toFileUrl(request(host, socket), id, { ...settings, ...more }, createClientAddress(TRUST_NONE))).toBe(
      expected + id,
    );
  });
});
