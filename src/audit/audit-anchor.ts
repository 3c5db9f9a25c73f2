import type { Logger } from '../telemetry/logger.ts';
import { type ChainState, type Found, openState, signState } from './audit-chain.ts';
import { reasonOf } from './audit-event.ts';
import { type AuditKeys, deriveAuditKeys } from './audit-keys.ts';
import type { AuditLog } from './audit-log.ts';

/** Lines written since the last note can be deleted together with the head without the database noticing. */
const NOTE_EVERY_MS = 10_000;

/** How far a log goes, signed with its key and stored in the database, so that log and head cannot be deleted unnoticed. */
interface AnchorRow extends ChainState {
  readonly mac: string;
}

/** Where the anchor of one log is stored. Both reject when the database cannot be used. */
export interface AnchorStore {
  read(): Promise<AnchorRow | undefined>;
  write(row: AnchorRow): Promise<void>;
}

/** Reads a log's anchor. */
export async function readAnchor(store: AnchorStore, keys: AuditKeys): Promise<Found<ChainState>> {
  const row = await store.read();
  if (row === undefined) return { kind: 'missing' };
  return openState('anchor', { seq: row.seq, hmac: row.hmac }, row.mac, keys);
}

/**
 * Compares the log as it was opened with its anchor, records what does not fit, then keeps the anchor up to date: every
 * ten seconds while lines are written, and when it is closed.
 */
export class AuditAnchor {
  readonly #log: AuditLog;
  readonly #store: AnchorStore;
  readonly #logger: Logger;
  readonly #keys: AuditKeys;
  readonly #timer: NodeJS.Timeout;
  #isCompared = false;
  #notedSeq = -1;
  #hasFailed = false;
  #work: Promise<void> = Promise.resolve();

  constructor(log: AuditLog, store: AnchorStore, key: Buffer, logger: Logger) {
    this.#log = log;
    this.#store = store;
    this.#logger = logger;
    this.#keys = deriveAuditKeys(key);
    this.#timer = setInterval(() => void this.note(), NOTE_EVERY_MS);
    this.#timer.unref();
  }

  /** Notes how far the log goes. Never rejects: while the database is unavailable it is tried again. */
  note(): Promise<void> {
    this.#work = this.#work.then(() => this.#note()).catch((error: unknown) => this.#fail(error));
    return this.#work;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.note();
  }

  async #note(): Promise<void> {
    const opened = this.#log.openedAt;
    if (!this.#isCompared && opened !== undefined) await this.#compare(opened);
    const state = await this.#log.synced();
    if (state === undefined || state.seq === this.#notedSeq) return;
    const { seq, hmac } = state;
    await this.#store.write({ seq, hmac, mac: signState('anchor', state, this.#keys) });
    this.#notedSeq = seq;
    this.#hasFailed = false;
  }

  async #compare(opened: ChainState): Promise<void> {
    const found = await readAnchor(this.#store, this.#keys);
    this.#isCompared = true;
    if (found.kind === 'missing') return;
    if (found.kind === 'forged') return this.#report('anchor_forged', { last_seq: opened.seq });
    const { seq, hmac } = found.state;
    const isOther = seq === opened.seq && hmac !== opened.hmac;
    if (seq > opened.seq || isOther) this.#report('anchor_missed', { last_seq: opened.seq, expected_seq: seq });
  }

  #report(action: 'anchor_forged' | 'anchor_missed', details: Readonly<Record<string, number>>): void {
    this.#logger.error('entries of the audit log are missing: the database knows of more than the file contains', {
      finding: action,
      ...details,
    });
    this.#log.record({ eventType: 'audit_log', action, result: 'failure', details });
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#logger.warn('the anchor of the audit log cannot be written to the database', { reason: reasonOf(error) });
  }
}
