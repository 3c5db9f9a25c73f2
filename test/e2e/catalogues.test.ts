import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { compareKeywords } from '../keyword-comparison.ts';
import { lintDocuments } from '../lint-documents.ts';
import { findPortabilityFaults } from '../portability-rules.ts';
import { type Service, startService, temporaryFolder, test } from './harness.ts';
import { readAsBackend, readAsBrowser } from './open-webui-readers.ts';
import {
  catalogues,
  fetchDocument,
  inputSchemaOf,
  operationOf,
  replayedCatalogues,
  rootPropertyNames,
  type ServedDocument,
} from './replayed-catalogues.ts';

const servers = replayedCatalogues();
const dataFolder = temporaryFolder();
const documents = new Map<string, ServedDocument>();
const names = catalogues.map(({ name }) => name);
let service: Service;

beforeAll(async () => {
  service = await startService({ servers, env: { MCPO_DATA_DIR: dataFolder } });
  for (const name of names) documents.set(name, await fetchDocument(service, `/${name}/openapi.json`));
});

function documentOf(name: string): ServedDocument {
  const document = documents.get(name);
  if (document === undefined) throw new Error(`No document of ${name} was fetched.`);
  return document;
}

function operationIdsOf(document: ServedDocument): readonly string[] {
  return Object.values(document.paths).map(({ post }) => post.operationId);
}

for (const { name, tools } of catalogues) {
  describe(name, () => {
    test(`all ${tools.length} tools are there, each under its name`, () => {
      expect(Object.keys(documentOf(name).paths)).toEqual(tools.map((tool) => `/${encodeURIComponent(tool.name)}`));
    });

    test('every keyword of every input schema is kept', () => {
      for (const tool of tools) {
        const operation = operationOf(documentOf(name), tool.name);
        const described = operation.description ?? '';
        const { lost } = compareKeywords(tool.inputSchema, inputSchemaOf(operation), { described });
        expect([tool.name, lost]).toEqual([tool.name, []]);
      }
    });

    test('the exact form keeps every keyword too, in place or in its components', async () => {
      const exact = await fetchDocument(service, `/${name}/openapi.json?schema=exact`);
      for (const tool of tools) {
        const published = inputSchemaOf(operationOf(exact, tool.name));
        const { lost } = compareKeywords(tool.inputSchema, published, { publishedRoot: exact });
        expect([tool.name, lost]).toEqual([tool.name, []]);
      }
    });

    test('every node of every input schema is portable', () => {
      for (const tool of tools) {
        const faults = findPortabilityFaults(inputSchemaOf(operationOf(documentOf(name), tool.name)));
        expect([tool.name, faults]).toEqual([tool.name, []]);
      }
    });

    for (const [reader, read] of [
      ['backend', readAsBackend],
      ['browser', readAsBrowser],
    ] as const) {
      test(`Open WebUI's ${reader} gets every argument of every tool unmangled`, () => {
        const found = read(documentOf(name));
        expect(found).toHaveLength(tools.length);
        for (const [index, tool] of tools.entries()) {
          const { inputSchema } = tool;
          const { properties, required, mangled } = found[index] ?? { properties: new Map(), required: [] };
          expect([tool.name, [...properties.keys()].sort()]).toEqual([
            tool.name,
            [...rootPropertyNames(inputSchema)].sort(),
          ]);
          expect(required).toEqual((typeof inputSchema === 'object' && inputSchema.required) || []);
          expect([tool.name, mangled]).toEqual([tool.name, []]);
        }
      });
    }

    test("the choices that Open WebUI's page drops are in the descriptions", () => {
      const found = new Map(readAsBrowser(documentOf(name)).map((tool) => [tool.name, tool]));
      for (const tool of tools) {
        const properties = typeof tool.inputSchema === 'object' ? tool.inputSchema.properties : undefined;
        const read = found.get(operationOf(documentOf(name), tool.name).operationId);
        for (const [argument, schema] of Object.entries((properties ?? {}) as Record<string, { enum?: unknown[] }>)) {
          const description = String(read?.properties.get(argument)?.description ?? '');
          const untold = (schema.enum ?? []).slice(0, 5).filter((value) => !description.includes(String(value)));
          expect([tool.name, argument, untold]).toEqual([tool.name, argument, []]);
        }
      }
    });
  });
}

describe('operation ids', () => {
  test('each is one that every provider takes, and none is there twice', () => {
    const ids = names.flatMap((name) => operationIdsOf(documentOf(name)));
    expect(ids).toHaveLength(catalogues.reduce((sum, { tools }) => sum + tools.length, 0));
    for (const id of ids) expect(id).toMatch(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('are the same in the document of all servers', async () => {
    const all = await fetchDocument(service, '/openapi.json');
    const expected = names.flatMap((name) => operationIdsOf(documentOf(name))).sort();
    expect([...operationIdsOf(all)].sort()).toEqual(expected);
    for (const read of [readAsBackend, readAsBrowser])
      expect(
        read(all)
          .map((tool) => tool.name)
          .sort(),
      ).toEqual(expected);
  });
});

test('@redocly/cli finds no error in any document', async () => {
  const folder = temporaryFolder();
  const files: string[] = [];
  for (const server of ['', ...names.map((name) => `/${name}`)]) {
    for (const query of ['', '?schema=exact']) {
      const file = join(folder, `${files.length}-${server.slice(1) || 'all'}${query && '-exact'}.json`);
      writeFileSync(file, JSON.stringify(await fetchDocument(service, `${server}/openapi.json${query}`)));
      files.push(file);
    }
  }
  expect(await lintDocuments(files)).toEqual([]);
}, 60_000);

test('after a restart every document is the same, from the kept catalogues at first and from the servers then', async () => {
  const paths = ['/openapi.json', ...names.map((name) => `/${name}/openapi.json`)];
  const bytes = async (from: Service) => {
    const answers = await Promise.all(paths.map((path) => from.get(path)));
    return answers.map(({ status, text }) => [status, text] as const);
  };
  const before = await bytes(service);
  await service.stop();
  const warm = await startService({ servers, env: { MCPO_DATA_DIR: dataFolder }, waitForReady: false });
  expect(
    (await bytes(warm)).map(([status, text], index) => [paths[index], status, text === before[index]?.[1]]),
  ).toEqual(paths.map((path) => [path, 200, true]));
  await warm.stop();
  const cold = await startService({ servers });
  expect(
    (await bytes(cold)).map(([status, text], index) => [paths[index], status, text === before[index]?.[1]]),
  ).toEqual(paths.map((path) => [path, 200, true]));
});
