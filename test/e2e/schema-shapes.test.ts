import { beforeAll, describe, expect } from '@jest/globals';
import { compareKeywords } from '../keyword-comparison.ts';
import { findPortabilityFaults } from '../portability-rules.ts';
import { schemaShapeExamples } from '../schema-shape-examples.ts';
import { readSchemaShapes } from '../unit/openapi/corpus.ts';
import { type Service, startService, test } from './harness.ts';
import { readAsBackend, readAsBrowser } from './open-webui-readers.ts';
import {
  fetchDocument,
  inputSchemaOf,
  operationOf,
  replayedShapes,
  rootPropertyNames,
  type ServedDocument,
} from './replayed-catalogues.ts';

const shapes = readSchemaShapes();
const served = shapes.filter(({ name }) => name !== 'external_ref');
let service: Service;
let document: ServedDocument;

beforeAll(async () => {
  service = await startService({ servers: replayedShapes() });
  document = await fetchDocument(service, '/shapes/openapi.json');
});

test('every shape but the one with a network $ref is served', () => {
  expect(Object.keys(document.paths).sort()).toEqual(served.map(({ name }) => `/${name}`).sort());
});

test('there are examples for every shape that is served', () => {
  expect(Object.keys(schemaShapeExamples).sort()).toEqual(served.map(({ name }) => name).sort());
});

describe('external_ref', () => {
  test('cannot be called', async () => expect((await service.call('shapes', 'external_ref', {})).status).toBe(404));

  test('is shown with the reason by /readyz and a warning', async () => {
    const { servers } = (await service.get('/readyz')).json() as {
      servers: Record<string, { state: string; rejected_tools: { name: string; reason: string }[] }>;
    };
    expect(servers.shapes?.state).toBe('ready');
    const reason = expect.stringContaining('example.com/schema.json');
    expect(servers.shapes?.rejected_tools).toEqual([{ name: 'external_ref', reason }]);
    const line = expect.stringMatching(/"level":"warn".*external_ref|external_ref.*"level":"warn"/);
    expect(service.stderr().split('\n')).toContainEqual(line);
  });
});

test('the start page shows which tool is left out', async () => {
  expect((await service.get('/docs', { accept: 'text/html' })).text).toContain('external_ref');
});

for (const { name, inputSchema } of served) {
  const { valid, invalid } = schemaShapeExamples[name] ?? { valid: [], invalid: [] };
  describe(name, () => {
    for (const [sent, arrives = sent] of valid) {
      test(`takes ${JSON.stringify(sent).slice(0, 100)}`, async () => {
        const answer = await service.call('shapes', name, sent);
        expect([answer.status, answer.json()]).toEqual([200, arrives]);
      });
    }

    for (const sent of invalid) {
      test(`refuses ${JSON.stringify(sent).slice(0, 100)}`, async () => {
        const answer = await service.call('shapes', name, sent);
        expect([answer.status, answer.json()]).toEqual([422, { detail: expect.any(Array) }]);
      });
    }

    test('refuses arguments that are no object', async () => {
      for (const body of ['[]', 'null', '"x"', '1']) {
        expect([body, (await service.call('shapes', name, body)).status]).toEqual([body, 422]);
      }
    });

    test('is published portably, with every keyword kept', () => {
      const operation = operationOf(document, name);
      const published = inputSchemaOf(operation);
      expect(findPortabilityFaults(published)).toEqual([]);
      expect(compareKeywords(inputSchema, published, { described: operation.description ?? '' }).lost).toEqual([]);
    });

    test("gives Open WebUI's two readers every argument unmangled", () => {
      const index = Object.keys(document.paths).indexOf(`/${name}`);
      for (const read of [readAsBackend, readAsBrowser]) {
        const { properties, mangled } = read(document)[index] ?? { properties: new Map(), mangled: ['not read'] };
        expect([...properties.keys()].sort()).toEqual([...rootPropertyNames(inputSchema)].sort());
        expect(mangled).toEqual([]);
      }
    });
  });
}

// Neither of the two reads what the schema's root says of itself.
for (const [shape, names] of [
  ['root_one_of', ['url', 'path']],
  ['if_then', ['kind', 'extra']],
] as const) {
  test(`${shape}: conditions between arguments are in the tool's own description`, () => {
    const { operationId } = operationOf(document, shape);
    for (const read of [readAsBackend, readAsBrowser]) {
      const description = read(document).find((tool) => tool.name === operationId)?.description;
      for (const name of names) expect(description).toMatch(new RegExp(`\\b${name}\\b`));
    }
  });
}

test('extra arguments are passed on unless the schema forbids them, and digits as they came', async () => {
  const body = '{"name":"a","more":12345678901234567890,"yet":[1.0]}';
  const answer = await service.call('shapes', 'ref_root', body);
  expect(answer.status).toBe(200);
  expect(answer.text).toContain('12345678901234567890');
});
