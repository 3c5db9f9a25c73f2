import { createHmac, createSecretKey, hkdfSync, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

const MASTER_KEY_BYTES = 32;
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
export function createPseudonyms(keys: AuditKeys): (kind: 'user' | 'address', value: string) => string {
  const remembered = new Map<string, string>();
  return (kind, value) => {
    const text = `${kind}:${value}`;
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const pseudonym = `p:${mac(keys.pseudonym, text).slice(0, PSEUDONYM_CHARACTERS)}`;
    if (remembered.size >= MAX_PSEUDONYMS) remembered.clear();
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
  const file = join(dataDir, FILE_NAME);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, `${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`, { flag: 'wx', mode: 0o600 });
    const message = 'created a key for the audit log; keep a copy elsewhere, without it the log cannot be verified';
    logger.info(message, { file });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw keyProblem('MCPO_DATA_DIR', `a key for the audit log cannot be created there (${codeOf(error)}).`);
    }
  }
  return readKeyFile(file, 'MCPO_DATA_DIR');
}

/** The same key for verifying a log; none is created. Throws `ConfigError`. */
export function findAuditKey({ value, dataDir }: AuditKeySettings): Buffer {
  if (value !== undefined) return parseKey(value, 'MCPO_AUDIT_KEY');
  return readKeyFile(join(dataDir, FILE_NAME), 'MCPO_AUDIT_KEY');
}

function readKeyFile(file: string, setting: string): Buffer {
  let text: string;
  try {
    const { mode } = statSync(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw keyProblem(setting, `the file "${file}" may be read by others; run chmod 600 on it.`);
    }
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw keyProblem(setting, `the key of the audit log cannot be read from "${file}" (${codeOf(error)}).`);
  }
  return parseKey(text, setting);
}

function parseKey(text: string, setting: string): Buffer {
  const trimmed = text.trim();
  const key = /^[\w+/-]{43}=?$/.test(trimmed) ? Buffer.from(trimmed, 'base64') : undefined;
  if (key?.length === MASTER_KEY_BYTES) return key;
  throw keyProblem(setting, 'must be 32 random bytes as base64, such as "openssl rand -base64 32" prints.');
}

function keyProblem(key: string, message: string): ConfigError {
  return new ConfigError([{ key, message }]);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
