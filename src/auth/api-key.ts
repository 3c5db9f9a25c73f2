import { createHash, timingSafeEqual } from 'node:crypto';

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
