import { describe, expect, test } from '@jest/globals';
import type { ToolDefinition } from '../../../src/mcp/session.ts';
import { schemaRefusal } from '../../../src/schema/normalize-schema.ts';
import { toCatalogue } from '../../../src/servers/catalogue.ts';
import { forwardedHeaders } from '../../../src/servers/forwarded-headers.ts';

const tool = (name: string, inputSchema: ToolDefinition['inputSchema'] = { type: 'object' }): ToolDefinition => ({
  name,
  inputSchema,
});

const source = (...tools: ToolDefinition[]) => ({
  serverInfo: { name: 's', version: '1' },
  instructions: undefined,
  list: { tools, rejected: [] },
});

const all = { enabledTools: undefined, disabledTools: new Set<string>() };

describe('catalogue', () => {
  test('holds what the admin enabled and did not disable', () => {
    const config = { enabledTools: new Set(['a', 'b']), disabledTools: new Set(['b']) };
    expect([...toCatalogue(source(tool('a'), tool('b'), tool('c')), config).tools.keys()]).toEqual(['a']);
  });

  test('leaves out a tool whose schema would have to be fetched, and keeps the others', () => {
    const bad = tool('bad', { properties: { x: { $ref: 'https://example.com/schema.json' } } });
    const { tools, rejected } = toCatalogue(source(bad, tool('good')), all);
    expect([...tools.keys()]).toEqual(['good']);
    expect(rejected).toEqual([{ name: 'bad', reason: expect.stringContaining('example.com') }]);
  });

  test('has the same revision for the same content only', () => {
    const revision = (name: string) => toCatalogue(source(tool(name)), all).revision;
    expect(revision('a')).toBe(revision('a'));
    expect(revision('a')).not.toBe(revision('b'));
  });

  test('names like those of Object.prototype are tools like any other', () => {
    const { tools } = toCatalogue(source(tool('__proto__'), tool('constructor')), all);
    expect([...tools.keys()]).toEqual(['__proto__', 'constructor']);
    expect(toCatalogue(source(), all).tools.get('toString')).toBeUndefined();
  });

  test('a schema deeper than a hundred levels is refused without overflowing the stack', () => {
    let schema: Record<string, unknown> = { type: 'string' };
    for (let level = 0; level < 20_000; level++) schema = { items: schema };
    expect(schemaRefusal(schema)).toContain('100 levels');
    expect(schemaRefusal({ $ref: '#/$defs/a', $defs: { a: {} } })).toBeUndefined();
  });

  test('forwards the headers that the admin lists, never credentials', () => {
    const headers = { 'x-trace': '1', 'x-team-a': '2', 'x-team-b': '3', authorization: 'Bearer k', cookie: 'c=1' };
    const lists = { whitelist: ['x-trace', 'x-team-*', 'authorization', 'cookie', '*'], blacklist: ['x-team-b'] };
    expect(forwardedHeaders(headers, lists)).toEqual({ 'x-trace': '1', 'x-team-a': '2' });
  });
});
