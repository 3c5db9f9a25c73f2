import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Database } from '../db/open-database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type ChainState, type Found, openState, signState } from './audit-chain.ts';
import { reasonOf } from './audit-event.ts';
import type { AuditKeys } from './audit-keys.ts';
import type { AuditLog } from './audit-log.ts';

/** Lines written since the last note can be deleted together with the head without the database noticing. */
const NOTE_EVERY_MS = 10_000;

/**
 * Names a log in the database: by its path, and where replicas share a database by the host too, since each has its own.
 */
export function auditLogName(file: string, databaseUrl: string | undefined): string {
  return databaseUrl === undefined ? resolve(file) : `${hostname()}:${resolve(file)}`;
}

/** How far the log of a name goes, as the database knows. Rejects with the driver's errors. */
export async function readAnchor(database: Database, log: string, keys: AuditKeys): Promise<Found<ChainState>> {
  const anchors = database.selectFrom('audit_anchors').select(['seq', 'hmac', 'mac']);
  const row = await anchors.where('log', '=', log).executeTakeFirst();
  return openAnchor(row, keys);
}

/** The same from a row of `audit_anchors`. */
export function openAnchor(
  row: { readonly seq: number; readonly hmac: string; readonly mac: string } | undefined,
  keys: AuditKeys,
): Found<ChainState> {
  if (row === undefined) return { kind: 'missing' };
  return openState('anchor', { seq: row.seq, hmac: row.hmac }, row.mac, keys);
}

/**
 * Stores how far a log goes, signed with its key, in the database, so that log and head cannot be deleted unnoticed:
 * every ten seconds while lines are written, and when it is closed. Before that it compares the log as it was opened
 * with its anchor, and records what does not fit.
 */
export class AuditAnchor {
  readonly #log: AuditLog;
  readonly #name: string;
  readonly #openDatabase: () => Promise<Database>;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  #isCompared = false;
  #notedSeq = -1;
  #hasFailed = false;
  #work: Promise<void> = Promise.resolve();

  constructor(log: AuditLog, name: string, openDatabase: () => Promise<Database>, logger: Logger) {
    this.#log = log;
    this.#name = name;
    this.#openDatabase = openDatabase;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.note(), NOTE_EVERY_MS).unref();
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
    const state = await this.#log.synced();
    // A database that nothing has to be written to is left alone: opening it again and again would fill its log.
    if (this.#isCompared && (state === undefined || state.seq === this.#notedSeq)) return;
    const database = await this.#openDatabase();
    await this.#compare(database);
    if (state === undefined || state.seq === this.#notedSeq) return;
    const { seq, hmac } = state;
    const row = { seq, hmac, mac: signState('anchor', state, this.#log.keys), noted_at: Date.now() };
    await database
      .insertInto('audit_anchors')
      .values({ log: this.#name, ...row })
      .onConflict((conflict) => conflict.column('log').doUpdateSet(row))
      .execute();
    this.#notedSeq = seq;
    this.#hasFailed = false;
  }

  async #compare(database: Database): Promise<void> {
    const opened = this.#log.openedAt;
    if (this.#isCompared || opened === undefined) return;
    const found = await readAnchor(database, this.#name, this.#log.keys);
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
