import { describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test, waitFor } from './harness.ts';

interface Document {
  readonly paths: Record<string, { post: { operationId: string; summary?: string } }>;
}

async function document(service: Service, path: string): Promise<Document> {
  const answer = await service.get(path);
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.json() as Document;
}

test('all pages of tools/list are read', async () => {
  const service = await startService({ servers: { many: fixture('many.js', ['25', '10']) } });
  expect(Object.keys((await document(service, '/many/openapi.json')).paths)).toHaveLength(25);
  expect((await service.call('many', 'tool_25', {})).json()).toBe('answer 25');
});

test('a changed list of tools changes routes, documents and ETags', async () => {
  const service = await startService({ servers: { mutating: fixture('mutating.js') } });
  const first = await service.get('/mutating/openapi.json');
  expect((await service.call('mutating', 'late', {})).status).toBe(404);

  expect((await service.call('mutating', 'add_tool', { name: 'late' })).status).toBe(200);
  const added = await waitFor(async () => {
    const answer = await service.get('/mutating/openapi.json');
    return answer.headers.etag !== first.headers.etag && answer;
  });
  expect(Object.keys((added.json() as Document).paths)).toContain('/late');
  expect(Object.keys((await document(service, '/openapi.json')).paths)).toContain('/mutating/late');
  expect((await service.call('mutating', 'late', {})).json()).toBe('I am late');

  expect((await service.call('mutating', 'remove_tool', { name: 'late' })).status).toBe(200);
  await waitFor(async () => (await service.call('mutating', 'late', {})).status === 404);
  expect((await service.get('/mutating/openapi.json')).text).toBe(first.text);
});

test('a changed list that the server does not give is logged, and the tools before stay', async () => {
  const service = await startService({ servers: { announcing: fixture('announcing.js') } });
  expect((await service.call('announcing', 'change', { refuse: true })).status).toBe(200);
  const line = await waitFor(() => /.*the changed list of tools could not be read.*/.exec(service.stderr())?.[0]);
  expect(line).toMatch(/announcing.*no list today/);
  expect(Object.keys((await document(service, '/announcing/openapi.json')).paths)).toContain('/version_0');
  expect((await service.call('announcing', 'version_0', {})).status).toBe(200);
});

test('a tool whose schema cannot be compiled is left out with a warning; the others stay', async () => {
  const service = await startService({
    servers: { partly: fixture('one-bad-tool.js'), answers: fixture('answers.js') },
  });
  const paths = Object.keys((await document(service, '/partly/openapi.json')).paths);
  expect(paths).toEqual(expect.arrayContaining(['/good', '/also_good', '/array_output']));
  expect(paths).not.toContain('/network_reference');
  expect(paths).not.toContain('/too_deep');
  expect((await service.call('partly', 'good', {})).json()).toBe('good');
  expect((await service.call('partly', 'array_output', {})).status).toBe(200);
  expect((await service.call('partly', 'network_reference', {})).status).toBe(404);
  for (const tool of ['network_reference', 'too_deep']) {
    expect(service.stderr().split('\n')).toContainEqual(
      expect.stringMatching(new RegExp(`partly.*${tool}|${tool}.*partly`)),
    );
  }
  expect((await service.call('answers', 'text', {})).status).toBe(200);
});

describe('odd names', () => {
  const names = [
    'read file',
    'a/b',
    'v1.get',
    'größe',
    '日本',
    'per%cent',
    'question?',
    '__proto__',
    'constructor',
    'toString',
  ];

  test('each tool can be called by its encoded name', async () => {
    const service = await startService({ servers: { odd: fixture('odd-names.js') } });
    for (const name of names) {
      const answer = await service.call('odd', name, {});
      expect([name, answer.status, answer.text]).toEqual([name, 200, JSON.stringify(`I am ${name}`)]);
    }
    expect((await service.call('odd', 'hasOwnProperty', {})).status).toBe(404);
  });

  test('each path of the document works as it is, and the operation ids are valid, unique and stable', async () => {
    const service = await startService({ servers: { odd: fixture('odd-names.js') } });
    const { paths } = await document(service, '/odd/openapi.json');
    for (const path of Object.keys(paths)) {
      const answer = await service.request('POST', `/odd${path}`, {
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      expect([path, answer.status]).toEqual([path, 200]);
    }
    const ids = Object.values(paths).map(({ post }) => post.operationId);
    expect(ids.length).toBeGreaterThanOrEqual(names.length + 2);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/);

    const again = await startService({ servers: { odd: fixture('odd-names.js') } });
    expect((await again.get('/odd/openapi.json')).text).toBe((await service.get('/odd/openapi.json')).text);
  });
});

describe('the admin chooses', () => {
  for (const key of ['disabledTools', 'disabled_tools']) {
    test(`${key} takes tools away`, async () => {
      const service = await startService({ servers: { many: fixture('many.js', ['3'], { [key]: ['tool_2'] }) } });
      expect(Object.keys((await document(service, '/many/openapi.json')).paths)).toEqual(['/tool_1', '/tool_3']);
      expect((await service.call('many', 'tool_2', {})).status).toBe(404);
    });
  }

  test('enabledTools leaves only those, less the disabled ones', async () => {
    const more = { enabledTools: ['tool_1', 'tool_2'], disabledTools: ['tool_1'] };
    const service = await startService({ servers: { many: fixture('many.js', ['3'], more) } });
    expect(Object.keys((await document(service, '/many/openapi.json')).paths)).toEqual(['/tool_2']);
    expect((await service.call('many', 'tool_1', {})).status).toBe(404);
    expect((await service.call('many', 'tool_3', {})).status).toBe(404);
  });
});

test('operation ids stay unique where server and tool names run together', async () => {
  const service = await startService({
    servers: {
      'a_tool_1-x': fixture('many.js', ['2']),
      a: fixture('many.js', ['2']),
      'a.b': fixture('many.js', ['2']),
      a_b: fixture('many.js', ['2']),
    },
  });
  const { paths } = await document(service, '/openapi.json');
  const ids = Object.values(paths).map(({ post }) => post.operationId);
  expect(ids).toHaveLength(8);
  expect(new Set(ids).size).toBe(8);
});
