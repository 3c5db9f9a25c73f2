import type { RejectedTool } from '../mcp/session.ts';

const SHOWN_NAME_CHARACTERS = 80;

/**
 * Which of a server's tools cannot be served because an earlier one has the same URL or, once everything that an
 * operation id cannot hold is replaced by `_`, the same id. Letters of other scripts count as different, although no id
 * can hold them either: else two tools with Chinese names would exclude each other. Ids tell those apart by a hash.
 */
export function nameCollisions(names: Iterable<string>): readonly RejectedTool[] {
  const byRoute = new Map<string, string>();
  const byId = new Map<string, string>();
  const collisions: RejectedTool[] = [];
  for (const name of names) {
    const [route, id] = [routeKey(name), idKey(name)];
    const [sameRoute, sameId] = [byRoute.get(route), byId.get(id)];
    const other = sameRoute ?? sameId;
    if (other === undefined) {
      byRoute.set(route, name);
      byId.set(id, name);
    } else {
      const what = sameRoute === undefined ? 'operation id' : 'URL';
      const reason = `it would have the same ${what} as ${shown(other)}; put the one that is not wanted in "disabledTools"`;
      collisions.push({ name, reason });
    }
  }
  return collisions;
}

/** What is left of a name after all that happens to a URL on its way: one decoding, tidied slashes, composed letters. */
function routeKey(name: string): string {
  return decoded(name)
    .normalize('NFC')
    .replace(/\/{2,}/g, '/')
    .replace(/^\/|\/$/g, '');
}

function idKey(name: string): string {
  return name.normalize('NFC').replace(/(?![_-])(?:[^A-Za-z0-9\u0080-\u{10ffff}]|[\p{P}\p{Z}\p{C}])/gu, '_');
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function shown(name: string): string {
  return JSON.stringify(name.length > SHOWN_NAME_CHARACTERS ? `${name.slice(0, SHOWN_NAME_CHARACTERS)}…` : name);
}
