import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Secret scanners find our keys by it: `mcpo_[A-Za-z0-9_-]{43}`. */
const KEY_PREFIX = 'mcpo_';
const KEY_BYTES = 32;

/** Makes a new API key of 256 random bits; whoever asked for it sees it once, and only its digest is kept. */
export function generateApiKey(): string {
  return KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');
}

/** The digest that is kept of a key: SHA-256, lower-case hex. Without salt, since the keys are random themselves. */
export function hashApiKey(key: string): string {
  return sha256(key).toString('hex');
}

/**
 * Makes the check of one API key. The digests are compared and not the keys, so that neither the length nor the
 * first wrong byte shows in the time.
 */
export function createApiKeyCheck(apiKey: string): (candidate: string) => boolean {
  const expected = sha256(apiKey);
  return (candidate) => timingSafeEqual(sha256(candidate), expected);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
