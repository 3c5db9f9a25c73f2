import type { Logger } from '../telemetry/logger.ts';
import type { ChainState } from './audit-chain.ts';
import { type AuditKeys, deriveAuditKeys, isMac, mac } from './audit-keys.ts';
import type { AuditLog } from './audit-log.ts';
import { reasonOf } from './reason-of.ts';

/** Lines that were written since the last note can be deleted together with the head, and the database does not know. */
const NOTE_EVERY_MS = 10_000;

/** How far a log goes, signed with its key: what the database remembers, so that log and head are not deleted unseen. */
export interface AnchorRow extends ChainState {
  readonly mac: string;
}

/** Where the anchor of one log lies. Both reject when the database cannot be used. */
export interface AnchorStore {
  read(): Promise<AnchorRow | undefined>;
  write(row: AnchorRow): Promise<void>;
}

export type FoundAnchor =
  | { readonly kind: 'found'; readonly anchor: ChainState }
  | { readonly kind: 'missing' }
  | { readonly kind: 'forged' };

/** Reads a log's anchor; `forged` is one that the log's key did not make. */
export async function readAnchor(store: AnchorStore, keys: AuditKeys): Promise<FoundAnchor> {
  const row = await store.read();
  if (row === undefined) return { kind: 'missing' };
  const { seq, hmac } = row;
  return isMac(keys.head, signedText(row), row.mac) ? { kind: 'found', anchor: { seq, hmac } } : { kind: 'forged' };
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
  #noted = -1;
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

  /** Notes how far the log goes. Never rejects: while the database is away it is tried again. */
  note(): Promise<void> {
    this.#work = this.#work.then(() => this.#note()).catch((error: unknown) => this.#failed(error));
    return this.#work;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.note();
  }

  async #note(): Promise<void> {
    if (!this.#isCompared) await this.#compare();
    const state = await this.#log.synced();
    if (state === undefined || state.seq === this.#noted) return;
    await this.#store.write({ ...state, mac: mac(this.#keys.head, signedText(state)) });
    this.#noted = state.seq;
    this.#hasFailed = false;
  }

  async #compare(): Promise<void> {
    const opened = this.#log.openedAt;
    if (opened === undefined) return;
    const found = await readAnchor(this.#store, this.#keys);
    this.#isCompared = true;
    if (found.kind === 'missing') return;
    if (found.kind === 'forged') return this.#report('anchor_forged', { last_seq: opened.seq });
    const { seq, hmac } = found.anchor;
    const isOther = seq === opened.seq && hmac !== opened.hmac;
    if (seq > opened.seq || isOther) this.#report('anchor_missed', { last_seq: opened.seq, expected_seq: seq });
  }

  #report(action: 'anchor_forged' | 'anchor_missed', details: Readonly<Record<string, number>>): void {
    this.#logger.error('entries of the audit log are missing: the database knows of more than the file holds', {
      finding: action,
      ...details,
    });
    this.#log.recordDone({ eventType: 'audit_log', action, result: 'failure', details });
  }

  #failed(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#logger.warn('the anchor of the audit log cannot be written to the database', { reason: reasonOf(error) });
  }
}

function signedText({ seq, hmac }: ChainState): string {
  return `anchor:${seq}:${hmac}`;
}
