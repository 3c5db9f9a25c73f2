import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test } from './harness.ts';

const json = { 'content-type': 'application/json' };
const origin = { origin: 'https://chat.example' };
let service: Service;

beforeAll(async () => {
  // Without a key no other origin is let in unless the admin says so.
  service = await startService({ servers: { answers: fixture('answers.js') }, args: ['--cors-allow-origins', '*'] });
});

describe('methods', () => {
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
    test(`${method} on a tool → 405 with Allow`, async () => {
      const answer = await service.request(method, '/answers/text');
      expect(answer.status).toBe(405);
      expect(answer.headers.allow).toMatch(/\bPOST\b/);
      expect(answer.json()).toHaveProperty('detail');
    });
  }

  test('HEAD on a document has the headers alone', async () => {
    const [head, get] = await Promise.all([
      service.request('HEAD', '/answers/openapi.json'),
      service.get('/answers/openapi.json'),
    ]);
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers['content-type']).toBe(get.headers['content-type']);
  });
});

describe('paths', () => {
  for (const path of ['/answers/text/', '//answers/text', '/answers//text', '//answers//text//', '/answers/text?a=1']) {
    test(`POST ${path} works and does not redirect`, async () => {
      const answer = await service.request('POST', path, { headers: json, body: '{}' });
      expect([answer.status, answer.text]).toEqual([200, '"hello"']);
    });
  }

  for (const path of ['/answers/openapi.json/', '//answers//openapi.json', '/answers/docs/', '//docs']) {
    test(`GET ${path} works and does not redirect`, async () => {
      expect((await service.get(path)).status).toBe(200);
    });
  }

  const unknown = [
    '/nobody/text',
    '/answers/no-such-tool',
    '/answers/Text',
    '/ANSWERS/text',
    '/answers/__proto__',
    '/answers/constructor',
    '/__proto__/text',
    '/constructor/name',
    '/answers/%2e%2e',
    '/answers/..',
    '/answers/../answers/text',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/answers/%00',
    '/answers/text%00',
    '/answers/%2f',
    '/answers%2ftext',
    '/answers/%zz',
    '/answers/text/more',
    `/answers/${'x'.repeat(5_000)}`,
    '/api/config',
    '/',
  ];
  for (const path of unknown) {
    test(`POST ${path.slice(0, 40)} → 404`, async () => {
      const answer = await service.request('POST', path, { headers: json, body: '{}' });
      // What a URL parser cannot read may as well be called a bad request; the root is a page and may say 405.
      const allowed = path === '/' ? [404, 405] : /%zz|%00/.test(path) ? [404, 400] : [404];
      expect(allowed).toContain(answer.status);
      expect(answer.json()).toHaveProperty('detail');
      expect(answer.text).not.toMatch(/\bat .*:\d+:\d+|node_modules|dist\//);
    });
  }

  for (const path of [
    '/api/config',
    '/nobody/openapi.json',
    '/nobody/docs',
    '/__proto__/docs',
    '/answers/%2e%2e/docs',
  ]) {
    test(`GET ${path} → 404`, async () => {
      const answer = await service.get(path);
      expect(answer.status).toBe(404);
      expect(answer.json()).toHaveProperty('detail');
    });
  }
});

describe('bodies', () => {
  for (const encoding of ['gzip', 'deflate', 'br', 'identity']) {
    for (const length of [{ 'transfer-encoding': 'chunked' }, { 'content-length': '0' }]) {
      test(`an empty one is none, ${encoding} ${Object.keys(length)[0]}`, async () => {
        const headers = { ...json, 'content-encoding': encoding, ...length };
        const answer = await service.request('POST', '/answers/text', { headers });
        expect([answer.status, answer.text]).toEqual([200, '"hello"']);
      });
    }
  }

  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'nonsense',
  ]) {
    test(`${type} → 415`, async () => {
      const answer = await service.request('POST', '/answers/text', { headers: { 'content-type': type }, body: '{}' });
      expect(answer.status).toBe(415);
      expect(answer.json()).toHaveProperty('detail');
    });
  }

  for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.api+json']) {
    test(`${type} is JSON`, async () => {
      const answer = await service.request('POST', '/answers/text', { headers: { 'content-type': type }, body: '{}' });
      expect(answer.status).toBe(200);
    });
  }

  test('one that announces a gigabyte → 413 at once', async () => {
    const headers = { ...json, 'content-length': String(1_073_741_824) };
    const answer = await service.request('POST', '/answers/text', { headers, body: '{}' });
    expect(answer.status).toBe(413);
    expect(answer.json()).toHaveProperty('detail');
    expect((await service.call('answers', 'text', {})).status).toBe(200);
  });

  test('__proto__ as a key is passed on like any other and changes nothing here', async () => {
    const answer = await service.call('answers', 'echo_line', '{"__proto__":{"polluted":1},"a":2}');
    if (answer.status === 200) expect(answer.text).toContain('__proto__');
    else expect(answer.status).toBe(422);
    const later = await service.call('answers', 'echo', {});
    expect(later.json()).not.toHaveProperty('polluted');
  });
});

describe('CORS', () => {
  test('a preflight is answered with explicit headers and methods', async () => {
    const answer = await service.request('OPTIONS', '/answers/text', {
      headers: {
        ...origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, content-type',
      },
    });
    expect([200, 204]).toContain(answer.status);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(answer.headers['access-control-allow-methods']).toMatch(/\bPOST\b/);
    const allowed = String(answer.headers['access-control-allow-headers']).toLowerCase();
    expect(allowed).toContain('authorization');
    expect(allowed).toContain('content-type');
    expect(allowed).not.toContain('*');
  });

  test('answers and errors carry it, and show the request id', async () => {
    const answers = await Promise.all([
      service.call('answers', 'text', {}, origin),
      service.call('answers', 'no-such-tool', {}, origin),
      service.call('answers', 'echo', '{"a":', origin),
      service.request('GET', '/answers/text', { headers: origin }),
      service.get('/answers/openapi.json', origin),
      service.get('/nowhere', origin),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 422, 405, 200, 404]);
    for (const { headers } of answers) {
      expect(headers['access-control-allow-origin']).toBe('*');
      expect(String(headers['access-control-expose-headers']).toLowerCase()).toContain('x-request-id');
      expect(headers['x-request-id']).toMatch(/./);
    }
  });

  test('with --cors-allow-origins only those are let in', async () => {
    const strict = await startService({
      servers: { answers: fixture('answers.js') },
      args: ['--cors-allow-origins', 'https://chat.example', '--cors-allow-origins', 'https://other.example'],
      env: { MCPO_API_KEY: 'key-of-the-edges-test' },
    });
    const ask = async (from: string) => {
      const answer = await strict.call('answers', 'text', {}, { origin: from });
      expect(answer.status).toBe(401);
      expect(answer.headers.vary).toMatch(/\bOrigin\b/i);
      return answer.headers['access-control-allow-origin'];
    };
    expect(await ask('https://chat.example')).toBe('https://chat.example');
    expect(await ask('https://other.example')).toBe('https://other.example');
    expect(await ask('https://evil.example')).toBeUndefined();
  });
});

describe('headers', () => {
  test('a request id is taken over, a new one is made for each other request', async () => {
    const given = await service.call('answers', 'text', {}, { 'x-request-id': 'abc-123' });
    expect(given.headers['x-request-id']).toBe('abc-123');
    const [first, second] = await Promise.all([service.get('/healthz'), service.get('/healthz')]);
    expect(first.headers['x-request-id']).toMatch(/^[\w-]{8,}$/);
    expect(first.headers['x-request-id']).not.toBe(second.headers['x-request-id']);
  });

  test('a request id that is too long or odd is not taken over', async () => {
    for (const id of ['x'.repeat(10_000), 'a b<script>']) {
      const answer = await service.call('answers', 'text', {}, { 'x-request-id': id });
      expect(answer.status).toBe(200);
      expect(answer.headers['x-request-id']).not.toBe(id);
    }
  });

  test('the usual security headers are on tools and pages alike', async () => {
    for (const answer of [await service.call('answers', 'text', {}), await service.get('/docs')]) {
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      expect(answer.headers).not.toHaveProperty('x-powered-by');
    }
    expect((await service.get('/docs')).headers['content-security-policy']).toMatch(/default-src/);
  });
});
