import { createHash } from 'node:crypto';

/** What stands for a key in Redis, where no address and no user's id need lie: 128 bits of its SHA-256. */
export function toKeyDigest(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22);
}
