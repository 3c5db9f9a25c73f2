import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** Characters of a MAC. */
export const MAC_LENGTH = 43;

/** The keys of what browsers keep for the service: the first signs, all are accepted. */
export interface MacKeys {
  readonly active: KeyObject;
  readonly all: readonly KeyObject[];
}

/** Takes keys of 32 bytes each. Throws `RangeError` without keys. */
export function toMacKeys(keys: readonly Buffer[]): MacKeys {
  const all = keys.map((key) => createSecretKey(key));
  const [active] = all;
  if (active === undefined) throw new RangeError('at least one key is needed');
  return { active, all };
}

/** HMAC-SHA-256 in base64url; the use is part of what is signed, so that what is for one use is of none for another. */
export function macOf(key: KeyObject, use: string, data: string): string {
  return createHmac('sha256', key).update(`mcpo-ts ${use} v1\n${data}`).digest('base64url');
}

/** The key that made a MAC, `undefined` if none did. Every key is tried: the time does not reveal which one it was. */
export function findMacKey({ all }: MacKeys, use: string, data: string, candidate: string): KeyObject | undefined {
  const found = all.map((key) => isSameMac(macOf(key, use, data), candidate));
  return all[found.indexOf(true)];
}

export function isSameMac(expected: string, candidate: string): boolean {
  const bytes = Buffer.from(candidate);
  return bytes.length === MAC_LENGTH && timingSafeEqual(Buffer.from(expected), bytes);
}
