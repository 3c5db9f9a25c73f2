import { describe, expect, test } from '@jest/globals';
import type { ToolOverride } from '../../../src/config/tool-overrides.ts';
import type { ToolDefinition } from '../../../src/mcp/session.ts';
import { type Catalogue, publishedTools, toCatalogue } from '../../../src/servers/catalogue.ts';
import { ownNamesOf } from '../../../src/servers/tool-overrides.ts';

const tool = (name: string, more: Partial<ToolDefinition> = {}): ToolDefinition => ({
  name,
  description: `does ${name}`,
  inputSchema: { type: 'object' },
  ...more,
});

function catalogue(
  tools: Record<string, Partial<ToolOverride>>,
  list: readonly ToolDefinition[],
  more = {},
): Catalogue {
  const overrides = Object.entries(tools).map(([name, one]) => [name, { hidden: false, ...one }] as const);
  return toCatalogue(
    { serverInfo: { name: 's', version: '1' }, instructions: undefined, list: { tools: list, rejected: [] } },
    { enabledTools: undefined, disabledTools: new Set(), tools: new Map(overrides), ...more },
  );
}
const names = ({ tools }: Catalogue) => Object.fromEntries([...tools].map(([name, { ownName }]) => [name, ownName]));

describe('overrides of tools', () => {
  test('a new name is what callers see; the own one is what the server is called by', () => {
    const found = catalogue({ delete_all: { name: 'clean' } }, [tool('delete_all'), tool('other')]);
    expect(names(found)).toEqual({ clean: 'delete_all', other: 'other' });
    expect(found.tools.get('clean')?.definition).toMatchObject({ name: 'clean', description: 'does delete_all' });
  });

  test('a new name replaces the title too, which would show the former one', () => {
    const titled = tool('a', { title: 'The A', annotations: { title: 'A!', readOnlyHint: true } });
    const definition = catalogue({ a: { name: 'b' } }, [titled]).tools.get('b')?.definition;
    expect(definition).toEqual({ ...tool('a'), name: 'b', annotations: { readOnlyHint: true } });
    expect(catalogue({ a: { description: 'x' } }, [titled]).tools.get('a')?.definition).toEqual({
      ...titled,
      description: 'x',
    });
  });

  test('a description replaces the own one, and an empty one removes it', () => {
    const described = (description: string) =>
      catalogue({ a: { description } }, [tool('a')]).tools.get('a')?.definition;
    expect(described('better')?.description).toBe('better');
    expect(described('')?.description).toBe('');
  });

  test('a hidden tool is not published and can be called', () => {
    const found = catalogue({ a: { hidden: true } }, [tool('a'), tool('b')]);
    expect([...found.tools.keys()]).toEqual(['a', 'b']);
    expect(publishedTools(found).map(({ ownName }) => ownName)).toEqual(['b']);
    expect(found.revision).not.toBe(catalogue({}, [tool('a'), tool('b')]).revision);
  });

  test('rules go by the own name: a disabled tool stays disabled under a new one', () => {
    const disabledTools = new Set(['a']);
    expect(names(catalogue({ a: { name: 'b' } }, [tool('a')], { disabledTools }))).toEqual({});
    const enabledTools = new Set(['b']);
    expect(names(catalogue({ a: { name: 'b' } }, [tool('a'), tool('c')], { enabledTools }))).toEqual({});
  });

  test('two tools can exchange their names', () => {
    const found = catalogue({ a: { name: 'b' }, b: { name: 'a' } }, [tool('a'), tool('b')]);
    expect(names(found)).toEqual({ a: 'b', b: 'a' });
    expect(found.rejected).toEqual([]);
  });

  test('a name that the admin gave wins over a tool that the server names so, now or later', () => {
    for (const list of [
      [tool('a'), tool('b')],
      [tool('b'), tool('a')],
    ]) {
      const found = catalogue({ a: { name: 'b' } }, list);
      expect(names(found)).toEqual({ b: 'a' });
      expect(found.rejected).toEqual([{ name: 'b', reason: expect.stringContaining('same URL as "b"') }]);
    }
  });

  test('letters that look the same are the same', () => {
    const found = catalogue({ ['größe'.normalize('NFC')]: { name: 'size' } }, [tool('größe'.normalize('NFD'))]);
    expect(names(found)).toEqual({ size: 'größe'.normalize('NFD') });
  });

  test('an override of a tool that the server does not have is reported', () => {
    expect(catalogue({ a: { hidden: true }, typo: { hidden: true } }, [tool('a')]).unmatchedRules).toEqual([
      { key: 'tools', pattern: 'typo' },
    ]);
  });

  test('the own names that a name may mean', () => {
    const overrides = new Map([['a', { name: 'b', hidden: false }]]);
    expect(ownNamesOf(['b'], overrides)).toEqual(['b', 'a']);
    expect(ownNamesOf(['a'], overrides)).toEqual(['a']);
    expect(ownNamesOf(['b'], new Map())).toEqual(['b']);
  });
});
