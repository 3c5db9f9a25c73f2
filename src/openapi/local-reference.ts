/** A JSON object as it was parsed. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where a `$ref` leads: a JSON Pointer (RFC 6901) into the same schema, nowhere in it, or out of it. */
export type ReferenceTarget =
  | { readonly kind: 'local'; readonly pointer: string; readonly value: unknown }
  | { readonly kind: 'missing' }
  | { readonly kind: 'external' };

/** Looks a `$ref` up in `root`: `#`, `#/pointer`, `#anchor`, or the same behind the root's own `$id`. Fetches nothing. */
export function resolveReference(root: unknown, reference: string): ReferenceTarget {
  const hash = reference.indexOf('#');
  const address = hash === -1 ? reference : reference.slice(0, hash);
  const ownId = isJsonObject(root) && typeof root.$id === 'string' ? root.$id.replace(/#$/, '') : '';
  if (address !== '' && address !== ownId) return { kind: 'external' };

  const fragment = hash === -1 ? '' : decode(reference.slice(hash + 1));
  if (fragment === undefined) return { kind: 'missing' };
  const pointer = fragment === '' || fragment.startsWith('/') ? fragment : findAnchor(root, fragment);
  if (pointer === undefined) return { kind: 'missing' };

  let value: unknown = root;
  for (const segment of toSegments(pointer)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return { kind: 'missing' };
    value = (value as JsonObject)[segment];
  }
  return { kind: 'local', pointer, value };
}

/** The unescaped parts of a JSON Pointer. */
export function toSegments(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function decode(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return undefined;
  }
}

/** `$anchor` and `$dynamicAnchor` of 2020-12, and draft-07's `$id: "#name"`. */
function findAnchor(root: unknown, name: string): string | undefined {
  const queue: { readonly value: unknown; readonly pointer: string }[] = [{ value: root, pointer: '' }];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { value, pointer } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (isJsonObject(value) && (value.$anchor === name || value.$dynamicAnchor === name || value.$id === `#${name}`))
      return pointer;
    for (const [key, child] of Object.entries(value))
      queue.push({ value: child, pointer: `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}` });
  }
  return undefined;
}
