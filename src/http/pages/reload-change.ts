import type { RegistryChange } from '../../servers/reload-result.ts';
import { toEnumeration } from './words.ts';

/** Of each kind. */
const MAX_NAMES = 10;

/** What a reload did to the servers, for a sentence. */
export function toChangeText(change: RegistryChange): string {
  const changes = (['added', 'changed', 'removed'] as const)
    .filter((kind) => change[kind].length > 0)
    .map((kind) => {
      const more = change[kind].length - MAX_NAMES;
      const names = [...change[kind].slice(0, MAX_NAMES), ...(more > 0 ? [`${more} more`] : [])];
      return `${kind}: ${toEnumeration(names)}`;
    });
  return changes.length === 0 ? 'no server has changed' : changes.join('; ');
}
