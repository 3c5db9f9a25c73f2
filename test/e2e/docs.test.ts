import { describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test } from './harness.ts';

const servers = { answers: fixture('answers.js'), many: fixture('many.js', ['2']) };
const pages = ['/docs', '/redoc', '/answers/docs', '/answers/redoc'];

/** Every address that a page names for the browser to load, besides links for people. */
function resourcesOf(html: string): string[] {
  const found = [...html.matchAll(/<(?:script|img|link|iframe)\b[^>]*?\b(?:src|href)\s*=\s*["']?([^"'\s>]+)/g)];
  return found.map((match) => match[1] ?? '').filter((address) => !address.startsWith('data:'));
}

function linksOf(html: string): string[] {
  return [...html.matchAll(/<a\b[^>]*?\bhref\s*=\s*["']?([^"'\s>]+)/g)].map((match) => match[1] ?? '');
}

/** Loads a page and all that it names, as a browser would that sees the service under `outside`. */
async function loadPage(service: Service, path: string, outside = ''): Promise<string> {
  const page = await service.get(path);
  expect([path, page.status]).toEqual([path, 200]);
  expect(page.headers['content-type']).toMatch(/^text\/html/);
  const base = new URL(`${service.url}${outside}${path}`);
  for (const address of [...resourcesOf(page.text), ...linksOf(page.text).filter((link) => !link.startsWith('http'))]) {
    const url = new URL(address, base);
    expect([path, address, url.origin]).toEqual([path, address, service.url]);
    expect(url.pathname.startsWith(`${outside}/`)).toBe(true);
    const answer = await service.get(url.pathname.slice(outside.length) + url.search);
    expect([path, address, answer.status]).toEqual([path, address, 200]);
  }
  return page.text;
}

describe('pages', () => {
  for (const path of pages) {
    test(`${path} loads with everything that it names, all of it from here`, async () => {
      const service = await startService({ servers });
      expect(resourcesOf(await loadPage(service, path)).length).toBeGreaterThan(0);
    });
  }

  test('the start page names each server, its state and the URL to register', async () => {
    const service = await startService({
      servers: { ...servers, broken: { command: 'mcpo-ts-no-such-command' } },
    });
    const html = (await service.get('/docs')).text;
    for (const name of ['answers', 'many', 'broken']) expect(html).toContain(`/${name}`);
    expect(html).toContain(`${service.url}/answers`);
    expect(html).toMatch(/\bready\b/i);
    expect(html).toMatch(/command was not found/);
  });

  test('what a server says of itself cannot become part of the page', async () => {
    const script = `
      const { createToolServer, serveTools, text } = await import(${JSON.stringify(fixture('serve-tools.js').args[0])});
      const evil = '</script><script>alert(1)</script>"\\'><img src=x onerror=alert(1)>';
      await serveTools([{ name: 'tool', title: evil, description: evil, call: () => text('x') }], { name: evil, instructions: evil });`;
    const service = await startService({
      servers: { evil: { command: process.execPath, args: ['--input-type=module', '-e', script] } },
    });
    expect((await service.serverStates()).get('evil')?.state).toBe('ready');
    for (const path of ['/docs', '/evil/docs', '/evil/redoc']) {
      expect((await service.get(path)).text).not.toContain('<script>alert(1)');
      expect((await service.get(path)).text).not.toContain('<img src=x');
    }
  });
});

describe('behind a proxy', () => {
  interface Document {
    readonly servers: { url: string }[];
    readonly paths: Record<string, unknown>;
  }
  const operationUrl = (document: Document): string =>
    (document.servers[0]?.url ?? '').replace(/\/$/, '') + (Object.keys(document.paths)[0] ?? '');

  test('--path-prefix stands in front of everything, with and without its slashes', async () => {
    for (const prefix of ['/tools/', 'tools']) {
      const service = await startService({ servers, args: ['--path-prefix', prefix] });
      const answer = await service.request('POST', '/tools/answers/text', {
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      expect(answer.status).toBe(200);
      expect((await service.call('answers', 'text', {})).status).toBe(404);
      const document = (await service.get('/tools/answers/openapi.json')).json() as Document;
      expect(operationUrl(document)).toBe('/tools/answers/text');
      await loadPage(service, '/tools/answers/docs');
    }
  });

  test('--root-path is in documents, and the pages work under it', async () => {
    const service = await startService({ servers, args: ['--root-path', '/proxy'] });
    for (const path of pages) await loadPage(service, path, '/proxy');
    const one = (await service.get('/answers/openapi.json')).json() as Document;
    expect(operationUrl(one)).toBe('/proxy/answers/text');
    const all = (await service.get('/openapi.json')).json() as Document;
    expect(operationUrl(all)).toBe('/proxy/answers/text');
    expect((await service.call('answers', 'text', {})).status).toBe(200);
  });
});

describe('documents', () => {
  test('come with an ETag, and a client that has it gets 304', async () => {
    const service = await startService({ servers });
    for (const path of ['/answers/openapi.json', '/openapi.json']) {
      const first = await service.get(path);
      expect(first.headers['content-type']).toMatch(/^application\/json/);
      const etag = first.headers.etag ?? '';
      expect(etag).toMatch(/^(W\/)?"[^"]+"$/);
      const second = await service.get(path, { 'if-none-match': etag });
      expect([second.status, second.text]).toEqual([304, '']);
      expect((await service.get(path, { 'if-none-match': '"other"' })).status).toBe(200);
    }
  });

  test('show what the server says of itself and of its tools', async () => {
    const service = await startService({ servers });
    const document = (await service.get('/answers/openapi.json')).json() as {
      info: object;
      paths: Record<string, { post: { operationId: string; responses: Record<string, object> } }>;
    };
    expect(document.info).toMatchObject({ title: 'answers', description: 'Every kind of answer.', version: '1.2.3' });
    expect(document.paths['/text']?.post.operationId).toBe('answers_text');
    expect(JSON.stringify(document.paths['/structured']?.post.responses['200'])).toContain('degrees');
    const all = (await service.get('/openapi.json')).json() as typeof document;
    expect(all.paths['/answers/text']?.post.operationId).toBe('answers_text');
    expect(all.paths['/many/tool_1']?.post.operationId).toBe('many_tool_1');
  });
});
