import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { toVaultDocument } from '../../../../src/http/vault/vault-document.ts';
import { lintDocuments } from '../../../lint-documents.ts';
import { ALICE, bearer, startVaultService, type VaultService } from './vault-service.ts';

let service: VaultService;
const folder = mkdtempSync(join(tmpdir(), 'vault-document-'));

beforeAll(async () => {
  service = await startVaultService();
});

afterAll(async () => {
  await service.close();
  rmSync(folder, { recursive: true });
});

const METHODS = ['get', 'put', 'post', 'delete'];

/** Method and path of each operation, with something in the place of the parameters. */
function operations(): readonly (readonly [method: string, path: string])[] {
  const { paths = {} } = toVaultDocument({ rootPath: '', pathPrefix: '/' });
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((key) => METHODS.includes(key))
      .map((method) => [method.toUpperCase(), fill(path)] as const),
  );
}

function fill(path: string): string {
  return path.replace('{subject}', ALICE.subject).replace('{server}', 'tracker').replace('{name}', 'TOKEN');
}

test('the document is valid by the recommended rules', async () => {
  const files = [
    { rootPath: '', pathPrefix: '/' },
    { rootPath: '/tools', pathPrefix: '/v1/' },
  ].map((settings, index) => {
    const file = join(folder, `${index}.json`);
    writeFileSync(file, JSON.stringify(toVaultDocument(settings)));
    return file;
  });
  expect(await lintDocuments(files)).toEqual([]);
}, 120_000);

test('it is served as it is, and under strict authentication to those who are known only', async () => {
  const answer = await service.send('GET', '/vault/api/openapi.json');
  expect(answer.status).toBe(200);
  expect(answer.json()).toEqual(toVaultDocument({ rootPath: '', pathPrefix: '/' }));
  const strict = await startVaultService({ strictAuth: true });
  try {
    expect((await strict.send('GET', '/vault/api/openapi.json')).status).toBe(401);
    const headers = bearer('key-of-robot');
    expect((await strict.send('GET', '/vault/api/openapi.json', { headers })).status).toBe(200);
  } finally {
    await strict.close();
  }
});

test('it says where the service is', () => {
  expect(toVaultDocument({ rootPath: '', pathPrefix: '/' }).servers).toEqual([{ url: '/' }]);
  expect(toVaultDocument({ rootPath: '/tools', pathPrefix: '/v1/' }).servers).toEqual([{ url: '/tools/v1' }]);
});

test.each(operations())('%s %s answers', async (method, path) => {
  const headers = { ...bearer('key-of-chief'), 'Content-Type': 'application/json' };
  const setsMany = method === 'POST' && path.endsWith('/variables');
  const setsOne = method !== 'DELETE' && path.endsWith('/TOKEN');
  const makesLink = path.endsWith('/links') ? '{"server":"tracker","user":"alice"}' : undefined;
  const body = setsOne ? '{"value":"x"}' : setsMany ? '{"values":{"TOKEN":"x"}}' : makesLink;
  const answer = await service.send(method, path, { headers, body });
  expect([200, 201, 204]).toContain(answer.status);
});

test('every route is in it: other methods are refused with those that are', async () => {
  const documented = new Map<string, string[]>();
  for (const [method, path] of operations()) documented.set(path, [...(documented.get(path) ?? []), method]);
  expect(documented.size).toBe(10);
  for (const [path, methods] of documented) {
    const answer = await service.send('PATCH', path, { headers: bearer('key-of-chief') });
    expect(answer.status).toBe(405);
    const allowed = answer.headers.allow?.split(', ').filter((method) => method !== 'HEAD' && method !== 'OPTIONS');
    expect(allowed).toEqual(methods);
  }
});
