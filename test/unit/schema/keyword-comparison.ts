import type { JsonSchema } from '../../../src/mcp/session.ts';
import type { DocumentServer } from '../../../src/openapi/document-input.ts';
import { toPortableSchema } from '../../../src/schema/portable/portable-schema.ts';

/** How many keywords of a source its published form still has, and which it lost. */
export interface KeywordComparison {
  readonly keywords: number;
  readonly kept: number;
  /** `/properties/a enum "x"`. */
  readonly lost: readonly string[];
}

/** The comparison of a whole catalogue, as a row of a table. */
export function compareCatalogue({ name, tools }: DocumentServer): {
  readonly catalogue: string;
  readonly tools: number;
  readonly keywords: number;
  readonly kept: number;
} {
  const comparisons = tools.flatMap(({ inputSchema, outputSchema }) => {
    const schemas = [[inputSchema, 'arguments'] as const, ...(outputSchema ? [[outputSchema, 'value'] as const] : [])];
    return schemas.map(([source, position]) => {
      return compareKeywords(source, toPortableSchema(source, position) as JsonSchema);
    });
  });
  const sum = (key: 'keywords' | 'kept') => comparisons.reduce((total, comparison) => total + comparison[key], 0);
  return { catalogue: name, tools: tools.length, keywords: sum('keywords'), kept: sum('kept') };
}

type Json = Readonly<Record<string, unknown>>;

const places: ReadonlySet<string> = new Set(['$schema', '$id', 'id', '$anchor', '$defs', 'definitions', '$ref']);
const inPlace = ['anyOf', 'oneOf', 'allOf'];
const CYCLE_LEVELS = 3;

/**
 * Compares path by path. References are followed on both sides, for three levels of a cycle; alternatives stand on the
 * path of the schema that holds them. A keyword is kept if the same one with the same value, or for an `enum` with each
 * value, is on the same path. What is described in words counts only for the requirements of the root's alternatives.
 */
export function compareKeywords(source: JsonSchema, published: JsonSchema): KeywordComparison {
  const entries = collect(source);
  const there = collect(published);
  const rootText = typeof published === 'object' ? String(published.description ?? '') : '';
  const lost = [...entries].filter((entry) => !there.has(entry) && !isTold(entry, there, rootText));
  return { keywords: entries.size, kept: entries.size - lost.length, lost };
}

function isTold(entry: string, there: ReadonlySet<string>, rootText: string): boolean {
  const [path = '', keyword = '', value = ''] = entry.split(' ~ ');
  if (keyword === 'description') {
    const text = JSON.parse(value) as string;
    return [...there].some((other) => {
      const [otherPath, otherKeyword, otherValue = '""'] = other.split(' ~ ');
      return otherPath === path && otherKeyword === keyword && (JSON.parse(otherValue) as string).includes(text);
    });
  }
  return path === '' && keyword === 'required' && rootText.includes(JSON.parse(value) as string);
}

function collect(root: unknown): ReadonlySet<string> {
  const entries = new Set<string>();
  const visits = new Map<unknown, number>([[root, 1]]);
  const add = (path: string, keyword: string, value: unknown) =>
    entries.add([path, keyword, JSON.stringify(value)].join(' ~ '));

  const visit = (schema: unknown, path: string): void => {
    if (typeof schema !== 'object' || schema === null) return;
    const { $ref } = schema as Json;
    if (typeof $ref === 'string') {
      const target = follow(root, $ref);
      const count = visits.get(target) ?? 0;
      if (count < CYCLE_LEVELS) {
        visits.set(target, count + 1);
        visit(target, path);
        visits.set(target, count);
      }
    }
    for (const [keyword, value] of Object.entries(schema)) {
      // `true` and `false` in the place of a schema say nothing, or become a length.
      if (places.has(keyword) || (keyword === 'items' && typeof value === 'boolean')) continue;
      if (inPlace.includes(keyword)) for (const member of value as unknown[]) visit(member, path);
      else if (keyword === 'type') for (const type of [value].flat()) add(path, keyword, type);
      else if (keyword === 'enum') for (const item of value as unknown[]) addValue(path, item);
      else if (keyword === 'const') addValue(path, value);
      else if (keyword === 'required' && Array.isArray(value)) for (const name of value) add(path, keyword, name);
      else if (keyword === 'prefixItems' || (keyword === 'items' && Array.isArray(value)))
        for (const member of value as unknown[]) visit(member, `${path}/items`);
      else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        const isByName = ['properties', 'patternProperties', 'dependentSchemas'].includes(keyword);
        if (!isByName) visit(value, `${path}/${keyword}`);
        else for (const [name, child] of Object.entries(value)) visit(child, `${path}/${keyword}/${name}`);
      } else add(path, keyword, value);
    }
  };
  const addValue = (path: string, value: unknown) => {
    if (value === null) add(path, 'type', 'null');
    else add(path, 'enum', value);
  };
  visit(root, '');
  return entries;
}

function follow(root: unknown, reference: string): unknown {
  return reference
    .split('/')
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((value, key) => (value as Json | undefined)?.[key], root);
}
