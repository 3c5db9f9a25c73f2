import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { ToolRules } from '../../../src/rules/argument-rules.ts';
import type { PathGround } from '../../../src/rules/path-rule.ts';
import type { ArgumentRule } from '../../../src/rules/rule-check.ts';
import { processorMs } from '../../processor-time.ts';

const REMOTE: PathGround = { base: undefined, isLocal: false };
type Rules = Readonly<Record<string, ArgumentRule>>;

/** The message of what the rules refuse, or `undefined`. */
async function refusal(
  rules: Rules,
  args: Record<string, unknown>,
  { ground = REMOTE, inputSchema = {} as object, exactText = undefined as string | undefined } = {},
): Promise<string | undefined> {
  const source = new Map([['*', new Map(Object.entries(rules))]]);
  const compiled = ToolRules.of(source, { ownName: 'tool', inputSchema }, ground);
  try {
    await compiled?.check(args, exactText);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
const parse = (text: string) => JSON.parse(text) as Record<string, unknown>;

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rules-')));
afterAll(() => rmSync(folder, { recursive: true }));
const data = join(folder, 'data');
mkdirSync(join(data, 'inner', '.ssh'), { recursive: true });
mkdirSync(join(folder, 'outside', 'deep'), { recursive: true });
writeFileSync(join(data, 'notes.txt'), '');
symlinkSync(join(folder, 'outside'), join(data, 'link'));
symlinkSync(join(folder, 'outside', 'new.txt'), join(data, 'dangling'));
symlinkSync('inner', join(data, 'alias'));
symlinkSync(join(data, 'inner', '.ssh'), join(data, 'harmless'));
symlinkSync(data, join(folder, 'named'));
const ground: PathGround = { base: data, isLocal: true };

describe('within', () => {
  const rules: Rules = { path: { within: ['/data', '/srv/share/'] } };

  test.each([
    '/data',
    '/data/',
    '/data/a/b',
    '/srv/share/x',
    '/data/a/../b',
    '/data/./a//b',
    'file:///data/a%20b',
    'file://localhost/data/a',
    '/data/100%',
    '/data/…/ü',
    '/data/a b',
  ])('allows %j', async (path) => {
    expect(await refusal(rules, { path })).toBeUndefined();
  });

  test.each([
    '',
    '/',
    '/datax',
    '/etc/passwd',
    '/data/../etc/passwd',
    '/data/a/../../etc',
    '/data/%2e%2e/etc',
    '/data/%252e%252e/etc',
    '/data/%25252e%25252e/etc',
    '/data/..%2fetc',
    '/data/%zz/%2e%2e/%2e%2e/etc',
    '/data\\..\\..\\etc',
    '/data/..\\etc',
    '/data/%5c..%5c../../etc',
    '/data/\0/../../etc',
    '/data/a\0',
    '/data/.\u200b./etc',
    '/data/.\ud800./etc',
    '/data/\uff0e\uff0e/etc',
    '/data/\u2025/etc',
    ' /etc/passwd',
    '"/etc/passwd"',
    'notes.txt',
    './data/x',
    '../data/x',
    '~/data',
    '~root/x',
    '$HOME/data',
    '%USERPROFILE%/x',
    'C:/data/x',
    'C:\\data\\x',
    '\\\\host\\data',
    '-rf',
    'http://data/x',
    'file:///etc/passwd',
    'FILE:///etc/passwd',
    'file://host/data/x',
    'file:data/x',
    'file:///data/../etc',
    'file:///data/%2e%2e/etc',
    'file%3A///etc/passwd',
    `/data/${'a/'.repeat(2_100)}`,
  ])('refuses %j', async (path) => {
    expect(await refusal(rules, { path })).toBe(
      'The argument "path" must be an absolute path below /data or /srv/share/.',
    );
  });

  test.each([[5], [true], [{ a: '/data/x' }], [['/data/x', 5]], [[{}]]])(
    'refuses %j, which is no text',
    async (path) => {
      expect(await refusal(rules, { path })).toBe('The argument "path" must be a text, or a list of texts.');
    },
  );

  test('reads each text of a list, and takes null and nothing for nothing', async () => {
    expect(await refusal(rules, { path: ['/data/a', ['/data/b']] })).toBeUndefined();
    expect(await refusal(rules, { path: ['/data/a', ['/etc']] })).toContain('below /data');
    expect(await refusal(rules, { path: null })).toBeUndefined();
    expect(await refusal(rules, {})).toBeUndefined();
    expect(await refusal(rules, { path: Array(1_001).fill('/data/a') })).toContain('more than 1000 paths');
  });

  test('allows nothing where the list is empty', async () => {
    expect(await refusal({ path: { within: [] } }, { path: '/data' })).toContain('no folder is allowed');
  });

  test('counts relative paths from the folder of a local server, and lets none climb out of it', async () => {
    const own: Rules = { path: { within: [folder] } };
    expect(await refusal(own, { path: 'notes.txt' }, { ground })).toBeUndefined();
    expect(await refusal(own, { path: '' }, { ground })).toContain('below');
    expect(await refusal(own, { path: '.' }, { ground })).toBeUndefined();
    expect(await refusal(own, { path: 'inner/../notes.txt' }, { ground })).toBeUndefined();
    expect(await refusal(own, { path: '../outside' }, { ground })).toContain('a path below');
    expect(await refusal(own, { path: 'file:///etc/passwd' }, { ground })).toContain('below');
    expect(await refusal(own, { path: `file://${data}/notes.txt` }, { ground })).toBeUndefined();
    expect(await refusal(own, { path: 'file:notes.txt' }, { ground })).toContain('below');
  });

  test.each([
    ['link', false],
    ['link/deep/x', false],
    ['dangling', false],
    ['link/../notes.txt', false],
    ['missing/../link/deep', false],
    ['notes.txt/below', true],
    ['alias/x', true],
    ['new/folder/file', true],
  ])('resolves the links of %s', async (path, isAllowed) => {
    for (const within of [data, join(folder, 'named')]) {
      // Through the link only where the rule names it: another link could lead elsewhere by the time the file is opened.
      for (const at of [`${data}/${path}`, ...(within === data ? [path] : [`${within}/${path}`])]) {
        const message = await refusal({ path: { within: [within] } }, { path: at }, { ground });
        expect([at, within, message === undefined]).toEqual([at, within, isAllowed]);
      }
    }
    const through = await refusal({ path: { within: [data] } }, { path: `${folder}/named/${path}` }, { ground });
    expect(through).toContain('below');
  });
});

describe('deny', () => {
  const rules: Rules = { path: { within: [data], deny: ['**/.env', '**/.ssh/**', 'secrets/*.pem', '*.key'] } };

  test.each([
    ['.env', true],
    ['a/.ENV', true],
    ['a/.env/b', true],
    ['a/%2eenv', true],
    ['a/.env.', true],
    ['a/.env::$DATA', true],
    ['a/.e\u200bnv', true],
    ['a/x.env', false],
    ['inner/.ssh', true],
    ['inner/.ssh/id', true],
    ['harmless', true],
    ['harmless/id', true],
    ['harmless /', true],
    ['alias/.ssh/id', true],
    ['secrets/a.pem', true],
    ['deep/secrets/a.pem', false],
    ['secrets/deep/a.pem', false],
    ['a/b/c.Key', true],
    ['notes.txt', false],
  ])('judges %s', async (path, isDenied) => {
    const message = await refusal(rules, { path: join(data, path) }, { ground });
    const expected = 'The argument "path" names a file or folder that the rules of this service do not allow.';
    expect(message).toBe(isDenied ? expected : undefined);
  });

  test('takes the name that the rule has for a folder, whatever the link is called', async () => {
    const named: Rules = { path: { within: [join(folder, 'named')], deny: [`${folder}/named/inner/**`] } };
    expect(await refusal(named, { path: join(data, 'inner/x') }, { ground })).toContain('names a file');
    expect(await refusal(named, { path: join(data, 'alias/x') }, { ground })).toContain('names a file');
    expect(await refusal(named, { path: join(data, 'notes.txt') }, { ground })).toBeUndefined();
  });

  test.each([
    [{ sql: 'DROP   TABLE users' }, true],
    [{ sql: 'ｄｒｏｐ table users' }, true],
    [{ sql: 'drop\u200b table users' }, true],
    [{ sql: 'select 1' }, false],
    [{ a: [{ b: { c: ['x', 'drop\ntable'] } }] }, true],
    [{ a: { 'drop table': 1 } }, true],
    [{ 'drop table': 1 }, true],
    [parse('{"__proto__": {"x": "drop table"}}'), true],
    [{ file: '/home/u/.env' }, true],
    [{ file: ['a', '.ENV'] }, true],
    [{ text: 'edit /home/u/.env, please' }, false],
    [{ number: 5, none: null }, false],
  ])('finds texts everywhere in %j', async (args, isDenied) => {
    const everywhere: Rules = { '*': { deny: ['(?i)drop\\s+table', '**/.env'] } };
    expect((await refusal(everywhere, args)) !== undefined).toBe(isDenied);
  });

  test('sees numbers of a named argument as JSON has them', async () => {
    expect(await refusal({ id: { deny: ['^0$'] } }, { id: 0 })).toContain('"id" has a text');
    expect(await refusal({ id: { deny: ['^0$'] } }, { id: 10 })).toBeUndefined();
  });
});

describe('names of arguments', () => {
  const rules: Rules = { path: { maxLength: 3 }, 'edits.file': { maxLength: 3 } };

  test.each([
    [{ path: 'abc', edits: [{ file: 'abc', other: 'abcd' }] }, undefined],
    [{ path: 'abcd' }, 'path'],
    [{ PATH: 'abcd' }, 'PATH'],
    [{ path: ['abc', 'abcd'] }, 'path'],
    [{ path: { x: ['abcd'] } }, 'path'],
    [{ path: { abcd: 1 } }, 'path'],
    [{ path: '👍👍👍' }, undefined],
    [{ path: '👍👍👍👍' }, 'path'],
    [{ edits: [{ file: 'a' }, [{ File: 'abcd' }]] }, 'edits'],
    [{ 'edits.file': 'abcd' }, 'edits.file'],
    [{ edits: 'abcd' }, undefined],
  ])('%j', async (args, name) => {
    const expected = name && `The argument "${name}" may have at most 3 characters.`;
    expect(await refusal(rules, args)).toBe(expected);
  });

  test('are those that the tool lists, unless its schema allows others', async () => {
    const inputSchema = { type: 'object', properties: { path: {}, n: {} } };
    const args = { path: 'a', file: '/etc/passwd' };
    expect(await refusal(rules, args, { inputSchema })).toContain('does not list an argument "file"');
    expect(await refusal(rules, args, { inputSchema: { ...inputSchema, additionalProperties: true } })).toBeUndefined();
    expect(await refusal({ '*': { maxLength: 30 } }, args, { inputSchema })).toBeUndefined();
  });

  test('may be given once where the text is sent as it came', async () => {
    const exactText = '{"path":"a","id":12345678901234567890,"path":"abcd"}';
    expect(await refusal(rules, { path: 'a' }, { exactText })).toContain('"path" twice');
    const nested = '{"id":12345678901234567890,"a":[{"b":1},{"b":1}]}';
    expect(await refusal(rules, { path: 'a' }, { exactText: nested })).toBeUndefined();
    expect(await refusal(rules, {}, { exactText: '{"a":{"p\\u0061th":1,"path":2}}' })).toContain('"path" twice');
  });
});

describe('time', () => {
  const deny = Array.from({ length: 25 }, (_, index) => `(?i)(?:drop|${'x'.repeat(index)}+)\\s+table${index}`);
  const many: Rules = {
    '*': { deny: [...deny, '**/.env', '/a/**/b/**/c/**/d'] },
    a: { deny, within: ['/data'] },
    b: { deny },
    c: { deny, hosts: ['*.example.org'], maxLength: 1_000_000_000 },
  };
  const hostile: readonly ((length: number) => Record<string, unknown>)[] = [
    (length) => ({ x: 'x'.repeat(length) }),
    (length) => ({ b: 'drop '.repeat(length / 5) }),
    (length) => ({ x: '. '.repeat(length / 2) }),
    (length) => ({ x: '/a/b/c'.repeat(length / 6) }),
    (length) => ({ x: `${'%25'.repeat(length / 3)}2e` }),
    (length) => ({ x: '"'.repeat(length) }),
    (length) => ({ c: `https://example.org/${'@'.repeat(length)}` }),
    (length) => ({ c: `https://${'a.'.repeat(length / 2)}` }),
    (length) => ({ x: Array(Math.round(length / 40)).fill('drop tables and more') }),
  ];

  test.each(hostile.map((make, index) => [index, make] as const))(
    'grows with the arguments and no faster, %i',
    async (_index, make) => {
      const cost = async (length: number) => {
        const before = processorMs();
        await refusal(many, make(length));
        return processorMs() - before;
      };
      await cost(20_000);
      // Four times as long takes four times as long, and quadratic work sixteen times.
      const short = Math.max(4, Math.min(await cost(250_000), await cost(250_000)));
      const long = Math.min(await cost(1_000_000), await cost(1_000_000));
      expect(long / short).toBeLessThan(10);
    },
    60_000,
  );
});
