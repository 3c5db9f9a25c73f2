import type { Memory } from '../process/memory.ts';

const MIB = 1024 * 1024;

/** What a process is taken to need until one of its server was measured: an MCP server in Node has 25 to 40 MiB of its own. */
const UNKNOWN_PROCESS_BYTES = 40 * MIB;
/** Part of the memory that sessions of users may take together. */
const SHARE_OF_SESSIONS = 0.75;
/** Fewer are never the default: the guard below sees what they really need. */
const MIN_DERIVED_SESSIONS = 20;
/** Never given to sessions: the service itself and its peaks. */
const MIN_SPARE_BYTES = 64 * MIB;
const MAX_SPARE_BYTES = 1024 * MIB;
const SPARE_SHARE = 0.05;
/** A start that takes longer waits for something other than the processor, and must not keep others waiting. */
const SLOT_MS = 5_000;
const READING_MS = 250;
const MEASURING_MS = 10_000;
/** So many of a server's processes are measured; the largest counts. */
const MEASURED = 8;

/** A session that starts a process. */
export interface StartingSession {
  readonly server: { readonly name: string };
  /** Names the user over all servers. */
  readonly user: string;
  readonly pid: number | undefined;
}

export interface StartBudgetOptions {
  /** Processes that start at once: more compete for the processors, and all are late. */
  readonly maxStarting: number;
  /** Memory as it is now. */
  readonly readMemory: () => Memory;
  /** What a process and its descendants have for themselves, in bytes. */
  readonly memoryOfTree: (pid: number) => number | undefined;
}

/** How many sessions that are processes of their own one server may have by default: what its memory has room for. */
export function deriveMaxProcesses({ totalBytes }: Pick<Memory, 'totalBytes'>): number {
  const room = Math.floor((totalBytes * SHARE_OF_SESSIONS) / UNKNOWN_PROCESS_BYTES);
  return Math.max(MIN_DERIVED_SESSIONS, room);
}

/**
 * Which processes may start now: as many at once as the processors start quickly, and as many in all as there is memory.
 * Where the system gives no figures, memory does not count.
 */
export class StartBudget {
  readonly #options: StartBudgetOptions;
  readonly #starting = new Map<StartingSession, NodeJS.Timeout>();
  /** Those of them that take a place: of one user not all. */
  readonly #slots = new Set<StartingSession>();
  readonly #estimates = new Map<string, { readonly bytes: number; readonly at: number }>();
  #memory: { readonly read: Memory; readonly at: number } | undefined;
  /** Called when a start no longer takes a place. */
  onFree: () => void = () => undefined;

  constructor(options: StartBudgetOptions) {
    this.#options = options;
  }

  /** What a session would have to wait for. `others` are the sessions that are open. */
  reached(session: StartingSession, others: Iterable<StartingSession>): 'starts' | 'memory' | undefined {
    const { maxStarting } = this.#options;
    if (this.#slots.size >= maxStarting) return 'starts';
    const ofUser = [...this.#slots].filter(({ user }) => user === session.user).length;
    if (ofUser > 0 && ofUser >= maxStarting - 1) return 'starts';
    return this.#hasMemory(session, others) ? undefined : 'memory';
  }

  /** Bytes that are missing for idle sessions to be kept as long as they like; 0 where enough is free or it is unknown. */
  missingBytes(): number {
    const { totalBytes, availableBytes } = this.#read();
    return availableBytes === undefined ? 0 : Math.max(0, 2 * spareOf(totalBytes) - availableBytes);
  }

  /** What a session of this server is taken to need, in bytes. */
  estimate(server: string): number {
    return this.#estimates.get(server)?.bytes ?? UNKNOWN_PROCESS_BYTES;
  }

  begin(session: StartingSession): void {
    const timer = setTimeout(() => this.#free(session), SLOT_MS);
    timer.unref();
    this.#slots.add(session);
    this.#starting.set(session, timer);
  }

  /** It is open, or will not be. */
  end(session: StartingSession): void {
    const timer = this.#starting.get(session);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#starting.delete(session);
    this.#memory = undefined;
    this.#free(session);
  }

  #free(session: StartingSession): void {
    if (this.#slots.delete(session)) this.onFree();
  }

  /** The first session starts whatever the figures say: refusing it would help nobody. */
  #hasMemory(session: StartingSession, others: Iterable<StartingSession>): boolean {
    const { totalBytes, availableBytes } = this.#read();
    if (availableBytes === undefined) return true;
    const open = [...others];
    if (open.length === 0) return true;
    // Measured only when it matters.
    if (availableBytes < totalBytes / 2) this.#measure(session.server.name, open);
    const promised = [...this.#starting.keys()].reduce((sum, { server }) => sum + this.estimate(server.name), 0);
    return availableBytes - promised - this.estimate(session.server.name) >= spareOf(totalBytes);
  }

  #measure(server: string, open: readonly StartingSession[]): void {
    const now = performance.now();
    const known = this.#estimates.get(server);
    if (known !== undefined && now - known.at < MEASURING_MS) return;
    const pids = open.flatMap((one) => (one.server.name === server && one.pid !== undefined ? one.pid : []));
    const sizes = pids.slice(0, MEASURED).map((pid) => this.#options.memoryOfTree(pid) ?? 0);
    const bytes = Math.max(0, ...sizes);
    if (bytes > 0) this.#estimates.set(server, { bytes, at: now });
  }

  #read(): Memory {
    const now = performance.now();
    if (this.#memory === undefined || now - this.#memory.at > READING_MS) {
      this.#memory = { read: this.#options.readMemory(), at: now };
    }
    return this.#memory.read;
  }
}

function spareOf(totalBytes: number): number {
  return Math.min(MAX_SPARE_BYTES, Math.max(MIN_SPARE_BYTES, totalBytes * SPARE_SHARE));
}
