import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { MASTER_KEY_BYTES } from './audit-keys.ts';

const FILE_NAME = 'audit.key';

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
