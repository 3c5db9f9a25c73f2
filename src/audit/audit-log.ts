import { AuditUnavailableError, ConfigError } from '../errors.ts';
import type { ChainState } from './audit-chain.ts';
import { type AuditEvent, type AuditTexts, toAuditBody } from './audit-event.ts';
import { AuditFile } from './audit-file.ts';
import { type AuditKeys, deriveAuditKeys } from './audit-keys.ts';
import type { AuditLogOptions, AuditStatus } from './audit-log-options.ts';
import { DailyRotation } from './daily-rotation.ts';
import { createPseudonyms } from './pseudonyms.ts';
import { reasonOf } from './reason-of.ts';

/** Lines of one moment are written together; so long one waits for others. */
const BATCH_MS = 10;
const MAX_BATCH = 1_000;
/** After so long at most, lines are forced to the disk (fdatasync) and the head says that they are there. */
const SYNC_MS = 1_000;
const RETRY_MS = 1_000;
const HOUR_MS = 3_600_000;
/** About 10 MB of usual lines. */
const MAX_PENDING = 20_000;

/** Faults of the setting itself: trying again does not help. */
const SETTING_FAULTS = new Set(['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

/**
 * Opens the audit log and takes its chain up where it ended. Throws `ConfigError` for a file that cannot be used; on a
 * full disk only when the log is required, else it keeps trying.
 */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const log = new AuditLog(options);
  try {
    await log.start();
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    if (!options.required && !SETTING_FAULTS.has(code)) return log;
    await log.close();
    const message = `the audit log "${options.file}" cannot be opened (${code}); check the path and its permissions.`;
    throw new ConfigError([{ key: 'SECURITY_LOG_FILE', message }]);
  }
  return log;
}

/**
 * Appends events in the order in which they were recorded, one write at a time. Recording costs its caller no waiting:
 * lines wait in memory, so many at most, and while the disk does not take them the log tries again every second.
 *
 *   ok ──(a write fails)──▶ failing ──(a try succeeds)──▶ ok ──(close)──▶ closed
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #keys: AuditKeys;
  readonly #texts: AuditTexts;
  readonly #now: () => number;
  readonly #maxPending: number;
  #file: AuditFile | undefined;
  #openedAt: ChainState | undefined;
  #state: AuditStatus['state'] = 'ok';
  #pending: string[] = [];
  #lost = 0;
  /** Lost, and not yet told in the log itself. */
  #untold = 0;
  #isUnsynced = false;
  readonly #daily: DailyRotation | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #batchTimer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  readonly #dayTimer: NodeJS.Timeout | undefined;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#maxPending = options.maxPending ?? MAX_PENDING;
    this.#keys = deriveAuditKeys(options.key);
    this.#texts = {
      redact: options.redact ?? ((text, max) => (max === undefined ? text : text.slice(0, max))),
      pseudonym: options.pseudonymise ? createPseudonyms(this.#keys) : (_kind, value) => value,
    };
    if (options.retentionDays !== undefined) {
      const { file, retentionDays, logger } = options;
      this.#daily = new DailyRotation({ file, retentionDays, logger, now: this.#now });
      this.#dayTimer = setInterval(() => void this.flush(), HOUR_MS);
      this.#dayTimer.unref();
    }
  }

  get status(): AuditStatus {
    return { state: this.#state, pending: this.#pending.length, lost: this.#lost };
  }

  /** Where the chain stood before this run's first line; `undefined` while the file cannot be opened. */
  get openedAt(): ChainState | undefined {
    return this.#openedAt;
  }

  /** Brings what was recorded so far to the disk; resolves to where the chain stands then, as far as it is known. */
  async synced(): Promise<ChainState | undefined> {
    if (this.#state === 'closed') return undefined;
    let chain: ChainState | undefined;
    await this.#enqueue(async () => {
      await this.#write();
      await this.#sync();
      chain = this.#file?.chain;
    });
    return chain;
  }

  /** To be called before what must be recorded is done. Throws `AuditUnavailableError` while a required log fails. */
  assertAvailable(): void {
    if (!this.#options.required) return;
    if (this.#state === 'ok' && this.#pending.length < this.#maxPending) return;
    throw new AuditUnavailableError(
      'The service cannot write its audit log now and must not do what it cannot record; try again later, or tell its admin.',
    );
  }

  /** Records an event with the time of now. Throws `AuditUnavailableError` as `assertAvailable` does. */
  record(event: AuditEvent): void {
    this.assertAvailable();
    this.#add(event);
  }

  /** Records what has happened already and cannot be refused: while the log fails it waits, lost only if no more can. */
  recordDone(event: AuditEvent): void {
    this.#add(event);
  }

  /** Resolves when everything recorded so far was written, or could not be. */
  flush(): Promise<void> {
    clearTimeout(this.#batchTimer);
    this.#batchTimer = undefined;
    return this.#enqueue(() => this.#write());
  }

  /** Opens the file anew, after another program has moved it (SIGUSR2). Resolves when that is done or has failed. */
  reopen(): Promise<void> {
    return this.#enqueue(async () => {
      await this.#write();
      await this.#file?.reopen();
    });
  }

  /** Writes what waits and closes the file. What the disk does not take then is lost, and the service's log says so. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    clearInterval(this.#dayTimer);
    await this.flush();
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#syncTimer);
    this.#state = 'closed';
    const left = this.#pending.length;
    this.#lost += left;
    if (left > 0) this.#options.logger.error('audit log closed with events that could not be written', { lost: left });
    try {
      await this.#file?.close();
    } catch (error) {
      this.#options.logger.error('the audit log could not be brought to the disk', { reason: reasonOf(error) });
    }
  }

  /** Opens the file. Throws the system's error, after which the log is failing and tries again by itself. */
  async start(): Promise<void> {
    let failure: unknown;
    await this.#enqueue(async () => {
      try {
        await this.#open();
        await this.#rotate();
      } catch (error) {
        failure = error;
        throw error;
      }
    });
    if (failure !== undefined) throw failure;
  }

  #add(event: AuditEvent): void {
    if (this.#state === 'closed' || this.#pending.length >= this.#maxPending) {
      this.#lose();
      return;
    }
    this.#pending.push(toAuditBody(event, this.#now(), this.#texts));
    if (this.#state === 'ok') this.#batchTimer ??= setTimeout(() => void this.flush(), BATCH_MS);
  }

  #lose(): void {
    if (this.#untold === 0) {
      this.#options.logger.error('audit events are being lost: no more can wait to be written', {
        pending: this.#pending.length,
      });
    }
    this.#lost += 1;
    this.#untold += 1;
  }

  /** One after the other; a failure ends in the state and not with whoever waits. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work).catch((error: unknown) => this.#fail(error));
    this.#work = done;
    return done;
  }

  async #write(): Promise<void> {
    const file = this.#file ?? (await this.#open());
    await this.#rotate();
    // What comes in meanwhile is the next one's work, so that a flood does not keep sync and reopen waiting.
    let left = this.#pending.length;
    while (left > 0) {
      const batch = this.#pending.slice(0, Math.min(left, MAX_BATCH));
      left -= batch.length;
      await file.append(batch);
      this.#pending.splice(0, batch.length);
      this.#isUnsynced = true;
      this.#syncTimer ??= setTimeout(() => void this.#enqueue(() => this.#sync()), SYNC_MS).unref();
    }
    if (this.#state === 'failing') {
      await this.#sync();
      this.#recover();
    }
    this.#tellLost();
  }

  async #sync(): Promise<void> {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    if (!this.#isUnsynced) return;
    await this.#file?.sync();
    this.#isUnsynced = false;
  }

  async #open(): Promise<AuditFile> {
    const { file, findings } = await AuditFile.open(this.#options.file, this.#keys);
    this.#file = file;
    this.#openedAt ??= file.chain;
    for (const { action, details } of findings) {
      this.#options.logger.warn('the audit log is not as the service left it', { finding: action, ...details });
      this.#add({ eventType: 'audit_log', action, result: 'failure', details });
    }
    return file;
  }

  async #rotate(): Promise<void> {
    const removed = this.#file === undefined ? [] : ((await this.#daily?.run(this.#file)) ?? []);
    for (const resource of removed) {
      this.#add({ eventType: 'audit_log', resource, action: 'file_removed', result: 'success' });
    }
  }

  #fail(error: unknown): void {
    if (this.#state === 'ok') {
      this.#state = 'failing';
      const consequence = this.#options.required
        ? 'what must be recorded is refused'
        : 'events wait in memory, and are lost when no more can';
      this.#options.logger.error(`the audit log cannot be written; ${consequence}`, { reason: reasonOf(error) });
    }
    if (this.#state === 'closed') return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => void this.flush(), this.#options.retryMs ?? RETRY_MS).unref();
  }

  #recover(): void {
    this.#state = 'ok';
    this.#options.logger.info('the audit log is written again', { lost: this.#untold });
    // What came in while the disk was brought up to date waits for the next batch.
    if (this.#pending.length > 0) this.#batchTimer ??= setTimeout(() => void this.flush(), BATCH_MS);
  }

  #tellLost(): void {
    const lost = this.#untold;
    if (lost === 0 || this.#pending.length >= this.#maxPending) return;
    this.#untold = 0;
    this.#add({ eventType: 'audit_log', action: 'events_lost', result: 'failure', details: { lost } });
  }
}
