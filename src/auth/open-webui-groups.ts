import { isIdentifier } from './claims.ts';

const MAX_GROUPS = 1_000;

/**
 * The names and ids in the answer of Open WebUI's `GET /api/v1/users/groups`, a JSON list of groups; groups that cannot
 * be read are left out. `undefined` if it is not a list.
 */
export function readGroups(text: string | undefined): readonly string[] | undefined {
  const list = parseList(text);
  if (list === undefined) return undefined;
  const groups = list.slice(0, MAX_GROUPS).flatMap((group: unknown) => {
    const { name, id } = Object(group) as { readonly name?: unknown; readonly id?: unknown };
    return [typeof name === 'string' ? name.trim() : undefined, id].filter(isIdentifier);
  });
  return [...new Set(groups)];
}

function parseList(text: string | undefined): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
