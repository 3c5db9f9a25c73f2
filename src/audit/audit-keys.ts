import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { BoundedMap } from '../bounded-map.ts';
import { generateKey, keyProblem, openKeyFile, readKeyText } from '../key-file.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { PseudonymKind } from './audit-event.ts';

const FILE_NAME = 'audit.key';
const PSEUDONYM_CHARACTERS = 22;
const MAX_PSEUDONYMS = 10_000;

/** One key for each use, so that none can replace another. */
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

/** Whether `candidate` is the MAC of the data, compared in constant time. */
export function isMac(key: KeyObject, data: string | Buffer, candidate: string): boolean {
  const expected = Buffer.from(mac(key, data));
  const given = Buffer.from(candidate);
  return expected.length === given.length && timingSafeEqual(expected, given);
}

/**
 * Replaces a user's id or an address by a keyed hash: the same for the same value while the key stays the same, so that
 * the actions of one user can still be followed, but cannot be guessed without the key.
 */
export function createPseudonyms(keys: AuditKeys): (kind: PseudonymKind, value: string) => string {
  const remembered = new BoundedMap<string, string>(MAX_PSEUDONYMS);
  return (kind, value) => {
    const text = `${kind}:${value}`;
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const pseudonym = `p:${mac(keys.pseudonym, text).slice(0, PSEUDONYM_CHARACTERS)}`;
    remembered.set(text, pseudonym);
    return pseudonym;
  };
}

export interface AuditKeySettings {
  /** `MCPO_AUDIT_KEY`: 32 bytes as base64. */
  readonly value: string | undefined;
  /** Where a key is created if none is given. */
  readonly dataDir: string;
}

/**
 * The master key of the audit log: as given, else the one in the data folder, created there on the first start.
 * Throws `ConfigError` for a key that is malformed, or that others may read.
 */
export function loadAuditKey({ value, dataDir }: AuditKeySettings, logger: Logger): Buffer {
  if (value !== undefined) return parseKey(value, 'MCPO_AUDIT_KEY');
  const file = auditKeyFile(dataDir);
  const message = 'created a key for the audit log; keep a copy elsewhere, without it the log cannot be verified';
  return parseKey(
    openKeyFile(file, generateKey(), () => logger.info(message, { file })),
    'MCPO_DATA_DIR',
  );
}

/** The same key for verifying a log; none is created. Throws `ConfigError`. */
export function findAuditKey({ value, dataDir }: AuditKeySettings): Buffer {
  return parseKey(value ?? readKeyText(auditKeyFile(dataDir), 'MCPO_AUDIT_KEY'), 'MCPO_AUDIT_KEY');
}

/** The file in the data folder that holds the key, whether it is there or not. */
export function auditKeyFile(dataDir: string): string {
  return join(dataDir, FILE_NAME);
}

/** 32 bytes from their base64. Throws `ConfigError`. */
export function parseAuditKey(text: string): Buffer {
  return parseKey(text, 'MCPO_AUDIT_KEY');
}

function parseKey(text: string, setting: string): Buffer {
  const trimmed = text.trim();
  if (/^[\w+/-]{43}=?$/.test(trimmed)) return Buffer.from(trimmed, 'base64');
  throw keyProblem(setting, 'must be 32 random bytes as base64, such as "openssl rand -base64 32" prints.');
}
