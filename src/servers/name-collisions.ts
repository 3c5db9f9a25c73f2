const SHOWN_NAME_CHARACTERS = 80;

/** Of a `CatalogueTool`: its own name, and the one that callers see. */
interface NamedTool {
  readonly ownName: string;
  readonly definition: { readonly name: string };
}

/**
 * Why some of a server's tools cannot be served: another one has the same URL or, once everything that an operation id
 * cannot hold is replaced by `_`, the same id. A name that the admin gave wins, so that no server can take it away; else
 * the first one does. Letters of other scripts count as different, since two tools with Chinese names would exclude each
 * other otherwise; their operation ids are distinguished by a hash.
 */
export function collisionReasons<Tool extends NamedTool>(tools: readonly Tool[]): ReadonlyMap<Tool, string> {
  const byRoute = new Map<string, string>();
  const byId = new Map<string, string>();
  const reasons = new Map<Tool, string>();
  const isRenamed = ({ ownName, definition }: Tool) => definition.name !== ownName;
  for (const tool of [...tools.filter(isRenamed), ...tools.filter((one) => !isRenamed(one))]) {
    const { name } = tool.definition;
    const [route, id] = [routeKey(name), idKey(name)];
    const [sameRoute, sameId] = [byRoute.get(route), byId.get(id)];
    const other = sameRoute ?? sameId;
    if (other === undefined) {
      byRoute.set(route, name);
      byId.set(id, name);
    } else {
      const what = sameRoute === undefined ? 'operation id' : 'URL';
      const whose = isRenamed(tool) ? `as ${shown(name)} it` : 'it';
      const reason = `${whose} would have the same ${what} as ${shown(other)}; disable one in "disabledTools", or rename it in "tools"`;
      reasons.set(tool, reason);
    }
  }
  return reasons;
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
