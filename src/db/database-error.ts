import { setTimeout as delay } from 'node:timers/promises';

const CERTIFICATE_CODES = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_)/;

/** The code of a driver's error; nothing else of it, since its message may name hosts, users and values. */
export function errorCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'cause' in error ? errorCodeOf(error.cause) : undefined;
}

/** One sentence on why PostgreSQL cannot be used, without its host, user or password. */
export function postgresProblem(error: unknown): string {
  const code = errorCodeOf(error);
  const suffix = code === undefined ? '' : ` (${code})`;
  return `The PostgreSQL database of MCPO_DATABASE_URL cannot be opened${suffix}: ${adviceFor(code, error)}`;
}

function adviceFor(code: string | undefined, error: unknown): string {
  if (code === '28P01' || code === '28000') return 'it does not accept this user with this password.';
  if (code === '3D000') return 'the database does not exist; create it first.';
  if (code === '42501') return 'the user may not create tables there.';
  if (code === '53300') return 'it has no connection left.';
  if (code === '08P01') return 'a pooler before it refuses a parameter; let it pass statement_timeout, or go round it.';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host is unknown.';
  if (code === 'ENOENT' || code === 'EACCES') return 'a file that the URL names cannot be read.';
  if (code !== undefined && CERTIFICATE_CODES.test(code)) {
    return 'its certificate is not trusted; name its authority with sslrootcert in the URL.';
  }
  if (error instanceof Error && error.message.includes('does not support SSL')) {
    return 'it does not offer TLS, which the URL requires.';
  }
  if (error instanceof Error && error.message.startsWith('corrupted migrations')) {
    return 'a newer version of mcpo-ts has used it; run that one.';
  }
  return 'check that it runs and that the URL is right.';
}

const MAX_TRIES = 8;
const FIRST_DELAY_MS = 5;

/** What a database says when another transaction was in the way and nothing of this one was done. */
const CONFLICTS = new Set(['40001', '40P01', 'SQLITE_BUSY_SNAPSHOT']);

/** Runs a transaction, again within bounds where it met another one. Rejects with the database's own error. */
export async function retryConflicts<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await run();
    } catch (error) {
      if (tries === MAX_TRIES || !isConflict(error)) throw error;
      // Jitter, so that two that met do not meet again.
      await delay(FIRST_DELAY_MS * 2 ** tries * Math.random());
    }
  }
}

export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(errorCodeOf(error) ?? '');
}
