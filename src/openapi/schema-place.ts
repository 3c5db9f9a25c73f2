import type { PortableNode } from './portable-node.ts';
import type { SchemaResource } from './schema-index.ts';
import type { TypeSet } from './type-set.ts';

/** Where a schema stands in the source. */
export interface Place {
  /** What the value may be here; all that is written has one of these types. */
  readonly types: TypeSet;
  readonly level: number;
  readonly resource: SchemaResource;
  /** The resources passed on the way: what `$dynamicRef` looks through. */
  readonly scope: Scope;
  /** A JSON Pointer (RFC 6901). */
  readonly pointer: string;
}

export interface Scope {
  readonly resource: SchemaResource;
  readonly outer: Scope | undefined;
}

/** What the writers of keywords need of the writer of schemas. */
export interface ChildWriter {
  /** How often something was written that allows more than its source. */
  widenings: number;
  /** Writes a schema below the one at `place`; `key` is its place there. */
  writeChild(source: unknown, key: string, place: Place, types?: TypeSet): PortableNode;
}
