import { expect, test } from '@jest/globals';
import { SessionOpenError } from '../../../src/errors.ts';
import type { CatalogueSource } from '../../../src/servers/catalogue.ts';
import { SessionCatalogue } from '../../../src/servers/session-catalogue.ts';

const all = { enabledTools: undefined, disabledTools: new Set<string>() };

function sourceOf(...names: string[]): CatalogueSource {
  const tools = names.map((name) => ({ name, inputSchema: { type: 'object' } }));
  return { serverInfo: { name: 'one', version: '1' }, instructions: undefined, list: { tools, rejected: [] } };
}

test('a thousand sessions that list the same have one catalogue', () => {
  const tools: SessionCatalogue[] = [];
  for (let session = 0; session < 1_000; session++) tools.push(SessionCatalogue.from(sourceOf('a', 'b'), all, tools));
  expect(new Set(tools).size).toBe(1);
  const other = SessionCatalogue.from(sourceOf('a'), all, [undefined, ...tools]);
  expect(other).not.toBe(tools[0]);
  expect([...other.current.tools.keys()]).toEqual(['a']);
  expect(tools[0]?.current).toBe(tools[999]?.current);
});

test('which tools are enabled counts at once', () => {
  const tools = SessionCatalogue.from(sourceOf('a', 'b'), all, []);
  expect([...tools.current.tools.keys()]).toEqual(['a', 'b']);
  tools.reconfigure({ ...all, disabledTools: new Set(['a']) });
  expect([...tools.current.tools.keys()]).toEqual(['b']);
});

test('a list that would fill the memory is refused', () => {
  const source = sourceOf('a'.repeat(9 * 1024 * 1024));
  expect(() => SessionCatalogue.from(source, all, [])).toThrow(SessionOpenError);
});
