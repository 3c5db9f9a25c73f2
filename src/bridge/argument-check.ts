import { createRequire } from 'node:module';
import type { Ajv, ErrorObject, Options, ValidateFunction } from 'ajv';
import { InvalidArgumentsError } from '../errors.ts';
import type { JsonSchema } from '../mcp/session.ts';
import { toValidationIssues } from './validation-issues.ts';

/**
 * Checks arguments and completes them in place: defaults filled in, `"3"` taken as an integer where one is asked for.
 * Throws `InvalidArgumentsError`.
 */
export type ArgumentCheck = (args: Record<string, unknown>) => void;

/** What a server sends is not ours to correct: unknown keywords and formats are no error, and nothing is printed. */
const OPTIONS: Options = {
  strict: false,
  logger: false,
  allErrors: true,
  useDefaults: true,
  validateSchema: false,
  meta: false,
  addUsedSchema: false,
  ownProperties: true,
  verbose: true,
};

const require = createRequire(import.meta.url);

/** The checks of one catalogue: they share a compiler and go with it. */
export class ArgumentChecks {
  #draft7: Ajv | undefined;
  #draft2020: Ajv | undefined;

  /** Returns the check for one inputSchema. */
  add(schema: JsonSchema): ArgumentCheck {
    let validate: ValidateFunction | undefined;
    return (args) => {
      validate ??= this.#compile(schema);
      if (validate(args)) return;
      if (coerceStrings(args, validate.errors ?? []) && validate(args)) return;
      throw new InvalidArgumentsError(toValidationIssues(validate.errors ?? [], args));
    };
  }

  #compile(schema: JsonSchema): ValidateFunction {
    try {
      const compiler = this.#compilerFor(schema);
      if (typeof schema === 'boolean') return compiler.compile(schema);
      const { $schema: _dialect, ...rest } = schema;
      return compiler.compile(rest);
    } catch {
      // A schema that says nothing checkable: the server is the one to judge the arguments.
      return (() => true) as unknown as ValidateFunction;
    }
  }

  #compilerFor(schema: JsonSchema): Ajv {
    if (isDraft7(schema)) {
      this.#draft7 ??= openCompiler('ajv');
      return this.#draft7;
    }
    this.#draft2020 ??= openCompiler('ajv/dist/2020.js');
    return this.#draft2020;
  }
}

/** Loaded with the first call that needs it: no start waits for a compiler of schemas. */
function openCompiler(dialect: 'ajv' | 'ajv/dist/2020.js'): Ajv {
  const { default: Compiler } = require(dialect) as { default: typeof Ajv };
  const { default: addFormats } = require('ajv-formats') as { default: (compiler: Ajv) => void };
  const compiler = new Compiler(OPTIONS);
  addFormats(compiler);
  return compiler;
}

function isDraft7(schema: JsonSchema): boolean {
  return typeof schema === 'object' && typeof schema.$schema === 'string' && /draft-0[4-7]/.test(schema.$schema);
}

/** Turns strings into the numbers or booleans that were asked for, as mcpo's pydantic models do; true if any was. */
function coerceStrings(args: Record<string, unknown>, errors: readonly ErrorObject[]): boolean {
  let hasChanged = false;
  for (const error of errors) {
    if (error.keyword !== 'type' || typeof error.data !== 'string') continue;
    const value = [error.params.type]
      .flat()
      .map((type) => coerce(error.data as string, type))
      .find(isDefined);
    if (value === undefined || !replaceAt(args, error.instancePath, error.data, value)) continue;
    hasChanged = true;
  }
  return hasChanged;
}

function coerce(text: string, type: unknown): number | boolean | undefined {
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  if (type !== 'integer' && type !== 'number') return undefined;
  if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)) return undefined;
  const value = Number(text);
  const isExact = type === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value);
  return isExact ? value : undefined;
}

function isDefined<Value>(value: Value | undefined): value is Value {
  return value !== undefined;
}

/** Replaces the value at a JSON pointer (RFC 6901), unless something else has been put there meanwhile. */
function replaceAt(root: Record<string, unknown>, pointer: string, expected: unknown, value: unknown): boolean {
  const keys = pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop();
  if (last === undefined) return false;
  let parent: unknown = root;
  for (const key of keys) parent = (parent as Record<string, unknown>)[key];
  const holder = parent as Record<string, unknown>;
  if (holder[last] !== expected) return false;
  holder[last] = value;
  return true;
}
