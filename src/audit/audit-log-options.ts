import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';

export interface AuditLogOptions {
  /** Where the lines go; `<file>.head` lies beside it. */
  readonly file: string;
  /** The master key: 32 bytes. */
  readonly key: Buffer;
  /** Keyed hashes in the place of users' ids and addresses. */
  readonly pseudonymise: boolean;
  /** With it the log begins a new file each day (UTC) and removes those older than this. */
  readonly retentionDays: number | undefined;
  /** What cannot be recorded must not happen. */
  readonly required: boolean;
  readonly logger: Logger;
  /** Takes known secrets out of the texts. */
  readonly redact?: Redact;
  readonly now?: () => number;
  readonly retryMs?: number;
  readonly maxPending?: number;
}

export interface AuditStatus {
  readonly state: 'ok' | 'failing' | 'closed';
  /** Waiting to be written. */
  readonly pending: number;
  /** Lost since the start, because there was no room for them to wait. */
  readonly lost: number;
}
