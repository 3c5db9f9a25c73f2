import { hash, randomBytes } from 'node:crypto';
import type { ApiKeyRecord, AuthSettings } from './auth-settings.ts';
import type { Principal } from './principal.ts';
import { Scopes } from './scopes.ts';

/** Secret scanners find our keys by it: `mcpo_[A-Za-z0-9_-]{43}`. */
const KEY_PREFIX = 'mcpo_';
const KEY_BYTES = 32;

/** The id of the single key of `--api-key`. */
export const SINGLE_KEY_ID = 'default';
/** The id of the one before it, so that the audit log shows who still presents that. */
export const PREVIOUS_KEY_ID = 'default-previous';

/** Makes a new API key of 256 random bits; it is shown once, and only its digest is stored. */
export function generateApiKey(): string {
  return KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');
}

/** The digest that is stored of a key: SHA-256, lower-case hex. Without salt, since the keys are random themselves. */
export function hashApiKey(key: string): string {
  return hash('sha256', key);
}

/** The single key may do everything, and assert users if any header that names one is believed. */
export function toSingleRecord(apiKey: string, openWebUi: AuthSettings['openWebUi'], id = SINGLE_KEY_ID): ApiKeyRecord {
  return {
    id,
    hash: hashApiKey(apiKey),
    scopes: Scopes.ALL.texts,
    user: undefined,
    assertsUser: openWebUi.trustUserHeaders || openWebUi.userJwtSecret !== undefined,
    expiresAt: undefined,
    lastUsedAt: undefined,
    createdAt: 0,
  };
}

/** What a key's record says of its holder. */
export function toKeyPrincipal({ id, user, scopes: texts }: ApiKeyRecord): Principal {
  const scopes = new Scopes(texts);
  if (user === undefined) return { kind: 'api-key', keyId: id, scopes };
  return { kind: 'user', issuer: user.issuer, subject: user.subject, groups: [], scopes, keyId: id };
}
