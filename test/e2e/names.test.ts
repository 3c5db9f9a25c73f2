import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test } from './harness.ts';

interface Document {
  readonly paths: Record<string, { post: { operationId: string } }>;
}

const json = { 'content-type': 'application/json' };
const names = [
  'read file',
  'v1.get',
  'a/b',
  'deep/er/still',
  'a+c',
  'größe'.normalize('NFC'),
  'cafe\u0301',
  '日本',
  '東京',
  '🙂',
  'per%cent',
  '50%25',
  'question?',
  'hash#tag',
  'colon:semi;comma,',
  "quote'(star*)!~",
  '{brace}',
  '[bracket]',
  'back\\slash',
  'dou"ble',
  '<b>',
  '@at&and=is$',
  '...',
  '__proto__',
  'constructor',
  'docs',
  'redoc',
  'openapi.json',
  'files',
  'healthz',
  `long ${'x'.repeat(200)}`,
];
let service: Service;
let single: Service;

beforeAll(async () => {
  service = await startService({ servers: { named: fixture('named.js', names), other: fixture('named.js', names) } });
  const { command, args } = fixture('named.js', names);
  single = await startService({ args: ['--', command, ...args] });
});

async function documentOf(of: Service, base: string): Promise<Document> {
  const answer = await of.get(`${base}/openapi.json`);
  expect(answer.status).toBe(200);
  return answer.json() as Document;
}

/** What the tool behind a path calls itself. */
async function nameAt(of: Service, path: string): Promise<unknown> {
  const answer = await of.request('POST', path, { headers: json, body: '{}' });
  return answer.status === 200 ? (answer.json() as string).replace('I am ', '') : answer.status;
}

describe('every name', () => {
  for (const [kind, base, ofService] of [
    ['the document of a server', '/named', () => service],
    ['the document of all', '', () => service],
    ['single-server mode', '', () => single],
  ] as const) {
    test(`${kind}: each path, literally as it stands there, calls the tool of this name`, async () => {
      const of = ofService();
      const { paths } = await documentOf(of, base);
      const called = await Promise.all(Object.keys(paths).map((path) => nameAt(of, base + path)));
      const twice = kind === 'the document of all' ? [...names, ...names] : names;
      expect(called.sort()).toEqual([...twice].sort());
    });

    test(`${kind}: operation ids are valid and unique`, async () => {
      const ids = Object.values((await documentOf(ofService(), base)).paths).map(({ post }) => post.operationId);
      for (const id of ids) expect(id).toMatch(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/);
      expect(new Set(ids).size).toBe(ids.length);
    });
  }

  test('a path works as a URL parser writes it, too', async () => {
    const { paths } = await documentOf(service, '/named');
    const called = await Promise.all(
      Object.keys(paths).map((path) => nameAt(service, new URL(`http://x/named${path}`).pathname)),
    );
    expect(called.sort()).toEqual([...names].sort());
  });

  test('nothing is left out', async () => {
    const { servers } = (await service.get('/readyz')).json() as { servers: Record<string, object> };
    expect(servers.named).not.toHaveProperty('rejected_tools');
  });

  test('ids are clean where no other server is in the way', async () => {
    const { paths } = await documentOf(service, '/named');
    expect(paths['/v1.get']?.post.operationId).toBe('named_v1_get');
    expect(paths['/read%20file']?.post.operationId).toBe('named_read_file');
    expect(paths['/a%2Fb']?.post.operationId).toBe('named_a_b');
  });
});

describe('spellings that clients and proxies make of a path', () => {
  const rows: [path: string, name: string | number][] = [
    ['a/b', 'a/b'],
    ['a%2fb', 'a/b'],
    ['deep%2Fer/still', 'deep/er/still'],
    ['deep/er/still/', 'deep/er/still'],
    ['read+file', 'read file'],
    ['a+c', 'a+c'],
    ['a%2Bc', 'a+c'],
    [encodeURIComponent('größe'.normalize('NFD')), 'größe'.normalize('NFC')],
    [encodeURIComponent('caf\u00e9'), 'cafe\u0301'],
    ['%76%31%2E%67%65%74', 'v1.get'],
    ["quote'(star*)!~", "quote'(star*)!~"],
    ['@at&and=is$', '@at&and=is$'],
    ['colon:semi;comma,', 'colon:semi;comma,'],
    ['50%2525', '50%25'],
    ['50%25', 404],
    ['a%252Fb', 404],
    ['READ%20FILE', 404],
  ];
  for (const [path, name] of rows) {
    test(`${path} → ${name}`, async () => {
      expect(await nameAt(service, `/named/${path}`)).toBe(name);
      expect(await nameAt(single, `/${path}`)).toBe(name);
    });
  }
});

describe('tools named like pages', () => {
  for (const name of ['docs', 'redoc', 'openapi.json', 'files', 'healthz']) {
    test(`${name} is called with POST`, async () => {
      expect(await nameAt(service, `/named/${name}`)).toBe(name);
      expect(await nameAt(single, `/${name}`)).toBe(name);
    });
  }

  test('and the pages stay', async () => {
    for (const [of, base] of [
      [service, '/named'],
      [single, ''],
    ] as const) {
      expect((await of.get(`${base}/docs`)).headers['content-type']).toMatch(/^text\/html/);
      expect((await of.get(`${base}/openapi.json`)).json()).toHaveProperty('openapi');
    }
  });
});

describe('names that collide', () => {
  const pairs: [first: string, second: string][] = [
    ['a.b', 'a_b'],
    ['read file', 'read.file'],
    ['x/y', 'x%2Fy'],
    ['z', 'z/'],
    ['é'.normalize('NFC'), 'é'.normalize('NFD')],
  ];

  test('the later one is left out with both names, in the log and at /readyz; the first is served', async () => {
    const twins = await startService({ servers: { twins: fixture('named.js', pairs.flat()) } });
    const { paths } = await documentOf(twins, '/twins');
    expect(Object.keys(paths)).toEqual(pairs.map(([first]) => `/${encodeURIComponent(first)}`));
    for (const [first] of pairs) expect(await nameAt(twins, `/twins/${encodeURIComponent(first)}`)).toBe(first);

    const { servers } = (await twins.get('/readyz')).json() as {
      servers: { twins: { tools: number; rejected_tools: { name: string; reason: string }[] } };
    };
    expect(servers.twins.tools).toBe(pairs.length);
    expect(servers.twins.rejected_tools.map(({ name }) => name)).toEqual(pairs.map(([, second]) => second));
    const lines = twins
      .stderr()
      .split('\n')
      .filter((line) => line.includes('tool is left out'));
    for (const [index, [first, second]] of pairs.entries()) {
      const reason = servers.twins.rejected_tools[index]?.reason;
      expect(reason).toContain(JSON.stringify(first));
      expect(reason).toContain('"disabledTools"');
      expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
        expect.objectContaining({ level: 'warn', server: 'twins', tool: second, reason }),
      );
    }
  });

  test('the admin who disables the first gets the second, unless the two look the same', async () => {
    const firsts = pairs.map(([first]) => first);
    const seconds = pairs.flatMap(([first, second]) => (first === second.normalize('NFC') ? [] : [second]));
    const more = { disabledTools: firsts };
    const twins = await startService({ servers: { twins: fixture('named.js', pairs.flat(), more) } });
    const { paths } = await documentOf(twins, '/twins');
    expect(Object.keys(paths)).toEqual(seconds.map((second) => `/${encodeURIComponent(second)}`));
    const called = await Promise.all(Object.keys(paths).map((path) => nameAt(twins, `/twins${path}`)));
    expect(called).toEqual(seconds);
    expect(twins.stderr()).not.toContain('tool is left out');
  });

  test('two servers may have the same names', async () => {
    const servers = { 'a.b': fixture('named.js', ['c']), a_b: fixture('named.js', ['c']) };
    const both = await startService({ servers });
    const ids = Object.values((await documentOf(both, '')).paths).map(({ post }) => post.operationId);
    expect(new Set(ids).size).toBe(2);
    expect(both.stderr()).not.toContain('tool is left out');
  });
});
