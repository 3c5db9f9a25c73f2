import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'jsonc-parser';
import { serversFileSchema } from '../../../src/cli/schema.ts';
import { secretNames } from '../../../src/config/secret-variables.ts';
import { configurationPage, type Row, rowsOf, variableRows } from '../../configuration-page.ts';
import { doctorPage } from '../../doctor-page.ts';
import { metricsPage } from '../../metrics-page.ts';
import { problemsOf } from '../config/parse-servers.ts';

const root = join(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(serversFileSchema());

/** Whether the loader, too, takes this file; its problems otherwise. */
function judge(file: object): { schema: boolean; loader: boolean } {
  const isValid = validate(file);
  const problems = problemsOf(JSON.stringify(file));
  return { schema: isValid, loader: problems.length === 0 };
}

const server = (entry: object) => ({ mcpServers: { one: entry } });
const npx = { command: 'npx', args: ['-y', 'time-mcp'] };

describe('files that are accepted', () => {
  test.each<[string, object]>([
    ['mcpo', server({ ...npx, env: { A: 'b' }, disabledTools: ['x'], client_header_forwarding: { enabled: true } })],
    [
      'numbers and switches without quotes',
      server({ command: 'npx', args: [1, true], env: { PORT: 80, DEBUG: false } }),
    ],
    ['null counts as unset', server({ command: 'npx', args: null, type: null, isolation: null, resultImages: null })],
    ['remote, with a spelling of the type', server({ url: 'https://example.org/mcp', type: 'Streamable_HTTP' })],
    ['a disabled entry', { mcpServers: { one: npx, two: { disabled: true } } }],
    [
      'VS Code',
      {
        inputs: [{ id: 'key', type: 'promptString', description: 'The key', password: true }],
        servers: { one: { type: 'http', url: 'https://example.org/mcp', headers: { 'X-Key': '${input:key}' } } },
      },
    ],
    [
      'LibreChat',
      server({
        type: 'streamable-http',
        url: 'https://example.org/mcp',
        headers: { 'X-Key': '{{KEY}}' },
        customUserVars: { KEY: { title: 'Key', description: 'Yours' } },
        iconPath: '/icon.png',
        chatMenu: false,
        serverInstructions: true,
        initTimeout: 1000,
      }),
    ],
    ['Cline', server({ ...npx, autoApprove: ['x'], timeout: 60 })],
    [
      'everything beside the servers',
      {
        $schema: './servers.schema.json',
        ...server(npx),
        operationIds: 'tool',
        rateLimit: { calls: '10 / 5m', authFailures: 'off' },
        audit: { pseudonymise: true, retentionDays: 90 },
        vault: { lastFour: true },
        auth: { issuers: [{ issuer: 'https://id.example.org', audience: '*' }], groups: { a: ['admin'] } },
      },
    ],
  ])('%s', (_, file) => {
    expect(judge(file)).toEqual({ schema: true, loader: true });
  });

  test('servers.example.json, which names the published schema', () => {
    const example = parse(read('servers.example.json'));
    validate(example);
    expect(validate.errors).toBeNull();
    expect(JSON.parse(read(example.$schema))).toEqual(serversFileSchema());
    expect(JSON.parse(read('package.json')).files).toContain(example.$schema.replace(/^\.\//, ''));
  });
});

describe('files that are refused', () => {
  test.each<[string, object]>([
    ['no servers', { rateLimit: {} }],
    ['both lists of servers', { mcpServers: { a: npx }, servers: { b: npx } }],
    ['a list in place of an object', { mcpServers: [npx] }],
    ['a name that no URL can contain', { mcpServers: { 'a/b': npx } }],
    ['neither command nor url', server({ args: [] })],
    ['a misspelt command', server({ comand: 'npx' })],
    ['command and url', server({ ...npx, url: 'https://example.org' })],
    ['a type of transport that does not exist', server({ url: 'https://example.org', type: 'websocket' })],
    ['a text for a number', server({ ...npx, timeoutMs: '60 s' })],
    ['a fraction', server({ ...npx, maxSessions: 1.5 })],
    ['too little', server({ ...npx, limits: { memoryMb: 1 } })],
    ['arguments as a text', server({ command: 'npx', args: '-y time-mcp' })],
    ['a value that is an object', server({ command: 'npx', env: { A: {} } })],
    ['an isolation that does not exist', server({ ...npx, isolation: 'none' })],
    ['a misspelt restriction', server({ ...npx, acess: { roles: ['admin'] } })],
    ['access that names nobody', server({ ...npx, access: {} })],
    ['access to a tool that names nobody', server({ ...npx, access: { tools: { x: {} } } })],
    ['a status that is none', server({ ...npx, toolErrorStatus: 302 })],
    ['a variable without a name', server({ ...npx, userVars: { '1X': {} } })],
    ['a link that is none', server({ ...npx, env: { X: '${X}' }, userVars: { X: { helpUrl: 'javascript:1' } } })],
    ['an issuer without an audience', { ...server(npx), auth: { issuers: [{ issuer: 'https://id.example.org' }] } }],
    ['an unknown key of auth', { ...server(npx), auth: { key: [] } }],
    ['a malformed limit', { ...server(npx), rateLimit: { calls: '6000' } }],
  ])('%s', (_, file) => {
    expect(judge(file)).toEqual({ schema: false, loader: false });
  });
});

describe('documents that are made from the schemas', () => {
  test('every key and variable has one sentence', () => {
    const { properties = {}, definitions } = serversFileSchema();
    const { server: entry } = definitions as { server: { properties: Parameters<typeof rowsOf>[0] } };
    const rows: readonly Row[] = [...rowsOf(properties), ...rowsOf(entry.properties), ...variableRows()];
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.filter(({ description }) => !/\S.*\.$/.test(description)).map(({ name }) => name)).toEqual([]);
  });

  test('the tables of the documents and docs/servers.schema.json are up to date (npm run documents)', () => {
    const files = ['configuration.md', 'metrics.md', 'servers.schema.json', 'operating.md'];
    const [page, metrics, schema, operating] = files.map((file) => join(root, 'docs', file)) as [
      string,
      string,
      string,
      string,
    ];
    if (process.env.UPDATE_DOCUMENTS !== undefined) {
      writeFileSync(page, configurationPage(readFileSync(page, 'utf8')));
      writeFileSync(metrics, metricsPage(readFileSync(metrics, 'utf8')));
      writeFileSync(operating, doctorPage(readFileSync(operating, 'utf8')));
      writeFileSync(schema, JSON.stringify(serversFileSchema(), null, 2));
      execFileSync(join(root, 'node_modules/.bin/biome'), ['format', '--write', page, metrics, operating, schema]);
    }
    // The formatter aligns columns.
    const normalized = (text: string) => text.replace(/ +/g, ' ').replace(/\| :?-+/g, '| -');
    const text = readFileSync(page, 'utf8');
    expect(normalized(text)).toBe(normalized(configurationPage(text)));
    const metricsText = readFileSync(metrics, 'utf8');
    expect(normalized(metricsText)).toBe(normalized(metricsPage(metricsText)));
    const operatingText = readFileSync(operating, 'utf8');
    expect(normalized(operatingText)).toBe(normalized(doctorPage(operatingText)));
    expect(JSON.parse(readFileSync(schema, 'utf8'))).toEqual(serversFileSchema());
  });

  test('.env.example has every variable', () => {
    const listed = new Set([...read('.env.example').matchAll(/^#? ?([A-Z_]+)=/gm)].map(([, name]) => name));
    const variables = [...variableRows().map(({ name }) => name), ...secretNames.map((name) => `${name}_FILE`)];
    expect(variables.filter((name) => !listed.has(name))).toEqual([]);
    const known = new Set(variables);
    expect([...listed].filter((name = '') => !known.has(name))).toEqual([]);
  });
});
