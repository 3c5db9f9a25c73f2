import { describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test } from './harness.ts';

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8' };
const servers = { answers: fixture('answers.js'), many: fixture('many.js', ['2']) };

async function expectPage(service: Service, path: string, headers = {}): Promise<void> {
  const page = await service.get(path, { ...BROWSER, ...headers });
  expect([path, page.status]).toEqual([path, 200]);
  expect(page.headers['content-type']).toMatch(/^text\/html/);
  expect(page.headers.vary).toMatch(/\bAccept\b/);
  expect(page.text).toMatch(/<title>answers<\/title>/);
  const [, documentUrl] = /data-document-url="([^"]+)"/.exec(page.text) ?? [];
  const found = new URL(documentUrl ?? '', `http://host${path}`).pathname;
  expect((await service.get(found, headers)).headers['content-type']).toMatch(/^application\/json/);
}

describe('the URL of a server', () => {
  test('shows its page to browsers, and its facts as JSON to others', async () => {
    const service = await startService({ servers: { ...servers, broken: { command: 'mcpo-ts-no-such-command' } } });
    for (const path of ['/answers', '/answers/', '//answers', '/answers?a=1']) await expectPage(service, path);
    for (const accept of [undefined, '*/*', 'application/json', 'application/json, text/html;q=0.5', 'text/plain']) {
      const answer = await service.get('/many', accept === undefined ? {} : { accept });
      expect([accept, answer.status]).toEqual([accept, 200]);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.headers.vary).toMatch(/\bAccept\b/);
      expect(answer.json()).toEqual({
        server: 'many',
        title: 'many',
        state: 'ready',
        tools: ['tool_1', 'tool_2'],
        url: `${service.url}/many`,
        openapi_url: `${service.url}/many/openapi.json`,
        docs_url: `${service.url}/many/docs`,
      });
    }
    expect((await service.get('/broken')).json()).toMatchObject({ reason: 'its command was not found', tools: [] });
    const broken = await service.get('/broken', BROWSER);
    expect([broken.status, broken.text.includes('its command was not found')]).toEqual([200, true]);
  });

  test('HEAD has the headers alone; other methods and unknown servers do not answer', async () => {
    const service = await startService({ servers });
    for (const headers of [BROWSER, {}]) {
      const head = await service.request('HEAD', '/answers', { headers });
      const get = await service.get('/answers', headers);
      expect([head.status, head.text]).toEqual([200, '']);
      expect(head.headers['content-type']).toBe(get.headers['content-type']);
    }
    for (const path of ['/nobody', '/ANSWERS', '/__proto__', '/answers%2f', '/%zz']) {
      const answer = await service.get(path, BROWSER);
      expect([path, answer.status]).toEqual([path, 404]);
    }
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect((await service.request(method, '/answers', { headers: BROWSER })).status).toBe(404);
    }
  });

  test('a browser that has the page as it is gets 304', async () => {
    const service = await startService({ servers });
    for (const path of ['/', '/answers', '/docs']) {
      const { headers } = await service.get(path, BROWSER);
      const again = await service.get(path, { ...BROWSER, 'if-none-match': headers.etag ?? '' });
      expect([path, again.status, again.text]).toEqual([path, 304, '']);
    }
  });

  test('is under the path prefix', async () => {
    const service = await startService({ servers, args: ['--path-prefix', '/tools/'] });
    await expectPage(service, '/tools/answers');
    expect((await service.get('/tools/answers')).json()).toMatchObject({ url: `${service.url}/tools/answers` });
    expect((await service.get('/answers', BROWSER)).status).toBe(404);
  });

  test('needs the key under strict authentication', async () => {
    const service = await startService({ servers, args: ['--api-key', 'a-key-of-this-test', '--strict-auth'] });
    for (const headers of [BROWSER, {}]) {
      const answer = await service.get('/answers', headers);
      expect([answer.status, answer.text.includes('tool')]).toEqual([401, false]);
    }
    await expectPage(service, '/answers', { authorization: 'Bearer a-key-of-this-test' });
  });

  test('is the start page where the service is of one server', async () => {
    const { command, args } = fixture('answers.js');
    const service = await startService({ args: ['--', command, ...args] });
    const page = await service.get('/', BROWSER);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    expect((await service.get('/text', BROWSER)).status).toBe(405);
  });
});
