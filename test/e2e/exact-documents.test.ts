import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, test, waitFor } from './harness.ts';

type Node = Readonly<Record<string, unknown>>;

const servers = { shop: fixture('referring.js'), answers: fixture('answers.js') };
const forms = ['/shop/openapi.json', '/openapi.json'];
let service: Service;

beforeAll(async () => {
  service = await startService({ servers });
});

function at(document: unknown, ...keys: string[]): unknown {
  return keys.reduce<unknown>((node, key) => (node as Node | undefined)?.[key], document);
}

function inputOf(document: unknown, path: string): unknown {
  return at(document, 'paths', path, 'post', 'requestBody', 'content', 'application/json', 'schema');
}

/** Follows references within the document. */
function resolved(document: unknown, node: unknown): Node {
  const seen = new Set<string>();
  let current = node as Node;
  while (typeof current.$ref === 'string' && !seen.has(current.$ref)) {
    seen.add(current.$ref);
    expect(current.$ref).toMatch(/^#\/components\/schemas\//);
    const keys = current.$ref.slice(2).split('/');
    current = at(
      document,
      ...keys.map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~')),
    ) as Node;
    expect(current).toBeDefined();
  }
  return current;
}

function references(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const own = '$ref' in node && typeof node.$ref === 'string' ? [node.$ref] : [];
  return [...own, ...Object.values(node).flatMap(references)];
}

describe('?schema=exact', () => {
  test('refers to components, where two meanings of a name stay apart', async () => {
    const document = (await service.get('/shop/openapi.json?schema=exact')).json();
    const order = resolved(document, inputOf(document, '/order'));
    expect(order.required).toEqual(['ship']);
    expect(references(at(order, 'properties'))).toHaveLength(2);
    for (const name of ['ship', 'bill']) {
      const address = resolved(document, at(order, 'properties', name));
      expect(address).toMatchObject({ type: 'object', required: ['street'] });
      expect(resolved(document, at(address, 'properties', 'street'))).toMatchObject({ minLength: 1 });
      expect(resolved(document, at(address, 'properties', 'country'))).toEqual({ enum: ['DE', 'FR'] });
    }
    const visit = resolved(document, inputOf(document, '/visit'));
    expect(resolved(document, at(visit, 'properties', 'at'))).toMatchObject({ type: 'string', maxLength: 40 });
  });

  test('keeps a cycle', async () => {
    const document = (await service.get('/shop/openapi.json?schema=exact')).json();
    const tree = resolved(document, at(resolved(document, inputOf(document, '/grow')), 'properties', 'root'));
    const forest = resolved(document, at(tree, 'properties', 'children'));
    expect(resolved(document, forest.items)).toBe(tree);
  });

  test('the document of all has it too, under the same operation ids', async () => {
    const [exact, portable] = await Promise.all(
      ['exact', 'portable'].map(async (form) => (await service.get(`/openapi.json?schema=${form}`)).json()),
    );
    const ids = (document: unknown) =>
      Object.values(at(document, 'paths') as Node).map((item) => at(item, 'post', 'operationId'));
    expect(ids(exact)).toEqual(ids(portable));
    expect(references(inputOf(exact, '/shop/order')).length).toBeGreaterThan(0);
  });
});

test('the portable document has none of the references', async () => {
  const document = (await service.get('/shop/openapi.json')).json();
  for (const path of ['/order', '/visit', '/grow']) expect(references(inputOf(document, path))).toEqual([]);
});

for (const path of forms) {
  describe(path, () => {
    test('is portable by default', async () => {
      const [plain, portable] = await Promise.all([service.get(path), service.get(`${path}?schema=portable`)]);
      expect([plain.status, portable.status]).toEqual([200, 200]);
      expect(plain.text).toBe(portable.text);
      expect(plain.headers.etag).toBe(portable.headers.etag);
    });

    test('has an ETag for each form, which stays', async () => {
      const [portable, exact] = await Promise.all([service.get(path), service.get(`${path}?schema=exact`)]);
      expect(exact.status).toBe(200);
      expect(exact.headers['content-type']).toMatch(/^application\/json/);
      expect(exact.headers.etag).not.toBe(portable.headers.etag);
      const etag = String(exact.headers.etag);
      const again = await service.get(`${path}?schema=exact`, { 'if-none-match': etag });
      expect([again.status, again.text]).toEqual([304, '']);
      expect((await service.get(path, { 'if-none-match': etag })).status).toBe(200);
      const head = await service.request('HEAD', `${path}?schema=exact`);
      expect([head.status, head.headers.etag, head.text]).toEqual([200, etag, '']);
    });

    for (const query of ['schema=', 'schema=Exact', 'schema=exact&schema=exact', 'schema=openapi']) {
      test(`?${query} is refused`, async () => {
        const answer = await service.get(`${path}?${query}`);
        expect(answer.status).toBe(422);
        const msg = expect.stringMatching(/'portable'.*'exact'/);
        expect(answer.json()).toEqual({ detail: [{ type: 'literal_error', loc: ['query', 'schema'], msg }] });
      });
    }
  });
}

test('the docs pages link to it', async () => {
  for (const [page, link] of [
    ['/shop/docs', 'openapi.json?schema=exact'],
    ['/shop/redoc', 'openapi.json?schema=exact'],
    ['/redoc', 'openapi.json?schema=exact'],
  ] as const) {
    expect((await service.get(page)).text).toContain(link);
  }
});

test('single-server mode and strict authentication have it as well', async () => {
  const { command, args } = fixture('referring.js');
  const env = { MCPO_API_KEY: 'key-of-the-documents-test' };
  const single = await startService({ args: ['--strict-auth', '-n', 'Mine', '--', command, ...args], env });
  const authorization = { authorization: 'Bearer key-of-the-documents-test' };
  expect((await single.get('/openapi.json?schema=exact')).status).toBe(401);
  const document = (await single.get('/openapi.json?schema=exact', authorization)).json();
  expect(at(document, 'info', 'title')).toBe('Mine');
  expect(references(inputOf(document, '/order')).length).toBeGreaterThan(0);
  expect((await single.get('/docs', authorization)).text).toMatch(/<title>[^<]*Mine/);
});

test('mcpo-ts openapi --schema exact prints it', async () => {
  const exit = await runCommand(['openapi', 'shop', '--schema', 'exact'], { servers });
  expect(exit.code).toBe(0);
  expect(JSON.parse(exit.stdout)).toEqual((await service.get('/shop/openapi.json?schema=exact')).json());
  const refused = await runCommand(['openapi', 'shop', '--schema', 'whole'], { servers });
  expect([refused.code, refused.stderr.trim()]).toEqual([
    2,
    "mcpo-ts: option '--schema <form>' argument 'whole' is invalid. Allowed choices are portable, exact.",
  ]);
});

test('a changed catalogue changes both forms', async () => {
  const changing = await startService({ servers: { mutating: fixture('mutating.js') } });
  const before = await changing.get('/mutating/openapi.json?schema=exact');
  expect((await changing.call('mutating', 'add_tool', { name: 'late' })).status).toBe(200);
  // The call's answer comes after the notification, and the list is read anew then: documents follow it.
  for (const query of ['', '?schema=exact']) {
    await waitFor(async () => (await changing.get(`/mutating/openapi.json${query}`)).text.includes('"/late"'));
  }
  expect((await changing.get('/mutating/openapi.json?schema=exact')).headers.etag).not.toBe(before.headers.etag);
});
