import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, test } from './harness.ts';
import type { HttpAnswer } from './http-request.ts';

const json = { 'content-type': 'application/json' };
const pngStart = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
let service: Service;

beforeAll(async () => {
  service = await startService({
    config: {
      resultImages: 'url',
      mcpServers: { pictures: fixture('pictures.js'), plain: fixture('pictures.js', [], { resultImages: 'data' }) },
    },
  });
});

async function resultOf(of: Service, tool: string, server = 'pictures'): Promise<unknown> {
  const answer = await of.call(server, tool, {});
  expect([tool, answer.status]).toEqual([tool, 200]);
  return answer.json();
}

/** Fetches what a result points to, by the path alone, as a browser without a key would. */
async function fileOf(of: Service, tool: string): Promise<HttpAnswer> {
  const url = new URL(String(await resultOf(of, tool)));
  expect(url.href).toMatch(/\/files\/[A-Za-z0-9_-]{22}$/);
  return of.get(url.pathname);
}

describe('resultImages: url', () => {
  test('an image is a URL of this service, as the caller reaches it', async () => {
    const url = String(await resultOf(service, 'png'));
    expect(url.startsWith(`${service.url}/files/`)).toBe(true);
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(Buffer.from(await answer.arrayBuffer()).subarray(0, 8)).toEqual(pngStart);
    expect(await resultOf(service, 'png')).not.toBe(url);
  });

  test('no list holds data URIs: text and images keep their order', async () => {
    const [before, first, second, after] = (await resultOf(service, 'text_and_two_images')) as unknown[];
    expect([before, after]).toEqual(['before', { after: 1 }]);
    const types = await Promise.all(
      [first, second].map(async (url) => (await service.get(new URL(String(url)).pathname)).headers['content-type']),
    );
    expect(types).toEqual(['image/png', 'image/gif']);
  });

  const shown: [tool: string, type: string][] = [
    ['gif_called_png', 'image/gif'],
    ['png_called_html', 'image/png'],
    ['audio', 'audio/wav'],
    ['image_resource', 'image/png'],
  ];
  for (const [tool, type] of shown) {
    test(`${tool} is shown as ${type}`, async () => {
      const { status, headers } = await fileOf(service, tool);
      expect([status, headers['content-type']]).toEqual([200, type]);
      expect(headers).not.toHaveProperty('content-disposition');
    });
  }

  for (const tool of ['svg', 'html_called_image', 'html_called_png', 'xml_called_audio']) {
    test(`${tool} is only offered for download`, async () => {
      const { status, headers } = await fileOf(service, tool);
      expect([status, headers['content-type']]).toEqual([200, 'application/octet-stream']);
      expect(headers['content-disposition']).toMatch(/^attachment/);
    });
  }

  test('a file cannot run, be taken for something else, or lie in a shared cache', async () => {
    const { headers } = await fileOf(service, 'png');
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cache-control': expect.stringMatching(/^private, max-age=(3[0-9]{3})$/),
      'cross-origin-resource-policy': 'cross-origin',
    });
    // Without a key no page of another origin may read it; showing it needs no permission.
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('HEAD has the headers alone; other methods have no file', async () => {
    const { pathname } = new URL(String(await resultOf(service, 'png')));
    const head = await service.request('HEAD', pathname);
    expect([head.status, head.headers['content-type'], head.text]).toEqual([200, 'image/png', '']);
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const body = method === 'POST' ? '{}' : undefined;
      expect((await service.request(method, pathname, { headers: json, body })).status).toBe(404);
    }
  });

  test('what is no image or audio stays as it is', async () => {
    expect(await resultOf(service, 'only_text')).toBe('no image');
    expect(await resultOf(service, 'link')).toMatchObject({ type: 'resource_link', uri: 'https://example.org/a.png' });
    expect(await resultOf(service, 'pdf_resource')).toMatch(/^data:application\/pdf;base64,/);
    expect(await resultOf(service, 'empty_image')).toBe('data:image/png;base64,');
  });

  test('the Accept header still gives the whole result or the bytes', async () => {
    const whole = await service.call('pictures', 'png', {}, { accept: 'application/vnd.mcp+json' });
    expect(whole.json()).toMatchObject({ content: [{ type: 'image', data: expect.stringMatching(/^iVBOR/) }] });
    const image = await service.call('pictures', 'png_called_html', {}, { accept: 'image/*' });
    expect([image.headers['content-type'], image.bytes.subarray(0, 8)]).toEqual(['image/png', pngStart]);
  });

  test('the document does not depend on it', async () => {
    const documents = await Promise.all(['pictures', 'plain'].map((name) => service.get(`/${name}/openapi.json`)));
    const [first, second] = documents.map(({ text }) => text.replaceAll(/pictures|plain/g, 'name'));
    expect(first).toBe(second);
  });
});

test("the server's own resultImages wins: data URIs, one bare, beside text in a list", async () => {
  expect(await resultOf(service, 'png', 'plain')).toMatch(/^data:image\/png;base64,iVBOR/);
  expect(await resultOf(service, 'text_and_two_images', 'plain')).toEqual([
    'before',
    expect.stringMatching(/^data:image\/png/),
    expect.stringMatching(/^data:image\/gif/),
    { after: 1 },
  ]);
});

for (const path of ['/files', '/files/', '/files/x', '/files/AAAAAAAAAAAAAAAAAAAAAA', '/files/../healthz']) {
  test(`GET ${path} → 404`, async () => {
    const answer = await service.get(path);
    expect(answer.status).toBe(404);
    expect(answer.json()).toHaveProperty('detail');
  });
}

test('under strict authentication a file asks for no key, and all else does', async () => {
  const strict = await startService({
    config: { resultImages: 'url', mcpServers: { pictures: fixture('pictures.js') } },
    args: ['--strict-auth'],
    env: { MCPO_API_KEY: 'key-of-the-images-test' },
  });
  const called = await strict.call('pictures', 'png', {}, { authorization: 'Bearer key-of-the-images-test' });
  const { pathname } = new URL(String(called.json()));
  expect((await strict.get(pathname)).headers['content-type']).toBe('image/png');
  expect((await strict.get(`${pathname.slice(0, -1)}?`)).status).toBe(401);
  for (const path of ['/files', '/files/x', '/files/..%2fdocs', `${pathname}/../../docs`, '/docs', '/openapi.json']) {
    expect([path, (await strict.get(path)).status]).toEqual([path, 401]);
  }
  expect((await strict.call('pictures', 'png', {})).status).toBe(401);
});

describe('behind a proxy', () => {
  const config = { resultImages: 'url', mcpServers: { pictures: fixture('pictures.js') } };
  const tool = '/v1/pictures/png';

  test('root path and path prefix are part of the URL', async () => {
    const args = ['--root-path', '/tools', '--path-prefix', 'v1', '--allowed-hosts', 'chat.example'];
    const proxied = await startService({ config, args });
    const answer = await proxied.request('POST', tool, { headers: { ...json, host: 'chat.example' }, body: '{}' });
    const url = new URL(String(answer.json()));
    expect(url.href).toMatch(/^http:\/\/chat\.example\/tools\/v1\/files\//);
    for (const path of [url.pathname.slice('/tools'.length), url.pathname.slice('/tools/v1'.length)]) {
      expect([path, (await proxied.get(path)).status]).toEqual([path, 200]);
    }
  });

  test('MCPO_PUBLIC_URL is where the URL begins', async () => {
    const env = { MCPO_PUBLIC_URL: 'https://tools.example.org/mcp/', MCPO_ALLOWED_HOSTS: 'inside.example' };
    const proxied = await startService({ config, args: ['--path-prefix', 'v1'], env });
    const answer = await proxied.request('POST', tool, { headers: { ...json, host: 'inside.example' }, body: '{}' });
    expect(answer.json()).toMatch(/^https:\/\/tools\.example\.org\/mcp\/v1\/files\/[\w-]{22}$/);
  });
});

test('a resultImages that is neither data nor url is refused at start', async () => {
  const config = { mcpServers: { pictures: fixture('pictures.js', [], { resultImages: 'link' }) } };
  const exit = await runCommand(['check'], { config });
  expect(exit.code).toBe(2);
  expect(exit.stderr).toContain('"resultImages": must be "data" or "url".');
});
