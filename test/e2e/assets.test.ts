import { createHash } from 'node:crypto';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test } from './harness.ts';
import type { HttpAnswer } from './http-request.ts';

const FOREVER = 'public, max-age=31536000, immutable';
let service: Service;
/** Paths of all scripts and styles that the pages load. */
let assets: string[];

beforeAll(async () => {
  service = await startService({ servers: { answers: fixture('answers.js') } });
  const pages = await Promise.all(['/', '/docs', '/answers/redoc'].map((path) => service.get(path)));
  const named = pages.flatMap(({ text }) => [...text.matchAll(/(docs\/assets\/[\w./-]+)"/g)].map(([, path]) => path));
  assets = [...new Set(named)].map((path) => `/${path}`);
});

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);
const find = (name: string) => assets.find((path) => path.includes(`/${name}.`)) ?? '';
const get = (path: string, encodings?: string, headers = {}): Promise<HttpAnswer> =>
  service.get(path, { ...headers, ...(encodings === undefined ? {} : { 'accept-encoding': encodings }) });

describe('scripts and styles', () => {
  test('carry the hash of their content in their name, and are kept forever', async () => {
    expect(assets.length).toBeGreaterThanOrEqual(6);
    for (const path of assets) {
      const answer = await get(path);
      expect([path, answer.status, answer.headers['cache-control']]).toEqual([path, 200, FOREVER]);
      expect(path).toContain(`/${sha(answer.bytes)}/`);
      expect(answer.headers).not.toHaveProperty('content-encoding');
    }
  });

  test('come compressed with what the client accepts, and with the same content', async () => {
    for (const path of assets) {
      const plain = await get(path);
      for (const [accepted, encoding, decompress] of [
        ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
        ['gzip, deflate', 'gzip', gunzipSync],
        ['br;q=0, gzip;q=0.5', 'gzip', gunzipSync],
      ] as const) {
        const answer = await get(path, accepted);
        expect([path, accepted, answer.headers['content-encoding']]).toEqual([path, accepted, encoding]);
        expect(answer.headers['content-type']).toBe(plain.headers['content-type']);
        expect(answer.headers['cache-control']).toBe(FOREVER);
        expect(decompress(answer.bytes).equals(plain.bytes)).toBe(true);
      }
      for (const refusing of ['br;q=0, gzip;q=0', 'identity', '']) {
        const answer = await get(path, refusing);
        expect(answer.headers).not.toHaveProperty('content-encoding');
        expect(answer.bytes.equals(plain.bytes)).toBe(true);
      }
      expect(plain.headers.vary).toContain('Accept-Encoding');
    }
  });

  test('are a quarter of their size on the way', async () => {
    const path = find('swagger-ui-bundle');
    const { length } = (await get(path)).bytes;
    expect((await get(path, 'br')).bytes.length).toBeLessThan(length / 4);
    expect((await get(path, 'gzip')).bytes.length).toBeLessThan(length / 3);
  });

  for (const encoding of ['br', 'gzip', 'identity']) {
    test(`a client that has them already gets 304, ${encoding}`, async () => {
      for (const path of assets) {
        const { headers } = await get(path, encoding);
        const again = await get(path, encoding, { 'if-none-match': headers.etag });
        expect([path, again.status, again.text]).toEqual([path, 304, '']);
        expect((await get(path, encoding, { 'if-none-match': '"other"' })).status).toBe(200);
      }
    });
  }

  test('without a hash, or with one of another version, they are asked for each time', async () => {
    for (const path of ['/docs/assets/page.css', '/docs/assets/0123456789abcdef/page.css']) {
      for (const encoding of ['br', 'identity']) {
        const answer = await get(path, encoding);
        expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-cache']);
        expect(answer.headers.etag).toBeDefined();
      }
    }
  });

  test('HEAD answers as GET does, without the content', async () => {
    const path = find('page');
    const { headers } = await get(path, 'br');
    const head = await service.request('HEAD', path, { headers: { 'accept-encoding': 'br' } });
    for (const name of ['content-encoding', 'content-length', 'content-type', 'etag', 'cache-control']) {
      expect([name, head.headers[name]]).toEqual([name, headers[name]]);
    }
    expect(head.bytes.length).toBe(0);
  });

  test('nothing else is served from there', async () => {
    for (const name of [
      'hashes.json',
      'page.css.br',
      'start-page.eta',
      '..%2fcli.js',
      'page.css%2f..%2fhashes.json',
      'x.js',
    ]) {
      const answer = await get(`/docs/assets/${name}`, 'br, gzip');
      expect([name, answer.status]).toEqual([name, 404]);
      expect(answer.headers).not.toHaveProperty('content-encoding');
    }
  });
});
