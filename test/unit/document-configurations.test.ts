import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'jsonc-parser';
import { serversFileSchema } from '../../src/cli/schema.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import type { References } from '../../src/config/references.ts';
import { blocksOf, documents, isNotRun } from '../document-blocks.ts';

const blocks = documents.flatMap(blocksOf);
const configurations = blocks.filter(({ language }) => language.startsWith('json'));
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(serversFileSchema());

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-documents-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Loads a configuration as `check` does, with every variable set that it names; returns its warnings. */
function load(content: object, text: string): readonly string[] {
  const file = join(folder, 'servers.json');
  writeFileSync(file, JSON.stringify(content));
  const named = [...text.matchAll(/\$\{(?:env:)?([A-Z][A-Z0-9_]*)\}/g)].map(([, name]) => [
    name,
    'the-value-of-a-variable',
  ]);
  const environment = readEnvironment({
    HOME: folder,
    MCPO_API_KEY: '4fb1ad7c1e0e4c4f9d6a52e8',
    MCPO_OPENWEBUI_USER_JWT_SECRET: 'b1946ac92492d2347c6235b4d2611184',
    MCPO_TRUST_USER_HEADERS: 'true',
    MCPO_OPENWEBUI_URL: 'http://open-webui:8080',
    MCPO_PUBLIC_URL: 'https://tools.example.org',
    SECURITY_LOG_FILE: join(folder, 'audit.log'),
    ...Object.fromEntries(named),
  });
  const options = { config: file, env: new Map(), header: new Map(), allowedHosts: [], positional: [] };
  const references: References = {
    lookUp: () => ({ kind: 'value', text: 'the-value-of-a-reference' }),
    load: async (read) => read(),
    configure: () => undefined,
  };
  const { warnings } = loadSettings(options, { ...environment, references });
  // Folders of the example's own.
  return warnings
    .filter(({ message }) => !message.includes('does not exist now'))
    .map(({ key, message }) => `${key}: ${message}`);
}

/** Parts of a file stand in the documents without its servers. */
function toFile(text: string): object {
  const content = parse(text, [], { allowTrailingComma: true });
  const hasServers = 'mcpServers' in content || 'servers' in content;
  return hasServers ? content : { mcpServers: { time: { command: 'npx' } }, ...content };
}

test('every block of a document has a language', () => {
  expect(blocks.filter(({ language }) => language === '').map(({ place }) => place)).toEqual([]);
  expect(configurations.length).toBeGreaterThan(10);
});

describe('configurations in the documents', () => {
  test.each(configurations.filter((one) => !isNotRun(one)).map((one) => [one.place, one] as const))(
    '%s',
    (_, { text, mark }) => {
      const file = toFile(text);
      const isRefused = mark === 'refused';
      expect({ isValid: validate(file), errors: isRefused ? [] : (validate.errors ?? []) }).toEqual({
        isValid: !isRefused,
        errors: [],
      });
      if (isRefused) expect(() => load(file, '')).toThrow();
      else expect(load(file, text)).toEqual([]);
    },
  );
});
