import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { repositoryFolder, test } from '../e2e/harness.ts';
import { type RealLines, writeRealLines } from './real-lines.ts';

// Wazuh's own wazuh-logtest comes with its manager only, so this evaluates the rules as its documentation describes:
// https://documentation.wazuh.com/current/user-manual/ruleset/ruleset-xml-syntax/rules.html

const folder = join(repositoryFolder, 'deploy/wazuh');
const files = ['mcpo-ts-rules.xml', 'localfile.xml'].map((name) => join(folder, name));

/** Fields that the JSON decoder puts elsewhere, where `<field name="…">` does not see them. */
const STATIC = new Set(
  'action data dstip dstport dstuser extra_data id protocol srcip srcport srcuser status system_name url user'.split(
    ' ',
  ),
);

interface Rule {
  readonly id: number;
  readonly level: number;
  readonly frequency: number | undefined;
  readonly parent: number | undefined;
  readonly counts: number | undefined;
  readonly sameField: string | undefined;
  readonly decoder: string | undefined;
  readonly fields: ReadonlyMap<string, RegExp>;
  readonly named: readonly string[];
  readonly groups: readonly string[];
}

const rules = readRules(readFileSync(join(folder, 'mcpo-ts-rules.xml'), 'utf8'));

function readRules(xml: string): readonly Rule[] {
  const text = (body: string, tag: string) => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(body)?.[1];
  const number = (value: string | undefined) => (value === undefined ? undefined : Number(value));
  return [...xml.replace(/<!--.*?-->/gs, '').matchAll(/<rule ([^>]*)>(.*?)<\/rule>/gs)].map(
    ([, head = '', body = '']) => {
      const attribute = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(head)?.[1];
      const fields = [...body.matchAll(/<field name="([^"]+)" type="pcre2">([^<]+)<\/field>/g)];
      expect(fields).toHaveLength([...body.matchAll(/<field /g)].length);
      return {
        id: Number(attribute('id')),
        level: Number(attribute('level')),
        frequency: number(attribute('frequency')),
        parent: number(text(body, 'if_sid')),
        counts: number(text(body, 'if_matched_sid')),
        sameField: text(body, 'same_field'),
        decoder: text(body, 'decoded_as'),
        fields: new Map(fields.map(([, name = '', pattern = '']) => [name, new RegExp(pattern)])),
        named: [...(text(body, 'description') ?? '').matchAll(/\$\(([^)]+)\)/g)].map(([, name = '']) => name),
        groups: (text(body, 'group') ?? '').split(',').filter(Boolean),
      };
    },
  );
}

type Fields = ReadonlyMap<string, string>;

/** As the JSON decoder names them: nested ones with a dot, `null` left out. */
function decode(line: string): Fields {
  const fields = new Map<string, string>();
  const add = (value: unknown, name: string) => {
    if (value === null) return;
    if (typeof value !== 'object') fields.set(name, String(value));
    else for (const [key, inner] of Object.entries(value)) add(inner, name === '' ? key : `${name}.${key}`);
  };
  add(JSON.parse(line), '');
  return fields;
}

const matches = (rule: Rule, fields: Fields) =>
  [...rule.fields].every(([name, pattern]) => fields.has(name) && pattern.test(fields.get(name) ?? ''));

/** The rule that a line ends at: from a root down to the first child that matches, as long as there is one. */
function evaluate(line: string): Rule | undefined {
  const fields = decode(line);
  const childOf = (parent: number | undefined) =>
    rules.filter((rule) => rule.counts === undefined && rule.parent === parent).find((rule) => matches(rule, fields));
  let found = childOf(undefined);
  for (let next = found; next !== undefined; next = childOf(next.id)) found = next;
  return found;
}

let lines: RealLines;
beforeAll(async () => {
  lines = await writeRealLines();
}, 90_000);

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');
const idsOf = (text: string) => linesOf(text).map((line) => evaluate(line)?.id);

test('the files are well-formed, and the rules are in the range of local rules', () => {
  const run = spawnSync('xmllint', ['--noout', ...files], { encoding: 'utf8' });
  expect([run.error, run.status, run.stderr]).toEqual([undefined, 0, '']);
  expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
  for (const { id, level, parent, counts, decoder, frequency, sameField } of rules) {
    expect(id).toBeGreaterThanOrEqual(100_000);
    expect(id).toBeLessThan(120_000);
    expect(level).toBeLessThanOrEqual(15);
    expect([parent, counts, decoder].filter((one) => one !== undefined)).toHaveLength(1);
    for (const other of [parent, counts]) if (other) expect(rules.some((rule) => rule.id === other)).toBe(true);
    expect(frequency === undefined).toBe(counts === undefined);
    expect(sameField === undefined).toBe(counts === undefined);
  }
});

describe('on lines that a service wrote', () => {
  test('each is a line of ours, of its own kind', () => {
    for (const line of linesOf(lines.audit)) expect(evaluate(line)?.id).toBeGreaterThanOrEqual(100_100);
    for (const line of linesOf(lines.log)) expect(evaluate(line)?.id).toBeGreaterThanOrEqual(100_150);
    for (const line of linesOf(lines.audit)) expect(evaluate(line)?.id).toBeLessThan(100_150);
  });

  test('every failed log-in is one, and nothing else', () => {
    expect(idsOf(lines.audit).filter((id) => id === 100_101)).toHaveLength(lines.failures.size);
    expect(idsOf(lines.log).filter((id) => id === 100_151)).toHaveLength(lines.failures.size);
    expect(idsOf(lines.audit)).toContain(100_102);
  });

  test('refusals, keys, the vault, tools and the rest have their rules', () => {
    const found = new Set(idsOf(lines.audit));
    for (const id of [100_100, 100_104, 100_110, 100_120, 100_121, 100_130, 100_140]) expect(found).toContain(id);
  });

  test('rules use fields only that lines have, and none that the decoder puts elsewhere', () => {
    const known = new Set([...linesOf(lines.audit), ...linesOf(lines.log)].flatMap((line) => [...decode(line).keys()]));
    for (const { fields, sameField, named } of rules) {
      const used = [...fields.keys(), ...named, ...(sameField === undefined ? [] : [sameField])];
      for (const name of used) expect([...known].filter((one) => !STATIC.has(one))).toContain(name);
    }
  });
});

test('a gap in the audit log and an error of the log are alarms', () => {
  const audit = linesOf(lines.audit).at(-1) ?? '';
  const gap = { ...JSON.parse(audit), event_type: 'audit_log', action: 'events_lost', result: 'failure' };
  expect(evaluate(JSON.stringify(gap))).toMatchObject({ id: 100_146, level: 13 });
  const log = { ...JSON.parse(linesOf(lines.log)[0] ?? ''), level: 'error' };
  expect(evaluate(JSON.stringify({ ...log, message: 'audit events are being lost: no more' }))?.id).toBe(100_161);
  expect(evaluate(JSON.stringify({ ...log, message: 'the service ends by a fault of its own' }))?.id).toBe(100_162);
  // The messages that the rules look for are those of the source.
  const sources = [
    'src/audit/audit-log.ts',
    'src/audit/audit-anchor.ts',
    'src/cli/process-events.ts',
    'src/service/lazy-vault.ts',
    'src/vault/vault-keys.ts',
  ]
    .map((file) => readFileSync(join(repositoryFolder, file), 'utf8'))
    .join('\n');
  for (const id of [100_161, 100_162]) {
    const { source = '' } = rules.find((rule) => rule.id === id)?.fields.get('message') ?? {};
    const texts = source.replace(/^\^\(|\)$/g, '').split('|');
    expect(texts.filter((text) => !sources.includes(text))).toEqual([]);
  }
});
