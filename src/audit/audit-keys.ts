import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';

export const MASTER_KEY_BYTES = 32;

/** One key for each use, so that none can stand in for another. */
export interface AuditKeys {
  readonly chain: KeyObject;
  readonly head: KeyObject;
  readonly pseudonym: KeyObject;
}

/** Derives the log's keys from the 32 bytes of its master key (HKDF-SHA-256, RFC 5869). */
export function deriveAuditKeys(masterKey: Buffer): AuditKeys {
  const derive = (use: string): KeyObject =>
    createSecretKey(Buffer.from(hkdfSync('sha256', masterKey, '', `mcpo-ts audit ${use} v1`, 32)));
  return { chain: derive('chain'), head: derive('head'), pseudonym: derive('pseudonym') };
}

/** HMAC-SHA-256 as 43 characters of base64url. */
export function mac(key: KeyObject, data: string | Buffer): string {
  return createHmac('sha256', key).update(data).digest('base64url');
}

export function isMac(key: KeyObject, data: string | Buffer, candidate: string): boolean {
  const expected = Buffer.from(mac(key, data));
  const given = Buffer.from(candidate);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
