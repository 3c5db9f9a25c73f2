import type { AnySchema, ValidateFunction } from 'ajv';
import { escapeSegment, isJsonObject } from '../json-object.ts';
import { type Schema, type SchemaNode, someSchema, writeKeyword } from '../schema.ts';
import { isAnnotation, isInPlace } from '../schema-keywords.ts';
import { type CheckCompiler, type Finding, STEPS, UNIT, type Unit } from './check-compiler.ts';
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
    this.#hasUnevaluated = someSchema(root, ({ keywords }) => [...keywords.keys()].some(isUnevaluated), new Set());
  }

  /** Returns what breaks the schema, within so many steps. Throws `TooComplexError`. */
  run(value: unknown, steps: number): readonly Finding[] {
    this.#compiler.budget.reset(steps);
    try {
      const found = this.#unitOf(this.#root)(value);
      return found === undefined ? [] : withoutUnits(found);
    } catch (error) {
      // A value nested this deeply overflows the stack, and so does a regular expression on some texts of megabytes.
      if (error instanceof RangeError) throw new TooComplexError();
      throw error;
    }
  }

  /** How many steps the last run has spent. */
  get spent(): number {
    return this.#compiler.budget.spent;
  }

  #unitOf(schema: Schema): Unit {
    const known = this.#units.get(schema);
    if (known !== undefined) return known;
    let validate: ValidateFunction | undefined;
    const unit: Unit = (value) => {
      this.#compiler.budget.spend(CALL_STEPS);
      validate ??= this.#compileOrTrust(schema);
      return validate(value) ? undefined : (validate.errors ?? []);
    };
    this.#units.set(schema, unit);
    return unit;
  }

  /** Compiles a schema of the whole. Throws on one that the compiler refuses. */
  compile(schema: Schema): ValidateFunction {
    this.#writtenOut = 0;
    return this.#compiler.compile(this.#writeCounted(schema));
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
  #writeCounted(schema: Schema): AnySchema {
    const outer = this.#steps;
    this.#steps = 0;
    const written = this.#write(schema);
    const isEmpty = typeof written === 'boolean' || Object.keys(written).length === 0;
    const counted = isEmpty ? written : { [STEPS]: this.#steps, ...written };
    this.#steps = outer;
    return counted;
  }

  /** Writes a schema that applies to the same value as the one around it. */
  #write(schema: Schema): AnySchema {
    if (typeof schema === 'boolean') return schema;
    const isCut = isLarger(schema, MAX_WHOLE_SCHEMAS);
    const written: Record<string, unknown> = {};
    const beside: AnySchema[] = this.#writeReferences(schema);
    this.#steps += 1;
    for (const [keyword, whole] of schema.keywords) {
      if (isAnnotation(keyword)) continue;
      const value = keyword === 'patternProperties' ? wellFormed(whole as ReadonlyMap<string, Schema>) : whole;
      if (keyword !== 'enum') this.#steps += sizeOf(value);
      if (isCut && keyword === 'properties') {
        beside.push({ [UNIT]: this.#propertiesUnit(value as ReadonlyMap<string, Schema>) });
        written[keyword] = writeKeyword(keyword, value, () => true);
        continue;
      }
      const isOnce = keyword === 'properties' || keyword === 'prefixItems';
      written[keyword] = writeKeyword(keyword, value, (child) => {
        const isPiece = isCut && isLarger(child, MIN_PIECE_SCHEMAS);
        if (isPiece && !(isInPlace(keyword) && this.#hasUnevaluated)) return this.#asUnit(child);
        if (isInPlace(keyword)) return this.#write(child);
        // Written out in place, references that lead back through a value would have no end.
        const mayLeadBack = this.#hasUnevaluated && someSchema(child, ({ references }) => references.length > 0);
        if (mayLeadBack) return this.#asUnit(child);
        return isOnce ? this.#write(child) : this.#writeCounted(child);
      });
    }
    if (beside.length > 0) written.allOf = [...beside, ...((written.allOf as AnySchema[] | undefined) ?? [])];
    return written;
  }

  /** `unevaluated…` must see which properties a reference's target has judged, so that there it is written in place. */
  #writeReferences({ references }: SchemaNode): AnySchema[] {
    const isWrittenOut = this.#hasUnevaluated && this.#writtenOut < MAX_WRITTEN_OUT;
    if (isWrittenOut) this.#writtenOut += references.length;
    return references.map((target) => (isWrittenOut ? this.#write(target) : this.#asUnit(target)));
  }

  #asUnit(schema: Schema): AnySchema {
    return { [UNIT]: this.#unitOf(schema) };
  }

  /** Checks each property by its own unit, so that those are compiled which values have. */
  #propertiesUnit(properties: ReadonlyMap<string, Schema>): Unit {
    return (value) => {
      if (!isJsonObject(value)) return undefined;
      const findings: Finding[] = [];
      for (const [key, inside] of Object.entries(value)) {
        const property = properties.get(key);
        const found = property === undefined ? undefined : this.#unitOf(property)(inside);
        if (found === undefined) continue;
        const path = `/${escapeSegment(key)}`;
        findings.push({ keyword: UNIT, instancePath: path, schemaPath: `#${path}`, params: { found } });
        if (this.#compiler.findings === 'first') break;
      }
      return findings.length === 0 ? undefined : findings;
    };
  }
}

/** Findings with those of units in the place of the one that holds them, and all places relative to the whole value. */
function withoutUnits(findings: readonly Finding[], outerPath = '', outerSchemaPath = '#'): Finding[] {
  return findings.flatMap((finding) => {
    const instancePath = outerPath + finding.instancePath;
    const schemaPath = outerSchemaPath + finding.schemaPath.slice(1);
    if (finding.keyword !== UNIT) return [{ ...finding, instancePath, schemaPath }];
    return withoutUnits(finding.params.found as readonly Finding[], instancePath, schemaPath);
  });
}

function wellFormed(schemas: ReadonlyMap<string, Schema>): ReadonlyMap<string, Schema> {
  return new Map([...schemas].filter(([pattern]) => isPattern(pattern)));
}

function isUnevaluated(keyword: string): boolean {
  return keyword === 'unevaluatedItems' || keyword === 'unevaluatedProperties';
}

/** Whether there are more schemas than that in a schema. */
function isLarger(schema: Schema, schemas: number): boolean {
  let count = 0;
  return someSchema(schema, () => ++count > schemas);
}

/** How many names or entries a keyword goes through for each value. */
function sizeOf(value: unknown): number {
  return Array.isArray(value) ? value.length : value instanceof Map ? value.size : 0;
}
