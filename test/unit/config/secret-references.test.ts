import { expect, test } from '@jest/globals';
import { remoteProblems } from '../../../src/config/edits/remote-rules.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { loadServers, loadSettings } from '../../../src/config/load-settings.ts';
import { toShownConfiguration } from '../../../src/config/shown-configuration.ts';
import type { ReferenceReading } from '../../../src/placeholders/parse-template.ts';

const options = { config: 'servers.json', env: new Map(), header: new Map(), allowedHosts: [], positional: [] };

function load(mcpServers: object, lookUp: (reference: string) => ReferenceReading) {
  const references = { lookUp, load: async <Loaded>(read: () => Loaded) => read(), configure: () => undefined };
  const environment = { ...readEnvironment({}), references };
  return loadServers(options, environment, undefined, JSON.stringify({ mcpServers }));
}

const value = 'a-value-from-elsewhere';
const servers = {
  one: {
    command: 'x',
    args: ['--token', '${vault:a/b#c}', '${aws-sm:name}'],
    env: { A: 'Bearer ${op:op://vault/item/field}', B: '${base64:me:${cmd:read it}}' },
  },
  two: { url: 'https://example.org/${vault:a/b#path}/mcp', headers: { Authorization: 'Bearer ${vault:a/b#c}' } },
};

test('the configuration that admins see has the references and none of their values', () => {
  const loaded = load(servers, () => ({ kind: 'value', text: value }));
  const { settings, secrets } = loadSettings(
    { ...options, positional: ['x'], config: undefined } as never,
    readEnvironment({}),
  );
  const shown = JSON.stringify(toShownConfiguration(settings, loaded.servers, secrets.auth));
  expect(shown).not.toContain(value);
  expect(shown).not.toContain(Buffer.from(`me:${value}`).toString('base64'));
  expect(shown).toContain('${op:op://vault/item/field}');
  expect(shown).toContain('${base64:me:${cmd:read it}}');
  expect(loaded.secrets).toContain(value);
});

test('a server whose references have no value is loaded, and says which', () => {
  const { servers: loaded, warnings } = load(servers, () => ({ kind: 'unresolved', reason: 'it is away' }));
  expect(loaded[0]?.unresolved).toContainEqual({ reference: 'vault:a/b#c', reason: 'it is away' });
  expect(loaded[1]?.unresolved).toHaveLength(2);
  expect(warnings).toContainEqual(expect.objectContaining({ server: 'one', key: 'args[1]', line: expect.any(Number) }));
});

test('a server that is added at /admin without the right to run something can name no reference', () => {
  for (const reference of ['${vault:a/b#c}', '${aws-sm:a}', '${op://a/b/c}', '${cmd:sh}', '${base64:${vault:a/b#c}}']) {
    const entry = { url: 'https://example.org/mcp', headers: { Authorization: reference } };
    expect(remoteProblems(entry)).not.toEqual([]);
  }
});
