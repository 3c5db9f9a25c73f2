import { isJsonObject } from './local-reference.ts';
import type { SchemaSpot } from './schema-index.ts';
import type { Scope } from './schema-place.ts';

/** 2020-12, section 8.2.3.2: the outermost schema of that name on the way here. */
export function toDynamic(found: SchemaSpot, keyword: string, scope: Scope): SchemaSpot {
  const anchor = isJsonObject(found.value) ? found.value.$dynamicAnchor : undefined;
  const name = keyword === '$recursiveRef' ? '' : anchor;
  if (typeof name !== 'string' || found.resource.dynamicAnchors.get(name)?.value !== found.value) return found;
  let outermost = found;
  for (let link: Scope | undefined = scope; link !== undefined; link = link.outer)
    outermost = link.resource.dynamicAnchors.get(name) ?? outermost;
  return outermost;
}
