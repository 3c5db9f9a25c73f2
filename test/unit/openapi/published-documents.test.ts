import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import openapiTS from 'openapi-typescript';
import type { OpenAPIObject } from 'openapi3-ts/oas31';
import { serializeDocument } from '../../../src/openapi/serialize-document.ts';
import { toDocument } from '../../../src/openapi/to-document.ts';
import { documentInput, readCatalogues, readSchemaShapes } from './corpus.ts';

const catalogues = readCatalogues();
const shapes = {
  name: 'shapes',
  serverInfo: undefined,
  instructions: undefined,
  tools: readSchemaShapes(),
};
const hostile = {
  name: 'hostile',
  serverInfo: { name: '', version: '' },
  instructions: '',
  tools: [
    'a b',
    'a/b',
    '{id}',
    '{id',
    'größe',
    '日本語',
    '%41',
    'a?b#c',
    '__proto__',
    'constructor',
    `long${'x'.repeat(300)}`,
    '9lives',
    '-',
    '...',
  ].map((name) => ({
    name,
    inputSchema: { type: 'object', 'x-own': 1, unknownKeyword: true, properties: { a: { $ref: '#' } } },
    outputSchema: { $ref: 'https://example.com/output.json' },
  })),
};
const servers = [...catalogues, shapes, hostile];

const documents = new Map<string, OpenAPIObject>([
  ...servers.map((server) => [server.name, toDocument(documentInput([server]))] as const),
  ...servers.map(
    (server) =>
      [
        `${server.name}-alone`,
        toDocument(
          documentInput([server], {
            baseUrl: '/',
            singleServer: true,
            hasAuthentication: false,
            toolErrorStatus: 422,
          }),
        ),
      ] as const,
  ),
  ['all', toDocument(documentInput(servers, { scope: 'all', baseUrl: '/proxy/' }))],
  ['all-mcpo', toDocument(documentInput(servers, { scope: 'all', baseUrl: '/', operationIds: 'mcpo' }))],
  ...servers.map(
    (server) => [`${server.name}-exact`, toDocument(documentInput([server], { schemas: 'exact' }))] as const,
  ),
  ['all-exact', toDocument(documentInput(servers, { scope: 'all', baseUrl: '/', schemas: 'exact' }))],
  ['none', toDocument(documentInput([], { scope: 'all', baseUrl: '/' }))],
]);

describe('@redocly/cli with its recommended rules', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mcpo-ts-documents-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('finds no error in any document', async () => {
    const files: string[] = [];
    for (const [name, document] of documents) {
      const file = join(folder, `${name}.json`);
      await writeFile(file, serializeDocument(document).body);
      files.push(file);
    }
    expect(await lint(files)).toEqual([]);
  }, 120_000);

  test('would find one', async () => {
    const file = join(folder, 'broken.json');
    await writeFile(file, JSON.stringify({ openapi: '3.1.0', info: { title: 'x' }, paths: {} }));
    expect(await lint([file])).not.toEqual([]);
  });
});

describe('openapi-typescript', () => {
  test.each([...documents.keys()])('reads the document %s', async (name) => {
    const nodes = await openapiTS(JSON.stringify(documents.get(name)), { silent: true });
    expect(nodes.length).toBeGreaterThan(3);
  });
});

/** The errors that are found, and not the warnings. Nothing is sent anywhere: telemetry and update check are off. */
function lint(files: readonly string[]): Promise<readonly string[]> {
  const command = join(process.cwd(), 'node_modules/.bin/redocly');
  const args = ['lint', ...files, '--extends=recommended', '--format=json', '--max-problems=1000'];
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  return new Promise((resolve, reject) => {
    execFile(command, args, { env, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => {
      try {
        // One indented JSON object for each file, with nothing in between.
        const reports = stdout.split(/(?<=^\})/m).filter((text) => text.trim() !== '');
        const problems = reports.flatMap((text) => (JSON.parse(text) as LintReport).problems);
        expect(reports.length).toBe(files.length);
        resolve(problems.filter(({ severity }) => severity === 'error').map(toLine));
      } catch (error) {
        reject(error);
      }
    });
  });
}

interface LintReport {
  readonly problems: readonly {
    readonly severity: string;
    readonly ruleId: string;
    readonly message: string;
    readonly location: readonly { readonly pointer?: string; readonly source: { readonly ref: string } }[];
  }[];
}

function toLine({ ruleId, message, location }: LintReport['problems'][number]): string {
  return `${ruleId}: ${message} ${location[0]?.source.ref}${location[0]?.pointer ?? ''}`;
}
