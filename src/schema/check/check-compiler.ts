import { createRequire } from 'node:module';
import type { Ajv, AnySchema, CodeKeywordDefinition, KeywordCxt, Options, ValidateFunction } from 'ajv';
import { matcherFor } from './pattern.ts';
import { StepBudget } from './step-budget.ts';
import { ValueSet } from './value-set.ts';

/** What a keyword found; the place and the schema's path are relative to the unit that was checked. */
export interface Finding {
  readonly keyword: string;
  /** A JSON pointer (RFC 6901). */
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A check that is compiled by itself; returns nothing when the value holds. */
export type Unit = (value: unknown) => readonly Finding[] | undefined;

/** A keyword whose value is a unit that checks the value too; its finding's `found` are the unit's. */
export const UNIT = 'mcpo:unit';
/** A keyword that spends so many steps. */
export const STEPS = 'mcpo:steps';

/** Some of the formats' regular expressions are quadratic in the length of the text. */
const MAX_UNTIMED_CHARACTERS = 500;
const MAX_CHECKED_CHARACTERS = 20_000;

/** What a server sends is not ours to correct: unknown formats are not errors, and nothing is printed. */
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
};

const require = createRequire(import.meta.url);

/**
 * Compiles units of schemas (JSON Schema 2020-12), one instance for all tools of a catalogue, gone with it. Its library is
 * loaded with the first call that needs it: no start waits for it.
 */
export class CheckCompiler {
  readonly findings: 'all' | 'first';
  readonly budget = new StepBudget();
  #ajv: Ajv | undefined;

  constructor(findings: 'all' | 'first') {
    this.findings = findings;
  }

  /** Compiles one unit. Throws on a schema that is malformed. */
  compile(schema: AnySchema): ValidateFunction {
    this.#ajv ??= this.#load();
    try {
      return this.#ajv.compile(schema);
    } finally {
      // It would keep each schema by itself, for a second compilation that never comes.
      if (typeof schema === 'object') this.#ajv.removeSchema(schema);
    }
  }

  #load(): Ajv {
    const { default: Compiler } = require('ajv/dist/2020.js') as { default: typeof Ajv };
    const { fullFormats } = require('ajv-formats/dist/formats.js') as { fullFormats: Record<string, unknown> };
    const { budget } = this;
    const regExp = Object.assign((source: string) => matcherFor(source, budget), { code: 'matcherFor' });
    const ajv = new Compiler({ ...OPTIONS, allErrors: this.findings === 'all', code: { optimize: false, regExp } });
    for (const [name, format] of Object.entries(fullFormats)) ajv.addFormat(name, bounded(format, budget) as never);
    for (const definition of toKeywords(budget)) {
      ajv.removeKeyword(definition.keyword as string);
      ajv.addKeyword(definition);
    }
    return ajv;
  }
}

function toKeywords(budget: StepBudget): CodeKeywordDefinition[] {
  const { _, nil } = require('ajv') as typeof import('ajv');
  const scoped = ({ gen }: KeywordCxt, ref: unknown) => gen.scopeValue('keyword', { ref });
  const isUnique = (items: readonly unknown[]) => {
    const seen = new ValueSet(budget);
    budget.spend(items.length);
    return items.every((item) => seen.add(item));
  };
  /** Counts characters only where the length in UTF-16 does not say enough: ajv would count each time. */
  const hasMoreThan = (text: string, limit: number) => {
    if (text.length <= limit || text.length > limit * 2) return text.length > limit;
    budget.spend(text.length);
    return [...text].length > limit;
  };
  const message = '';
  const lengthKeyword = (keyword: string, isTooLong: boolean): CodeKeywordDefinition => ({
    keyword,
    type: 'string',
    before: 'pattern',
    code: (cxt) => {
      const hasMore = (limit: number) => _`${scoped(cxt, hasMoreThan)}(${cxt.data}, ${limit})`;
      cxt.fail(isTooLong ? hasMore(cxt.schema) : _`!${hasMore(cxt.schema - 1)}`);
    },
    error: { message, params: ({ schemaCode }) => _`{limit: ${schemaCode}}` },
  });
  // Ajv's own equality calls the methods that a value has, such as a caller's "valueOf", and compares each item with each.
  const valuesKeyword = (keyword: string, param: string): CodeKeywordDefinition => ({
    keyword,
    code: (cxt) => {
      const values = new ValueSet(budget, keyword === 'enum' ? cxt.schema : [cxt.schema]);
      cxt.fail(_`!${scoped(cxt, values)}.has(${cxt.data})`);
    },
    error: { message, params: ({ schemaCode }) => _`{${param}: ${schemaCode}}` },
  });
  return [
    lengthKeyword('maxLength', true),
    lengthKeyword('minLength', false),
    valuesKeyword('const', 'allowedValue'),
    valuesKeyword('enum', 'allowedValues'),
    {
      keyword: STEPS,
      code: (cxt) => cxt.gen.code(_`${scoped(cxt, budget)}.spend(${cxt.schema as number})`),
    },
    {
      keyword: UNIT,
      code: (cxt) => {
        const found = cxt.gen.const('found', _`${scoped(cxt, cxt.schema)}(${cxt.data})`);
        cxt.setParams({ found });
        cxt.fail(_`${found} !== undefined`);
      },
      error: { message, params: ({ params }) => _`{found: ${(params.found as never) ?? nil}}` },
    },
    {
      keyword: 'uniqueItems',
      type: 'array',
      code: (cxt) => {
        if (cxt.schema === true) cxt.fail(_`!${scoped(cxt, isUnique)}(${cxt.data})`);
      },
      error: { message },
    },
  ];
}

/** A format that takes long texts as they are: a data: URI may be as long, and its format is not worth the time. */
function bounded(format: unknown, budget: StepBudget): unknown {
  const { validate = format, type } = format as { validate?: unknown; type?: unknown };
  if (typeof validate === 'boolean' || type === 'number') return format;
  const test = validate instanceof RegExp ? (text: string) => validate.test(text) : (validate as Test);
  return (text: string) => {
    if (text.length > MAX_CHECKED_CHARACTERS) return true;
    if (text.length > MAX_UNTIMED_CHARACTERS) return budget.runTimed(() => test(text));
    budget.spend(text.length);
    return test(text);
  };
}

type Test = (text: string) => boolean;
