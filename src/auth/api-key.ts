import { createHash, randomBytes } from 'node:crypto';

/** Secret scanners find our keys by it: `mcpo_[A-Za-z0-9_-]{43}`. */
const KEY_PREFIX = 'mcpo_';
const KEY_BYTES = 32;

/** Makes a new API key of 256 random bits; whoever asked for it sees it once, and only its digest is kept. */
export function generateApiKey(): string {
  return KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');
}

/** The digest that is kept of a key: SHA-256, lower-case hex. Without salt, since the keys are random themselves. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
