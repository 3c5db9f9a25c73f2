import { toUserKey, type UserId } from '../auth/user.ts';
import type { SecretChange } from './secret-rows.ts';
import type { Store } from './secret-store.ts';
import { keyOf } from './value-cache.ts';

/** How long the database remembers changes; who did not look for longer has missed some. */
export const CHANGES_KEPT_MS = 3_600_000;

const POLL_MS = 1_000;
/** With a margin for clocks that differ. */
const MAX_GAP_MS = CHANGES_KEPT_MS * 0.8;

export interface ChangeFeedOptions {
  readonly store: Pick<Store, 'revision' | 'changesAfter'>;
  readonly now: () => number;
  /** Whether anybody would miss a change; the database is left alone otherwise. */
  readonly isNeeded: () => boolean;
  /** Something was changed, here or elsewhere; called at least once for each change. */
  readonly onDrop: (owner: UserId, server: string | undefined) => void;
  /** The same, once for each change. */
  readonly onChange: (owner: UserId, server: string | undefined) => void;
  /** Changes were missed and cannot be read any more. */
  readonly onGap: () => void;
  /** Users whose erasure must be noticed here: of others' nothing is known. */
  readonly knownOwners: () => Iterable<UserId>;
}

/** A change of this process, whose notice in the database is not to be told a second time. */
interface LocalChange {
  readonly owner: UserId;
  readonly key: string;
  isDone: boolean;
  isSeen: boolean;
}

/** Tells of changes: those of this process at once, those of other replicas and of the command line within seconds. */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  readonly #local = new Set<LocalChange>();
  /** Of the last change that was told; `undefined` while the feed does not run. */
  #revision: number | undefined;
  #readAt = 0;
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  /** Resolves when every later change will be told. Rejects with `VaultUnavailableError`, and goes on trying. */
  async start(): Promise<void> {
    if (this.#revision !== undefined || this.#isClosed) return;
    this.#schedule();
    await this.#read();
  }

  /** Resolves when every change so far was told and every later one will be. Rejects as `start` does. */
  async catchUp(): Promise<void> {
    if (this.#isClosed) return;
    this.#schedule();
    // A reading that is under way may have begun before the change.
    await this.#reading?.catch(() => undefined);
    await this.#read();
  }

  /** Makes a change of this process and tells of it when it is made, if `isChange` says that it is one. */
  async make<Result>(
    owner: UserId,
    server: string | undefined,
    work: () => Promise<Result>,
    isChange: (result: Result) => boolean = () => true,
  ): Promise<Result> {
    const change: LocalChange = { owner, key: changeKey(owner, server), isDone: false, isSeen: false };
    this.#local.add(change);
    let isTold = false;
    try {
      const result = await work();
      isTold = isChange(result);
      return result;
    } finally {
      // Whether a failed change was made after all is not known: its notice tells.
      if (isTold && this.#timer !== undefined) change.isDone = true;
      else this.#local.delete(change);
      this.#options.onDrop(owner, server);
      if (isTold || change.isSeen) this.#options.onChange(owner, server);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#reading?.catch(() => undefined);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#tick(), POLL_MS);
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    if (this.#options.isNeeded()) {
      // The guard has said it in the log.
      await this.#read().catch(() => undefined);
      this.#timer = undefined;
      this.#schedule();
      return;
    }
    this.#timer = undefined;
    this.#revision = undefined;
    for (const change of this.#local) if (change.isDone) this.#local.delete(change);
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    const { store, now, onGap, knownOwners } = this.#options;
    const startedAt = now();
    const done = [...this.#local].filter(({ isDone }) => isDone);
    const before = this.#revision;
    const known = () => [...knownOwners(), ...[...this.#local].map(({ owner }) => owner)];
    const latest = await store.revision();
    const isNew = before !== undefined && latest > before;
    const changes = isNew ? await store.changesAfter(before, known()) : [];
    this.#revision = changes.at(-1)?.revision ?? latest;
    if (before !== undefined) {
      const isForgotten = isNew && changes.length === 0;
      if (latest < before || isForgotten || startedAt - this.#readAt > MAX_GAP_MS) onGap();
      else for (const change of changes) this.#tell(change);
    }
    this.#readAt = startedAt;
    // What was done before this reading was in it.
    for (const change of done) this.#local.delete(change);
  }

  #tell({ owner, server }: SecretChange): void {
    const { onDrop, onChange } = this.#options;
    if (owner === undefined) return;
    onDrop(owner, server);
    const key = changeKey(owner, server);
    const own = [...this.#local].find((change) => change.key === key && !change.isSeen);
    if (own === undefined) onChange(owner, server);
    else own.isSeen = true;
  }
}

function changeKey(owner: UserId, server: string | undefined): string {
  return server === undefined ? toUserKey(owner) : keyOf(owner, server);
}
