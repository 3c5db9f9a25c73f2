import { AuditUnavailableError, ConfigError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { ChainState } from './audit-chain.ts';
import { type AuditEvent, type AuditTexts, reasonOf, toAuditBody } from './audit-event.ts';
import { AuditFile } from './audit-file.ts';
import { type AuditKeys, createPseudonyms, deriveAuditKeys } from './audit-keys.ts';
import { removeOldFiles, rotatedName } from './rotated-files.ts';

export interface AuditLogOptions {
  /** Where the lines go; `<file>.head` is beside it. */
  readonly file: string;
  /** The master key: 32 bytes. */
  readonly key: Buffer;
  /** Replace users' ids and addresses by keyed hashes. */
  readonly pseudonymise: boolean;
  /** With it the log begins a new file each day (UTC) and removes those older than this. */
  readonly retentionDays: number | undefined;
  /** What cannot be recorded must not happen. */
  readonly required: boolean;
  readonly logger: Logger;
  /** Removes known secrets from the texts. */
  readonly redact: Redact;
  readonly now?: () => number;
  readonly retryMs?: number;
  readonly maxPending?: number;
}

export interface AuditStatus {
  readonly state: 'ok' | 'failing' | 'closed';
  /** Written since the start. */
  readonly written: number;
  /** Waiting to be written. */
  readonly pending: number;
  /** Lost since the start, because no more could wait. */
  readonly lost: number;
}

/** Lines of one moment are written together; so long one waits for others. */
const BATCH_MS = 10;
const MAX_BATCH = 1_000;
/** After so long at most, lines are forced to the disk (fdatasync) and the head notes them. */
const SYNC_MS = 1_000;
const RETRY_MS = 1_000;
const HOUR_MS = 3_600_000;
/** About 10 MB of usual lines. */
const MAX_PENDING = 20_000;

/** Mistakes in the setting itself: a retry does not help. */
const SETTING_FAULTS = new Set(['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

/**
 * Appends events in the order in which they were recorded, one write at a time. Recording never waits: lines are held in
 * memory, up to a limit, and while the disk does not accept them the log retries every second.
 *
 *   ok ──(a write fails)──▶ failing ──(a retry succeeds)──▶ ok ──(close)──▶ closed
 */
export class AuditLog {
  readonly file: string;
  readonly keys: AuditKeys;
  /** Where the chain stood before this run's first line; `undefined` while the file cannot be opened. */
  openedAt: ChainState | undefined;
  readonly #options: Required<AuditLogOptions>;
  readonly #texts: AuditTexts;
  #file: AuditFile | undefined;
  #state: AuditStatus['state'] = 'ok';
  #pending: string[] = [];
  #written = 0;
  #lost = 0;
  /** Lost, and not yet recorded in the log itself. */
  #unrecordedLoss = 0;
  /** The day on which old files were last removed. */
  #cleanedOn: string | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #writeTimer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  readonly #dayTimer: NodeJS.Timeout | undefined;

  /**
   * Opens the log and continues its chain where it ended. Rejects with `ConfigError` for a file that cannot be used; on a
   * full disk only when the log is required, else it retries.
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const log = new AuditLog(options);
    const failure = await log.#enqueue(async () => log.#rotate(await log.#open()));
    if (failure === undefined) return log;
    const { code = 'unknown error' } = failure as NodeJS.ErrnoException;
    if (!options.required && !SETTING_FAULTS.has(code)) return log;
    await log.close();
    const message = `the audit log "${options.file}" cannot be opened (${code}); check the path and its permissions.`;
    throw new ConfigError([{ key: 'SECURITY_LOG_FILE', message }]);
  }

  private constructor(options: AuditLogOptions) {
    this.#options = { now: Date.now, retryMs: RETRY_MS, maxPending: MAX_PENDING, ...options };
    this.file = options.file;
    this.keys = deriveAuditKeys(options.key);
    this.#texts = {
      redact: options.redact,
      pseudonym: options.pseudonymise ? createPseudonyms(this.keys) : (_kind, value) => value,
    };
    // A new day begins a new file even if nothing is recorded.
    if (options.retentionDays !== undefined) this.#dayTimer = setInterval(() => void this.flush(), HOUR_MS).unref();
  }

  get status(): AuditStatus {
    return { state: this.#state, written: this.#written, pending: this.#pending.length, lost: this.#lost };
  }

  /** Forces what was recorded so far to the disk; resolves to where the chain stands then, if that is known. */
  async synced(): Promise<ChainState | undefined> {
    if (this.#state === 'closed') return undefined;
    let chain: ChainState | undefined;
    await this.#enqueue(async () => {
      await this.#write();
      if (this.#syncTimer !== undefined) await this.#sync();
      chain = this.#file?.chain;
    });
    return chain;
  }

  /** Comes before an action that must be recorded. Throws `AuditUnavailableError` while a required log fails. */
  assertAvailable(): void {
    if (!this.#options.required) return;
    if (this.#state === 'ok' && this.#pending.length < this.#options.maxPending) return;
    throw new AuditUnavailableError(
      'The service cannot write its audit log now and must not do what it cannot record; try again later, or contact its admin.',
    );
  }

  /** Records an event with the current time: while the log fails it waits, and is lost only if no more can wait. */
  record(event: AuditEvent): void {
    if (this.#state === 'closed') return;
    const pending = this.#pending.length;
    if (pending < this.#options.maxPending) {
      this.#pending.push(toAuditBody(event, this.#options.now(), this.#texts));
      if (this.#state === 'ok') this.#writeIn(BATCH_MS);
      return;
    }
    if (this.#unrecordedLoss === 0) {
      this.#options.logger.error('audit events are being lost: no more can wait to be written', { pending });
    }
    this.#lost += 1;
    this.#unrecordedLoss += 1;
  }

  /** Resolves when everything recorded so far was written, or could not be. */
  async flush(): Promise<void> {
    clearTimeout(this.#writeTimer);
    this.#writeTimer = undefined;
    await this.#enqueue(() => this.#write());
  }

  /** Opens the file again, after another program has moved it (SIGUSR2). Resolves when that is done or has failed. */
  async reopen(): Promise<void> {
    await this.#enqueue(async () => {
      await this.#write();
      await this.#file?.reopen();
    });
  }

  /** Writes what waits and closes the file. What the disk does not accept then is lost, and the service's log says so. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    clearInterval(this.#dayTimer);
    await this.flush();
    // That events were lost is recorded by the write after them.
    if (this.#state === 'ok' && this.#pending.length > 0) await this.flush();
    clearTimeout(this.#writeTimer);
    clearTimeout(this.#syncTimer);
    this.#state = 'closed';
    const left = this.#pending.length;
    this.#lost += left;
    if (left > 0) this.#options.logger.error('audit log closed with events that could not be written', { lost: left });
    try {
      await this.#file?.close();
    } catch (error) {
      this.#options.logger.error('the audit log could not be forced to the disk', { reason: reasonOf(error) });
    }
  }

  #writeIn(ms: number): void {
    this.#writeTimer ??= setTimeout(() => void this.flush(), ms).unref();
  }

  /** One after the other. Resolves to the error that the work ended with, which has changed the state. */
  #enqueue(work: () => Promise<void>): Promise<unknown> {
    const done = this.#work.then(work).catch((error: unknown) => this.#fail(error));
    this.#work = done;
    return done;
  }

  async #write(): Promise<void> {
    const file = this.#file ?? (await this.#open());
    await this.#rotate(file);
    // Events recorded meanwhile wait for the next write, so that a flood does not keep sync and reopen waiting.
    for (let left = this.#pending.length; left > 0; left -= MAX_BATCH) {
      const batch = this.#pending.slice(0, Math.min(left, MAX_BATCH));
      await file.append(batch);
      this.#pending.splice(0, batch.length);
      this.#written += batch.length;
      this.#syncTimer ??= setTimeout(() => void this.#enqueue(() => this.#sync()), SYNC_MS).unref();
    }
    if (this.#state === 'failing') {
      await this.#sync();
      this.#state = 'ok';
      this.#options.logger.info('the audit log is written again', { lost: this.#unrecordedLoss });
      if (this.#pending.length > 0) this.#writeIn(BATCH_MS);
    }
    const lost = this.#unrecordedLoss;
    if (lost === 0 || this.#pending.length >= this.#options.maxPending) return;
    this.#unrecordedLoss = 0;
    this.record({ eventType: 'audit_log', action: 'events_lost', result: 'failure', details: { lost } });
  }

  async #sync(): Promise<void> {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    await this.#file?.sync();
  }

  async #open(): Promise<AuditFile> {
    const { file, findings } = await AuditFile.open(this.file, this.keys);
    this.#file = file;
    this.openedAt ??= file.chain;
    for (const { action, details } of findings) {
      this.#options.logger.warn('the audit log is not as the service left it', { finding: action, ...details });
      this.record({ eventType: 'audit_log', action, result: 'failure', details });
    }
    return file;
  }

  /** With a retention, begins a new file each day (UTC) and removes those that are too old. */
  async #rotate(current: AuditFile): Promise<void> {
    const { retentionDays, logger } = this.#options;
    if (retentionDays === undefined) return;
    const now = this.#options.now();
    const today = new Date(now).toISOString().slice(0, 10);
    if (current.day !== undefined && current.day < today) await current.moveTo(rotatedName(this.file, current.day));
    if (this.#cleanedOn === today) return;
    this.#cleanedOn = today;
    for (const resource of await removeOldFiles(this.file, retentionDays, now, logger)) {
      this.record({ eventType: 'audit_log', resource, action: 'file_removed', result: 'success' });
    }
  }

  #fail(error: unknown): unknown {
    if (this.#state === 'closed') return error;
    if (this.#state === 'ok') {
      this.#state = 'failing';
      const consequence = this.#options.required
        ? 'calls that must be recorded are rejected'
        : 'events wait in memory, and are lost when no more can wait';
      this.#options.logger.error(`the audit log cannot be written; ${consequence}`, { reason: reasonOf(error) });
    }
    this.#writeIn(this.#options.retryMs);
    return error;
  }
}
