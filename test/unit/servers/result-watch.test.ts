import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { JsonSchema } from '../../../src/mcp/session.ts';
import { toCatalogue } from '../../../src/servers/catalogue.ts';
import { ResultWatch } from '../../../src/servers/result-watch.ts';

function toolWith(outputSchema: JsonSchema) {
  const list = { tools: [{ name: 'now', inputSchema: { type: 'object' }, outputSchema }], rejected: [] };
  const source = { serverInfo: { name: 'time', version: '1' }, instructions: undefined, list };
  const tool = toCatalogue(source, { enabledTools: undefined, disabledTools: new Set() }).tools.get('now');
  if (tool === undefined) throw new Error('the tool is left out');
  return tool;
}

const result = (structuredContent: unknown) => ({ content: [], structuredContent, isError: false, raw: {} });

async function warningsOf(outputSchema: JsonSchema, results: readonly unknown[]) {
  const warnings: unknown[] = [];
  const watch = new ResultWatch('time', { warn: (message, fields) => void warnings.push([message, fields]) });
  const tool = toolWith(outputSchema);
  for (const value of results) watch.watch(tool, result(value));
  expect(warnings).toEqual([]);
  await setImmediate();
  return warnings;
}

describe('results and their outputSchema', () => {
  const schema = { type: 'object', properties: { at: { type: 'string', pattern: '^(a+)+$' } }, required: ['at'] };

  test('one that breaks it is logged once, after the answer, without its content', async () => {
    const warnings = await warningsOf(schema, [{ at: 'aa' }, { at: 'secret' }, { at: 7 }, {}]);
    expect(warnings).toEqual([
      [
        'a result breaks the outputSchema of its tool and is delivered all the same',
        { server: 'time', tool: 'now', breaks: ['"pattern" at #/properties/at/pattern'] },
      ],
    ]);
  });

  test('nothing is logged about one that conforms, that is large or nested deeply, or where the schema is of no use', async () => {
    let deep: unknown = 1;
    for (let level = 0; level < 4_000; level++) deep = [deep];
    const nested = { items: { $ref: '#' }, type: 'array' };
    expect(await warningsOf(schema, [{ at: 'aa' }])).toEqual([]);
    expect(await warningsOf(schema, [{ at: 'x'.repeat(300_000) }, Array.from({ length: 10_000 }, () => 1)])).toEqual(
      [],
    );
    expect((await warningsOf(nested, [deep])).length).toBeLessThanOrEqual(1);
    expect(await warningsOf({ $ref: 'https://a.example/' }, [1])).toEqual([]);
  });
});
