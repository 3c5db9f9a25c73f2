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
  /** `MCPO_AUDIT_KEY_FILE`: a file that holds the same. */
  readonly file: string | undefined;
  /** Where a key is made if none is given. */
  readonly dataDir: string;
}

/**
 * The master key of the audit log: as given, else the one in the data folder, made there on the first start.
 * Throws `ConfigError` for a key that is none, or that others may read.
 */
export function loadAuditKey(settings: AuditKeySettings, logger: Logger): Buffer {
  const given = givenKey(settings);
  if (given !== undefined) return given;
  const file = join(settings.dataDir, FILE_NAME);
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, `${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`, { flag: 'wx', mode: 0o600 });
    logger.info(
      'a key for the audit log was made; keep a copy of it elsewhere, without it the log cannot be verified',
      {
        file,
      },
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw keyProblem('MCPO_DATA_DIR', `no key for the audit log can be made there (${codeOf(error)}).`);
    }
  }
  return readKeyFile(file, 'MCPO_DATA_DIR');
}

/** The same key for looking at a log; none is made. Throws `ConfigError`. */
export function findAuditKey(settings: AuditKeySettings): Buffer {
  return givenKey(settings) ?? readKeyFile(join(settings.dataDir, FILE_NAME), 'MCPO_AUDIT_KEY');
}

function givenKey({ value, file }: AuditKeySettings): Buffer | undefined {
  if (value !== undefined && file !== undefined) {
    throw keyProblem('MCPO_AUDIT_KEY_FILE', 'is set beside MCPO_AUDIT_KEY; keep one of them.');
  }
  if (file !== undefined) return readKeyFile(file, 'MCPO_AUDIT_KEY_FILE');
  return value === undefined ? undefined : parseKey(value, 'MCPO_AUDIT_KEY');
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
  throw keyProblem(
    setting,
    'is no key: it must be 32 random bytes as base64, such as "openssl rand -base64 32" prints.',
  );
}

function keyProblem(key: string, message: string): ConfigError {
  return new ConfigError([{ key, message }]);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
