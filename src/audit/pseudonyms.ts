import type { AuditKeys } from './audit-keys.ts';
import { mac } from './audit-keys.ts';

const CHARACTERS = 22;
const MAX_REMEMBERED = 10_000;

/**
 * Puts a keyed hash in the place of a user's id or an address: the same for the same value as long as the key is the
 * same, so that what one user did can still be followed, and not to be guessed without the key.
 */
export function createPseudonyms(keys: AuditKeys): (kind: 'user' | 'address', value: string) => string {
  const remembered = new Map<string, string>();
  return (kind, value) => {
    const text = `${kind}:${value}`;
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const pseudonym = `p:${mac(keys.pseudonym, text).slice(0, CHARACTERS)}`;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(text, pseudonym);
    return pseudonym;
  };
}
