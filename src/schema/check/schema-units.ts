import type { AnySchema, ValidateFunction } from 'ajv';
import { escapeSegment } from '../json-object.ts';
import { type Schema, type SchemaNode, subschemasOf, writeKeyword } from '../schema.ts';
import { isAnnotation, isInPlace } from '../schema-keywords.ts';
import { type CheckCompiler, type Finding, STEPS, UNITS, type Unit } from './check-compiler.ts';
import { isPattern } from './pattern.ts';
import { TooComplexError } from './step-budget.ts';

/** Up to here a schema is compiled in one piece. */
const MAX_WHOLE_SCHEMAS = 100;
/** In one that is compiled in pieces, what is smaller than this is not worth a piece of its own. */
const MIN_PIECE_SCHEMAS = 12;
/** References that lead on to others, each to several, would be written out without an end in sight. */
const MAX_WRITTEN_OUT = 500;
/** Calling a unit costs as much as so many keywords. */
const CALL_STEPS = 50;

/**
 * A schema as the compiler takes it, in units that are compiled when they first get a value: each reference leads
 * to a unit, and a large schema is cut where it goes into properties, items and alternatives.
 */
export class SchemaUnits {
  readonly #root: Schema;
  readonly #compiler: CheckCompiler;
  readonly #units = new Map<Schema, Unit>();
  readonly #hasUnevaluated: boolean;
  #writtenOut = 0;
  /** What the schemas that are being written spend for one value. */
  #steps = 0;

  constructor(root: Schema, compiler: CheckCompiler) {
    this.#root = root;
    this.#compiler = compiler;
    this.#hasUnevaluated = holds(root, ({ keywords }) => [...keywords.keys()].some(isUnevaluated), new Set());
  }

  /** Returns what breaks the schema, within so many steps. Throws `TooComplexError`. */
  run(value: unknown, steps: number): readonly Finding[] {
    this.#compiler.budget.reset(steps);
    try {
      return this.#unitOf(this.#root).check(value) ?? [];
    } catch (error) {
      // A value nested this deeply overflows the stack, and so does a regular expression on some texts of megabytes.
      if (error instanceof RangeError) throw new TooComplexError();
      throw error;
    }
  }

  #unitOf(schema: Schema): Unit {
    const known = this.#units.get(schema);
    if (known !== undefined) return known;
    let validate: ValidateFunction | undefined;
    const unit: Unit = {
      check: (value) => {
        this.#compiler.budget.spend(CALL_STEPS);
        validate ??= this.#compileOrTrust(schema);
        return validate(value) ? undefined : (validate.errors ?? []);
      },
    };
    this.#units.set(schema, unit);
    return unit;
  }

  /** Compiles a schema of the whole. Throws on one that the compiler refuses. */
  compile(schema: Schema): ValidateFunction {
    this.#writtenOut = 0;
    return this.#compiler.compile(this.#writeCounted(schema, isLarger(schema, MAX_WHOLE_SCHEMAS)));
  }

  /** What was not refused compiles; should one not after all, the server is the one to judge. */
  #compileOrTrust(schema: Schema): ValidateFunction {
    try {
      return this.compile(schema);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      return this.#compiler.compile(true);
    }
  }

  /** Writes a schema that is applied any number of times while its surroundings are applied once. */
  #writeCounted(schema: Schema, isCut: boolean): AnySchema {
    const outer = this.#steps;
    this.#steps = 0;
    const written = this.#write(schema, isCut);
    const counted = isEmpty(written) ? written : { [STEPS]: this.#steps, ...(written as object) };
    this.#steps = outer;
    return counted;
  }

  /** Writes a schema that applies to the same value as the one around it. */
  #write(schema: Schema, isCut: boolean): AnySchema {
    if (typeof schema === 'boolean') return schema;
    const written: Record<string, unknown> = {};
    const units: Unit[] = [];
    this.#steps += 1;
    for (const [keyword, whole] of schema.keywords) {
      if (isAnnotation(keyword)) continue;
      const value = keyword === 'patternProperties' ? wellFormed(whole as ReadonlyMap<string, Schema>) : whole;
      if (keyword !== 'enum') this.#steps += sizeOf(value);
      if (isCut && keyword === 'properties') {
        units.push(this.#propertiesUnit(value as ReadonlyMap<string, Schema>));
        written[keyword] = writeKeyword(keyword, value, () => true);
      } else if (isInPlace(keyword)) {
        const isPiece = (child: Schema) => isCut && !this.#hasUnevaluated && isLarger(child, MIN_PIECE_SCHEMAS);
        written[keyword] = writeKeyword(keyword, value, (child) =>
          isPiece(child) ? { [UNITS]: [this.#unitOf(child)] } : this.#write(child, isCut),
        );
      } else {
        const isOnce = keyword === 'properties' || keyword === 'prefixItems';
        written[keyword] = writeKeyword(keyword, value, (child) => this.#writeInside(child, isCut, isOnce));
      }
    }
    this.#writeReferences(schema, written, units, isCut);
    if (units.length > 0) written[UNITS] = units;
    return written;
  }

  /** Writes a schema for a value inside. */
  #writeInside(schema: Schema, isCut: boolean, isOnce: boolean): AnySchema {
    const isPiece = isCut && isLarger(schema, MIN_PIECE_SCHEMAS);
    // Written out in place, references that lead back through a value would have no end.
    const mayLeadBack = this.#hasUnevaluated && holds(schema, ({ references }) => references.length > 0);
    if (isPiece || mayLeadBack) return { [UNITS]: [this.#unitOf(schema)] };
    return isOnce ? this.#write(schema, isCut) : this.#writeCounted(schema, isCut);
  }

  /** `unevaluated…` must see which properties a reference's target has judged, so that there it is written in place. */
  #writeReferences({ references }: SchemaNode, written: Record<string, unknown>, units: Unit[], isCut: boolean): void {
    if (this.#hasUnevaluated && references.length > 0 && this.#writtenOut < MAX_WRITTEN_OUT) {
      this.#writtenOut += references.length;
      const targets = references.map((target) => this.#write(target, isCut));
      written.allOf = [...targets, ...((written.allOf as AnySchema[] | undefined) ?? [])];
    } else units.push(...references.map((target) => this.#unitOf(target)));
  }

  /** Checks each property by its own unit, so that those are compiled which values have. */
  #propertiesUnit(properties: ReadonlyMap<string, Schema>): Unit {
    return {
      check: (value) => {
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
        const findings: Finding[] = [];
        for (const [key, inside] of Object.entries(value)) {
          const property = properties.get(key);
          const found = property === undefined ? undefined : this.#unitOf(property).check(inside);
          if (found === undefined) continue;
          const path = `/${escapeSegment(key)}`;
          findings.push({ keyword: UNITS, instancePath: path, schemaPath: `#${path}`, params: { found } });
          if (this.#compiler.findings === 'first') break;
        }
        return findings.length === 0 ? undefined : findings;
      },
    };
  }
}

function wellFormed(schemas: ReadonlyMap<string, Schema>): ReadonlyMap<string, Schema> {
  return new Map([...schemas].filter(([pattern]) => isPattern(pattern)));
}

function isEmpty(schema: AnySchema): boolean {
  return typeof schema === 'boolean' || Object.keys(schema).length === 0;
}

function isUnevaluated(keyword: string): boolean {
  return keyword === 'unevaluatedItems' || keyword === 'unevaluatedProperties';
}

/** Whether something holds of a schema or one in it; with `known`, also of those that it refers to. */
function holds(root: Schema, is: (node: SchemaNode) => boolean, known?: Set<Schema>): boolean {
  const open: Schema[] = [root];
  for (let schema = open.pop(); schema !== undefined; schema = open.pop()) {
    if (typeof schema === 'boolean' || known?.has(schema)) continue;
    if (is(schema)) return true;
    known?.add(schema);
    open.push(...subschemasOf(schema).map((child) => child.schema), ...(known === undefined ? [] : schema.references));
  }
  return false;
}

/** Whether there are more schemas than that in a schema. */
function isLarger(schema: Schema, schemas: number): boolean {
  let count = 0;
  return holds(schema, () => ++count > schemas);
}

/** How many names or entries a keyword goes through for each value. */
function sizeOf(value: unknown): number {
  return Array.isArray(value) ? value.length : value instanceof Map ? value.size : 0;
}
