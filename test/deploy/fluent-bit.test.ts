import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { repositoryFolder, test } from '../e2e/harness.ts';
import { type RealLines, writeRealLines } from './real-lines.ts';

// Fluent Bit is in no Debian release, nor on npm or PyPI, so this evaluates its configuration as its manual describes it:
// https://docs.fluentbit.io/manual. A section, plugin or key that is not known here is an error.

const folder = join(repositoryFolder, 'deploy/fluent-bit');

interface Section {
  readonly kind: string;
  readonly name: string;
  /** In the file's order; a key may come again. */
  readonly entries: readonly (readonly [key: string, value: string])[];
}

/** By section and plugin: the keys that the manual lists, as far as they are used. */
const KNOWN: Readonly<Record<string, string>> = {
  'SERVICE ': 'flush parsers_file storage.path storage.backlog.mem_limit',
  'PARSER mcpo-ts': 'name format time_key time_format time_keep',
  'INPUT tail': 'name tag path parser db read_from_head buffer_max_size skip_long_lines storage.type',
  'INPUT forward': 'name listen port tag',
  'FILTER parser': 'name match key_name parser reserve_data',
  'FILTER record_modifier': 'name match record',
  'FILTER rewrite_tag': 'name match match_regex rule',
  'OUTPUT http':
    'name match host port uri format json_date_key json_date_format header compress tls tls.verify retry_limit',
  'OUTPUT syslog':
    'name match host port mode tls tls.verify syslog_format syslog_maxsize syslog_hostname_key syslog_appname_key syslog_message_key retry_limit',
};

function readSections(file: string): Section[] {
  const sections: { kind: string; entries: [string, string][] }[] = [];
  for (const line of readFileSync(join(folder, file), 'utf8').split('\n')) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const kind = /^\[(\w+)\]$/.exec(text)?.[1];
    if (kind !== undefined) {
      sections.push({ kind, entries: [] });
      continue;
    }
    const [, key = '', value = ''] = /^(\S+)\s+(\S.*)$/.exec(text) ?? [];
    if (key === '') throw new Error(`${file}: ${line}`);
    sections.at(-1)?.entries.push([key.toLowerCase(), value]);
  }
  return sections.map((section) => ({ ...section, name: settingOf(section, 'name') ?? '' }));
}

function settingOf({ entries }: Pick<Section, 'entries'>, key: string): string | undefined {
  return entries.find(([name]) => name === key)?.[1];
}

const valuesOf = ({ entries }: Section, key: string) =>
  entries.filter(([name]) => name === key).map(([, value]) => value);

const sections = [...readSections('fluent-bit.conf'), ...readSections('parsers.conf')];
const ofKind = (kind: string) => sections.filter((section) => section.kind === kind);

/** A tag as `Match` has it, with `*` for any characters. */
function isMatch(section: Section, tag: string): boolean {
  const pattern = settingOf(section, 'match');
  if (pattern === undefined) return new RegExp(settingOf(section, 'match_regex') ?? '(?!)').test(tag);
  return new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replaceAll('.', '\\.'))
      .join('.*')}$`,
  ).test(tag);
}

interface Collected {
  tag: string;
  /** Seconds since the epoch. */
  time: number;
  record: Record<string, unknown>;
}

/** As `flb_strptime` reads it. */
function readTime(format: string, text: string): number {
  const parts: Record<string, string> = {
    Y: '\\d{4}',
    m: '\\d\\d',
    d: '\\d\\d',
    H: '\\d\\d',
    M: '\\d\\d',
    S: '\\d\\d',
    L: '\\d{1,9}',
  };
  const pattern = format
    .replaceAll('.', '\\.')
    .replace(/%z$/, '(?:Z|[+-]\\d{4})')
    .replace(/%(\w)/g, (_, letter) => {
      const part = parts[letter];
      if (part === undefined) throw new Error(`%${letter}`);
      return part;
    });
  if (!format.endsWith('%z')) throw new Error('without a time zone, the time is read as local time of the collector');
  return new RegExp(`^${pattern}$`).test(text) ? Date.parse(text) / 1_000 : Number.NaN;
}

function parse(line: string, parserName: string | undefined): Pick<Collected, 'record' | 'time'> | undefined {
  const parser = ofKind('PARSER').find(({ name }) => name === parserName);
  if (parser === undefined || settingOf(parser, 'format') !== 'json') throw new Error(`parser ${parserName}`);
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line);
  } catch {
    return undefined;
  }
  const key = settingOf(parser, 'time_key') ?? '';
  const time = readTime(settingOf(parser, 'time_format') ?? '', String(record[key]));
  if (!/^on$/i.test(settingOf(parser, 'time_keep') ?? '')) delete record[key];
  return { record, time };
}

/** What arrives at the outputs, by their names. */
function collect(tag: string, lines: readonly string[]): Map<string, Collected[]> {
  const input = ofKind('INPUT').find((section) => settingOf(section, 'tag') === tag);
  if (input === undefined) throw new Error(tag);
  const isTail = input.name === 'tail';
  const read = lines.map((line): Collected => {
    if (!isTail) return { tag, time: 0, record: { log: line, container_id: 'c1', source: 'stderr' } };
    // What the parser cannot read stays, as the field "log".
    return { tag, ...(parse(line, settingOf(input, 'parser')) ?? { record: { log: line }, time: 0 }) };
  });
  const waiting = [...read];
  const arrived = new Map<string, Collected[]>(ofKind('OUTPUT').map(({ name }) => [name, []]));
  for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
    let isKept = true;
    for (const filter of ofKind('FILTER').filter((section) => isMatch(section, one.tag))) {
      if (filter.name === 'parser') applyParser(filter, one);
      if (filter.name === 'record_modifier') {
        for (const added of valuesOf(filter, 'record')) {
          const [key = '', value = ''] = added.split(' ');
          one.record[key] = value;
        }
      }
      if (filter.name === 'rewrite_tag') isKept = rewrite(filter, one, waiting) && isKept;
    }
    if (!isKept) continue;
    for (const output of ofKind('OUTPUT').filter((section) => isMatch(section, one.tag)))
      arrived.get(output.name)?.push(one);
  }
  return arrived;
}

function applyParser(filter: Section, one: Collected): void {
  const key = settingOf(filter, 'key_name') ?? '';
  const parsed = parse(String(one.record[key]), settingOf(filter, 'parser'));
  if (parsed === undefined) return;
  const { [key]: _, ...rest } = one.record;
  one.record = { ...(settingOf(filter, 'reserve_data') === 'On' ? rest : {}), ...parsed.record };
  one.time = parsed.time;
}

/** The first rule that matches emits the record under its tag; returns whether the original goes on. */
function rewrite(filter: Section, one: Collected, waiting: Collected[]): boolean {
  for (const rule of valuesOf(filter, 'rule')) {
    const [, key = '', pattern = '', tag = '', keep = ''] = /^\$(\w+) (\S+) (\S+) (true|false)$/.exec(rule) ?? [];
    if (key === '') throw new Error(rule);
    if (!new RegExp(pattern).test(String(one.record[key] ?? ''))) continue;
    waiting.push({ ...one, record: { ...one.record }, tag });
    return keep === 'true';
  }
  return true;
}

let lines: RealLines;
beforeAll(async () => {
  lines = await writeRealLines();
}, 90_000);

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');

test('the configuration has known sections, plugins and keys only, and no tabs', () => {
  for (const { kind, name, entries } of sections) {
    const known = KNOWN[`${kind} ${name}`]?.split(' ');
    expect({ kind, name, unknown: entries.map(([key]) => key).filter((key) => !known?.includes(key)) }).toEqual({
      kind,
      name,
      unknown: [],
    });
  }
  for (const file of ['fluent-bit.conf', 'parsers.conf'])
    expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(/\t/);
});

describe('every line that a service wrote', () => {
  const sources = () =>
    [
      ['mcpo.log', [...linesOf(lines.log), ...linesOf(lines.printed)]],
      ['mcpo.audit', linesOf(lines.audit)],
      ['mcpo.container', [...linesOf(lines.log), ...linesOf(lines.printed)]],
    ] as const;

  test('arrives whole, with its own time', () => {
    for (const [tag, given] of sources()) {
      const arrived = collect(tag, given).get('http') ?? [];
      expect(given.length).toBeGreaterThan(30);
      expect(arrived).toHaveLength(given.length);
      for (const [index, { record, time }] of arrived.entries()) {
        const written = JSON.parse(given[index] ?? '');
        expect(record).toMatchObject(written);
        expect(time).toBe(Date.parse(written.timestamp) / 1_000);
        expect(record).not.toHaveProperty('log');
        expect(record.service).toBe('mcpo-ts');
      }
    }
  });

  test('what matters for security arrives at the SIEM as well, and calls do not', () => {
    const audit = (collect('mcpo.audit', linesOf(lines.audit)).get('syslog') ?? []).map(({ record }) => record);
    const types = new Set(audit.map(({ event_type }) => event_type));
    for (const type of [
      'log_in',
      'refusal',
      'key_change',
      'secret_change',
      'tool_definition_change',
      'process_start',
    ]) {
      expect(types).toContain(type);
    }
    expect(types).not.toContain('call');
    for (const tag of ['mcpo.log', 'mcpo.container']) {
      const log = (collect(tag, linesOf(lines.log)).get('syslog') ?? []).map(({ record }) => record);
      expect(log.filter(({ message }) => message === 'log-in failed')).toHaveLength(lines.failures.size);
      expect(log.every(({ message, level }) => message === 'log-in failed' || level === 'error')).toBe(true);
    }
  });
});

test('a line that is not JSON, such as what Node prints when its memory is full, is kept too', () => {
  const fatal = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory';
  for (const tag of ['mcpo.log', 'mcpo.container']) {
    expect(collect(tag, [fatal]).get('http')).toMatchObject([{ record: { log: fatal, service: 'mcpo-ts' } }]);
  }
});
