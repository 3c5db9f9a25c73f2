import { expect, test } from '@jest/globals';
import { SessionOpenError } from '../../../src/errors.ts';
import type { CatalogueSource } from '../../../src/servers/catalogue.ts';
import { SessionCatalogue, SessionCatalogues } from '../../../src/servers/session-catalogues.ts';

const all = { enabledTools: undefined, disabledTools: new Set<string>() };

function sourceOf(...names: string[]): CatalogueSource {
  const tools = names.map((name) => ({ name, inputSchema: { type: 'object' } }));
  return { serverInfo: { name: 'one', version: '1' }, instructions: undefined, list: { tools, rejected: [] } };
}

test('a thousand sessions that list the same have one catalogue, which goes with the last of them', () => {
  const catalogues = new SessionCatalogues(all);
  const sessions = Array.from({ length: 1_000 }, () => new SessionCatalogue(catalogues));
  for (const session of sessions) expect(session.set(sourceOf('a', 'b'))).toBe(true);
  expect(new Set(sessions.map(({ current }) => current)).size).toBe(1);
  const [first, ...others] = sessions;
  expect([first?.set(sourceOf('a', 'b')), first?.set(sourceOf('a'))]).toEqual([false, true]);
  expect(catalogues.size).toBe(2);
  expect([...(first?.current?.tools.keys() ?? [])]).toEqual(['a']);
  for (const session of others) session.release();
  expect(catalogues.size).toBe(1);
  first?.release();
  expect([catalogues.size, first?.current, first?.set(sourceOf('c'))]).toEqual([0, undefined, false]);
});

test('which tools are enabled counts at once', () => {
  const catalogues = new SessionCatalogues(all);
  const session = new SessionCatalogue(catalogues);
  expect(session.hasList).toBe(false);
  session.set(sourceOf('a', 'b'));
  expect([...(session.current?.tools.keys() ?? [])]).toEqual(['a', 'b']);
  catalogues.reconfigure({ ...all, disabledTools: new Set(['a']) });
  expect([...(session.current?.tools.keys() ?? [])]).toEqual(['b']);
});

test('a list that would fill the memory is refused', () => {
  const session = new SessionCatalogue(new SessionCatalogues(all));
  expect(() => session.set(sourceOf('a'.repeat(9 * 1024 * 1024)))).toThrow(SessionOpenError);
});
