import { createRequire } from 'node:module';
import type { Ajv, CodeKeywordDefinition, KeywordCxt, Options, ValidateFunction } from 'ajv';
import { matcherFor } from './pattern.ts';
import { UNIT, UNIT_PROPERTIES } from './schema-units.ts';
import { needTimer } from './time-limit.ts';
import { hasUniqueItems, ValueSet } from './value-set.ts';

/** What a keyword found; the place and the schema's path are relative to the unit that was checked. */
export interface Finding {
  readonly keyword: string;
  /** A JSON pointer (RFC 6901). */
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Checks a value against another unit; nothing when it holds. */
export type UnitCheck = (unit: number, value: unknown) => readonly Finding[] | undefined;

/** Longer texts are given to a `format`'s regular expression under a timer only. */
const MAX_FORMAT_CHARACTERS = 500;
const MAX_CHECKED_CHARACTERS = 20_000;
const MAX_UNTIMED_ITEMS = 2_000;

/** What a server sends is not ours to correct: unknown formats are no error, and nothing is printed. */
const OPTIONS: Options = {
  strict: false,
  logger: false,
  validateSchema: false,
  meta: false,
  addUsedSchema: false,
  ownProperties: true,
  messages: false,
  // 19.99 is a multiple of 0.01, though not by a division of doubles.
  multipleOfPrecision: 9,
  code: { optimize: false, regExp: Object.assign((source: string) => matcherFor(source), { code: 'matcherFor' }) },
};

const require = createRequire(import.meta.url);

/**
 * Compiles units of schemas (JSON Schema 2020-12), one instance for all tools of a catalogue, gone with it. It is
 * loaded with the first call that needs it: no start waits for it.
 */
export class SchemaCompiler {
  readonly #ajv: Ajv;
  /** The one whose unit is being checked; units check others through it. */
  #checkUnit: UnitCheck = () => undefined;

  constructor(findings: 'all' | 'first') {
    const { default: Compiler } = require('ajv/dist/2020.js') as { default: typeof Ajv };
    const { fullFormats } = require('ajv-formats/dist/formats.js') as { fullFormats: Record<string, unknown> };
    const ajv = new Compiler({ ...OPTIONS, allErrors: findings === 'all' });
    for (const [name, format] of Object.entries(fullFormats)) ajv.addFormat(name, bounded(format) as never);
    const { _, nil } = require('ajv') as typeof import('ajv');
    const call = (cxt: KeywordCxt, run: unknown) => {
      const runner = cxt.gen.scopeValue('func', { ref: run });
      const schema = cxt.gen.scopeValue('schema', { ref: cxt.schema });
      const found = cxt.gen.const('found', _`${runner}(${schema}, ${cxt.data})`);
      cxt.setParams({ found });
      cxt.fail(_`${found} !== undefined`);
    };
    const error = {
      message: '',
      params: ({ params }: { params: { found?: unknown } }) => _`{found: ${(params.found as never) ?? nil}}`,
    };
    const unit = (number: number, value: unknown) => this.#checkUnit(number, value);
    const unitProperties = (numbers: ReadonlyMap<string, number>, value: unknown) =>
      this.#checkProperties(numbers, value, findings === 'first');
    ajv.addKeyword({ keyword: UNIT, code: (cxt) => call(cxt, unit), error } as CodeKeywordDefinition);
    ajv.addKeyword({
      keyword: UNIT_PROPERTIES,
      type: 'object',
      code: (cxt) => call(cxt, unitProperties),
      error,
    } as CodeKeywordDefinition);
    // Ajv's own equality calls the methods that a value has, such as a caller's "valueOf", and pairs all with all.
    for (const keyword of ['const', 'enum']) {
      ajv.removeKeyword(keyword);
      ajv.addKeyword({
        keyword,
        code: (cxt) => {
          const allowed = new ValueSet(keyword === 'const' ? [cxt.schema] : (cxt.schema as unknown[]));
          const set = cxt.gen.scopeValue('keyword', { ref: allowed });
          cxt.fail(_`!${set}.has(${cxt.data})`);
        },
        error: {
          message: '',
          params: ({ schemaCode }) =>
            keyword === 'const' ? _`{allowedValue: ${schemaCode}}` : _`{allowedValues: ${schemaCode}}`,
        },
      } as CodeKeywordDefinition);
    }
    ajv.removeKeyword('uniqueItems');
    ajv.addKeyword({ keyword: 'uniqueItems', type: 'array', schema: false, errors: false, validate: isUnique });
    this.#ajv = ajv;
  }

  /** Compiles one unit. Throws on a schema that is not sound. */
  compile(schema: Record<string, unknown> | boolean): ValidateFunction {
    try {
      return this.#ajv.compile(schema);
    } finally {
      // It would keep each schema by itself, for a second compilation that never comes.
      if (typeof schema === 'object') this.#ajv.removeSchema(schema);
    }
  }

  /** Runs a compiled unit. */
  run(validate: ValidateFunction, value: unknown, checkUnit: UnitCheck): readonly Finding[] | undefined {
    this.#checkUnit = checkUnit;
    return validate(value) ? undefined : (validate.errors ?? []);
  }

  #checkProperties(
    numbers: ReadonlyMap<string, number>,
    value: unknown,
    isFirstOnly: boolean,
  ): readonly Finding[] | undefined {
    const findings: Finding[] = [];
    for (const key of Object.keys(value as object)) {
      const number = numbers.get(key);
      const found = number === undefined ? undefined : this.#checkUnit(number, (value as Record<string, unknown>)[key]);
      if (found === undefined) continue;
      const instancePath = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      findings.push({ keyword: UNIT, instancePath, schemaPath: `#/${number}`, params: { found } });
      if (isFirstOnly) break;
    }
    return findings.length === 0 ? undefined : findings;
  }
}

function isUnique(items: readonly unknown[]): boolean {
  if (items.length > MAX_UNTIMED_ITEMS) needTimer();
  return hasUniqueItems(items);
}

/** Some of these regular expressions are quadratic in the length of the text. */
function bounded(format: unknown): unknown {
  if (format instanceof RegExp || typeof format === 'function') {
    const test =
      typeof format === 'function' ? (format as (text: string) => boolean) : (text: string) => format.test(text);
    return (text: string) => {
      // A data: URI may be as long, and its format is not worth the time.
      if (text.length > MAX_CHECKED_CHARACTERS) return true;
      if (text.length > MAX_FORMAT_CHARACTERS) needTimer();
      return test(text);
    };
  }
  if (typeof format !== 'object' || format === null || !('validate' in format)) return format;
  return 'type' in format && format.type === 'number' ? format : { ...format, validate: bounded(format.validate) };
}
