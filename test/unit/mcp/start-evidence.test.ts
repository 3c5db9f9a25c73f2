import { describe, expect, test } from '@jest/globals';
import { describeStartEvidence, type StartEvidence } from '../../../src/mcp/start-evidence.ts';

const ended: StartEvidence = {
  command: '/usr/bin/npx',
  args: ['-y', '@scope/server', '--allow-write', '--root=/secret/folder'],
  withheld: ['MEMORY_FILE_PATH', 'HOSTNAME'],
  lines: [],
  noise: undefined,
  isSilent: false,
  hasChildren: undefined,
};
const silent: StartEvidence = { ...ended, isSilent: true, hasChildren: true };

test('nothing is said where nothing is known', () => {
  expect(describeStartEvidence(ended)).toBeUndefined();
  expect(describeStartEvidence(silent)).toBeUndefined();
});

test('the last lines of stderr, and of stdout what is not MCP', () => {
  const lines = ['1', '2', '3', '4', '5', 'last'];
  expect(describeStartEvidence({ ...silent, lines, noise: 'Listening on port 3000' })).toBe(
    'its last lines on stderr: 2 | 3 | 4 | 5 | last; on stdout, where only MCP messages belong, it wrote: Listening on port 3000',
  );
});

describe('a package that is still being downloaded', () => {
  const hint = /is probably still downloading a package: .* "startTimeoutMs"$/;

  test.each([['npx'], ['/opt/bin/uvx'], ['npx.cmd'], ['pipx']])('%s that has started nothing', (command) => {
    expect(describeStartEvidence({ ...silent, command, hasChildren: false })).toMatch(hint);
  });

  test.each([
    ['uvx', 'Downloading numpy (16.0MiB)'],
    ['docker', "Unable to find image 'mcp/time:latest' locally"],
    ['docker', 'latest: Pulling from mcp/time'],
  ])('%s says: %s', (command, line) => {
    expect(describeStartEvidence({ ...silent, command, lines: [line] })).toMatch(hint);
  });

  test.each<[string, StartEvidence]>([
    ['a runner whose program runs', { ...silent, hasChildren: true }],
    ['another program', { ...silent, command: 'node', hasChildren: false }],
    ['where it is not known', { ...silent, hasChildren: undefined }],
    ['what has written something', { ...silent, hasChildren: false, noise: 'hello' }],
  ])('not %s', (_, evidence) => {
    expect(describeStartEvidence(evidence) ?? '').not.toMatch(hint);
  });
});

describe('arguments that the program does not know', () => {
  test.each([
    ["error: unexpected argument '--allow-write' found", '--allow-write'],
    ['Warning: Cannot access directory /work/--allow-write, skipping', '--allow-write'],
    ['--allow-writes is fine', undefined],
    ['unrecognized arguments: --root=[redacted]', '--root'],
  ])('%s', (line, flag) => {
    const said = describeStartEvidence({ ...ended, lines: [line] });
    if (flag === undefined) expect(said).not.toContain('complains');
    else expect(said).toContain(`it complains of ${flag}: change or remove that in "args"`);
    expect(said).not.toContain('/secret/folder');
  });

  test('a usage that names none', () => {
    const said = describeStartEvidence({ ...ended, lines: ['Usage: server [folder]', 'At least one folder.'] });
    expect(said).toMatch(/it printed its usage: "args" are not what this version of the server expects$/);
  });
});

describe('a variable that is set for the service alone', () => {
  test('is named with what to add', () => {
    const said = describeStartEvidence({ ...ended, lines: ['KeyError: MEMORY_FILE_PATH'] });
    expect(said).toContain('add "inheritEnv": ["MEMORY_FILE_PATH"] to its entry');
    expect(said).not.toContain('HOSTNAME');
  });

  test('only as a whole word', () => {
    expect(describeStartEvidence({ ...ended, lines: ['MY_MEMORY_FILE_PATH_2 is unset'] })).not.toContain('inheritEnv');
  });
});
