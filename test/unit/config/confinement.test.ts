import { describe, expect, test } from '@jest/globals';
import { readEnvironment } from '../../../src/config/environment.ts';
import { entryProblems, entryWarnings, parseServer } from './parse-servers.ts';

function confinementOf(entry: object, environment: Readonly<Record<string, string>> = {}) {
  const { transport } = parseServer({ command: 'node', ...entry }, { environment });
  return transport.type === 'stdio' ? transport.confinement : undefined;
}

describe('what confines a server', () => {
  test('nothing, unless it is asked for', () => {
    expect(confinementOf({})).toBeUndefined();
    expect(confinementOf({ sandbox: false, runAs: false, limits: {} })).toBeUndefined();
  });

  test('a sandbox is made of defaults or of an object; its paths count from the file', () => {
    expect(confinementOf({ sandbox: true })?.sandbox).toEqual({ network: true, readOnly: [], writable: [] });
    expect(confinementOf({ sandbox: { network: false, writable: ['/tmp'] } })?.sandbox).toEqual({
      network: false,
      readOnly: [],
      writable: ['/tmp'],
    });
    expect(entryWarnings({ command: 'node', sandbox: { readOnly: ['/no/such/path'] } })).toEqual([
      expect.stringContaining('"/no/such/path" does not exist now'),
    ]);
  });

  test('arguments of users name no paths that are shown', () => {
    const entry = { args: ['/srv/a', '${user.id}'], allowUserPlaceholdersInArgs: true, sandbox: true };
    expect(confinementOf(entry)?.namedPaths).toEqual(['/srv/a']);
  });

  test('MCPO_RUN_AS is for root, and an entry wins over it', () => {
    const isRoot = process.getuid?.() === 0;
    const environment = { MCPO_RUN_AS: 'auto', MCPO_RUN_AS_UIDS: '700-800' };
    expect(confinementOf({}, environment)?.runAs).toBe(isRoot ? 'auto' : undefined);
    expect(confinementOf({ runAs: false }, environment)).toBeUndefined();
    expect(confinementOf({ runAs: 'auto' }, environment)?.uids).toEqual({ first: 700, last: 800 });
  });

  test.each([
    [{ runAs: { uid: 0, gid: 0 } }, /runAs/],
    [{ runAs: 'root' }, /must be "auto", false/],
    [{ sandbox: { netwrok: true } }, /sandbox/],
    [{ limits: { memoryMb: 12 } }, /at least 64/],
    [{ limits: { memory: 100 } }, /limits/],
    [{ limits: { processes: 10 } }, /counts every process of a user/],
  ])('%j is refused', (entry, message) => {
    expect(entryProblems({ command: 'node', ...entry }).join('\n')).toMatch(message);
  });
});

test.each([
  ['60600-61099', { first: 60_600, last: 61_099 }],
  [' 5 - 5 ', { first: 5, last: 5 }],
])('the range %j is %j', (text, range) => {
  expect(readEnvironment({ MCPO_RUN_AS_UIDS: text }).values.MCPO_RUN_AS_UIDS).toEqual(range);
});

test.each(['0-5', '9-5', 'a-b'])('the range %j is refused', (text) => {
  expect(() => readEnvironment({ MCPO_RUN_AS_UIDS: text })).toThrow('must be the first and the last user id');
});
