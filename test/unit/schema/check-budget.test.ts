import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { JsonSchema } from '../../../src/mcp/session.ts';
import { ArgumentChecks } from '../../../src/schema/check/argument-check.ts';
import { processorMs } from '../../processor-time.ts';
import { object, takes, verdictOn } from './verdicts.ts';

/** Each of these would take minutes or memory without end; what is allowed is a multiple of what is needed. */
const MAX_MS = 10_000;
let before = 0;
beforeEach(() => {
  before = processorMs();
});
afterEach(() => {
  expect(processorMs() - before).toBeLessThan(MAX_MS);
});

const typesOf = (verdict: object) => (Array.isArray(verdict) ? verdict.map(({ type }) => type) : 'taken');

describe('slow patterns', () => {
  const attack = `${'a'.repeat(40)}!`;
  const rows: [pattern: string, text: string, isTaken: boolean][] = [
    ['^(a+)+$', attack, false],
    ['^(a+)+$', 'a'.repeat(40), true],
    ['(a|a)*b', 'a'.repeat(5_000), false],
    ['^(?:[a-z0-9]+\\.?)+@x$', 'abc1.'.repeat(2_000), false],
    ['\\s+$', `${' '.repeat(100_000)}x`, false],
    ['^(\\w+\\s?)*$', `${'word '.repeat(2_000)}!`, false],
    ['^([\\u00e4\\x61]+)+$', `${'\u00e4a'.repeat(30)}!`, false],
    ['^(?<name>a+)+\\/$', `${'a'.repeat(40)}/`, true],
    ['^(.+)+\\.$', `${'x'.repeat(40)}\u2028`, false],
    ['(x+x+)+y', 'x'.repeat(50_000), false],
    ['^(?=(a+)+$)', attack, false],
    ['^(?!(a+)+$)(?=.*!)[a!]{8,}$', attack, true],
  ];
  test.each(rows)('%s', (pattern, text, isTaken) => {
    expect(takes({ type: 'string', pattern }, text)).toBe(isTaken);
  });

  test.each(['^x?(?=(a+)+$)', '^(?=(a+)+$)|x', '^(a+)+\\1$', '(?<!b)(a+)+$'])(
    '%s, which has no linear engine, is cut off',
    (pattern) => {
      expect(typesOf(verdictOn(object({ x: { pattern } }), { x: attack }))).toEqual(['too_complex']);
    },
  );

  test('that count to tens of thousands at each place are cut off', () => {
    const text = 'ab'.repeat(249_000);
    expect(typesOf(verdictOn(object({ x: { pattern: '[ab]{60000}c' } }), { x: text }))).toEqual(['too_complex']);
  });

  test('as the names of properties', () => {
    expect(takes({ patternProperties: { '^(a+)+$': { type: 'null' } } }, { [attack]: 1 })).toBe(true);
    expect(takes({ patternProperties: { '^(a+)+$': { type: 'null' } } }, { [attack.slice(0, -1)]: 1 })).toBe(false);
    expect(takes({ propertyNames: { pattern: '^(a+)+$' } }, { [attack]: 1 })).toBe(false);
  });

  test('many at once', () => {
    const items = Array.from({ length: 1_000 }, () => attack);
    expect(takes({ items: { pattern: '^(a+)+$' } }, items)).toBe(false);
    expect(typesOf(verdictOn(object({ x: { items: { pattern: '^x?(?=(a+)+$)' } } }), { x: items }))).toEqual([
      'too_complex',
    ]);
  });

  test.each([
    'date-time',
    'uri',
    'uri-reference',
    'uri-template',
    'url',
    'email',
    'hostname',
    'ipv4',
    'ipv6',
    'duration',
    'regex',
    'json-pointer',
    'byte',
    'uuid',
  ])('the format %s', (format) => {
    for (const seed of ['a', '1', '.', 'a.', '-', '%20', 'a@', '::', 'P1', 'http://a', '((', '{a']) {
      takes({ type: 'string', format }, `${seed.repeat(500)}\u0001`);
    }
  });

  test('many long texts of a format are cut off, and megabytes are taken as they are', () => {
    const texts = Array.from({ length: 1_000 }, () => `a@${'a-'.repeat(9_000)}`);
    expect(takes({ items: { type: 'string', format: 'hostname' } }, texts)).toBe(false);
    expect(takes({ type: 'string', format: 'uri' }, `data:image/png;base64,${'A'.repeat(10_000_000)}`)).toBe(true);
  });
});

describe('what is meant for it and ECMA-262 says the same', () => {
  const patterns: [pattern: string, taken: string[], refused: string[]][] = [
    ['^(\\d+)+$', ['12'], ['\u0661', '12\n', '1a']],
    ['^(\\w|\\w-)+$', ['a-b'], ['\u00e4', 'a b']],
    ['^(\\s+)+$', [' \u00a0\ufeff\u2003\v'], ['x']],
    ['^(\\S+)+$', ['x'], ['\u00a0']],
    ['^([\\s,]+)+$', ['\u2028,'], ['x']],
    ['^(.+)+$', ['x\u0085'], ['x\n', '\r', '\u2028']],
    ['^([\\cI]+)+$', ['\t'], ['I', 'c']],
    ['^([\\[\\]\\-^]+)+$', ['[]-^'], ['x']],
    ['^([a[]+)+$', ['[a'], [']']],
    ['^(\\u{1f600}+)+$', ['\u{1f600}'], ['x']],
    ['^(\\ud83d\\ude00+)+$', ['\u{1f600}'], ['x']],
    ['(a+)+b', ['xxaab!'], ['aa']],
    ['^(a+)+$|^(b+)+$', ['aa', 'bb'], ['ab']],
    ['^(\\/[^/]+)+\\/?$', ['/a/b/'], ['a']],
    ['^(a{2,3})+$', ['aaaa'], ['a']],
    ['^([\\b]+)+$', ['\b'], ['b']],
    ['^(\\p{Lu}+)+$', ['\u00c4'], ['\u00e4']],
    ['^(?=.*[A-Z])(?=.*\\d)(?!.*\\s)(.{4,})+$', ['Ab12', 'a1Bcd'], ['ab12', 'Abcd', 'A1', 'Ab 12']],
    [
      "^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$",
      ['ann.lee@mail.example.com'],
      ['.ann@example.com', 'a..b@example.com', 'ann@example', 'ann'],
    ],
    ['^(?=\\u{1f600}*a😀?)(a|😀)+$', ['a😀'], ['ba']],
    ['^(?=a)(b|(a+)+)$|^c$', ['aa', 'c'], ['b']],
    ['^(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)(?:\\.(?!$)|$)){4}$', ['127.0.0.1'], ['256.1.1.1', '1.1.1']],
  ];
  test.each(patterns)('%s', (pattern, taken, refused) => {
    const native = new RegExp(pattern, 'u');
    for (const text of [...taken, ...refused]) {
      // Long enough that the steps of a backtracking engine count.
      expect([text, takes({ pattern }, text)]).toEqual([text, native.test(text)]);
      expect([text, takes({ pattern }, text)]).toEqual([text, taken.includes(text)]);
    }
  });
});

describe('large values', () => {
  test('10 MB of wrong items get the first issue', () => {
    const items = Array.from({ length: 3_000_000 }, () => 1);
    expect(verdictOn(object({ x: { items: { type: 'string' } } }), { x: items })).toHaveLength(1);
  });

  test('tens of thousands of right items are taken', () => {
    const items = Array.from({ length: 15_000 }, (_, i) => ({ id: i }));
    const schema = { items: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] } };
    expect(takes(schema, items)).toBe(true);
  });

  test('thousands of wrong items, behind a reference', () => {
    const items = Array.from({ length: 4_900 }, () => ({ a: 1 }));
    const root = { $defs: { i: { type: 'object', properties: { a: { type: 'string' } } } } };
    const verdict = verdictOn(object({ x: { items: { $ref: '#/$defs/i' } } }, root), { x: items });
    expect((verdict as unknown[]).length).toBeLessThanOrEqual(20);
  });

  test('tens of thousands of properties that are not allowed', () => {
    const x = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`k${i}`, i]));
    expect(verdictOn(object({ x: { type: 'object', additionalProperties: false } }), { x })).toHaveLength(1);
  });

  test('unique objects, by the thousand', () => {
    const items = Array.from({ length: 2_500 }, (_, i) => ({ a: i, b: [i] }));
    expect(takes({ uniqueItems: true }, items)).toBe(true);
    expect(takes({ uniqueItems: true }, [...items, { b: [7], a: 7 }])).toBe(false);
  });

  test('9,000 numbers as strings are coerced', () => {
    const items = Array.from({ length: 9_000 }, (_, i) => String(i));
    const verdict = verdictOn(object({ x: { items: { type: 'integer' } } }), { x: items }) as { x: unknown[] };
    expect(verdict.x.at(-1)).toBe(8_999);
  });
});

describe('schemas that grow', () => {
  test('alternatives that double with each reference are cut off', () => {
    const $defs: Record<string, unknown> = { d40: { type: 'string' } };
    for (let i = 0; i < 40; i++)
      $defs[`d${i}`] = { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] };
    const verdict = verdictOn(object({ x: { $ref: '#/$defs/d0' } }, { $defs }), { x: 1 });
    expect(typesOf(verdict)).toEqual(['too_complex']);
  });

  test('a large schema is compiled as far as values come to it', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 1_500 }, (_, i) => [
        `p${i}`,
        { type: 'object', properties: { n: { type: 'integer', minimum: 1 } } },
      ]),
    );
    const checks = new ArgumentChecks();
    const check = checks.add({ type: 'object', properties, additionalProperties: false } as JsonSchema);
    expect(() => check({ p0: { n: 1 }, p1499: { n: '3' } })).not.toThrow();
    expect(() => check({ p0: { n: 0 } })).toThrow('>= 1');
    expect(() => check({ p1500: {} })).toThrow('Extra');
  });
});
