import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../mcp/session.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { CatalogueSource } from './catalogue.ts';
import { redactError } from './failure-reason.ts';
import { Waiters } from './waiters.ts';

/** Between two reads that a server's announcements ask for: one that announces all the time is not read all the time. */
const MIN_INTERVAL_MS = 1_000;

export interface ToolListReading {
  /** The server's name, for the log. */
  readonly server: string;
  readonly logger: Pick<Logger, 'warn'>;
  readonly redact: Redact;
  /** Reads the list and takes it over. */
  readonly read: () => Promise<void>;
}

/** Reads what a session says of its server. Throws `ServiceError`s. */
export async function readSource(session: Session, signal: AbortSignal): Promise<CatalogueSource> {
  const { serverInfo, instructions } = session;
  return { serverInfo, instructions, list: await session.listTools(signal) };
}

/**
 * Reads a session's list of tools now, up to `maxReads` times while it changes, and whenever the server announces a
 * change until the session ends. Throws what the first reading throws; later failures are logged.
 */
export async function followToolList(session: Session, reading: ToolListReading, maxReads = 1): Promise<void> {
  const changes = new Waiters();
  const ended = new AbortController();
  let isChanged = false;
  session.onToolsChanged(() => {
    isChanged = true;
    changes.wake();
  });
  void session.closed.then(() => ended.abort());
  for (let reads = 0; reads === 0 || (isChanged && reads < maxReads); reads++) {
    isChanged = false;
    await reading.read();
  }
  void readChanges(ended.signal);

  /** One read at a time, so that no older answer comes after a newer one; announcements meanwhile lead to one more. */
  async function readChanges(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await changes.until(() => isChanged, Number.POSITIVE_INFINITY, signal);
      if (signal.aborted) return;
      isChanged = false;
      await reading.read().catch((error: unknown) => signal.aborted || warn(error, reading));
      await sleep(MIN_INTERVAL_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
}

function warn(error: unknown, { server, logger, redact }: ToolListReading): void {
  const clean = redactError(error, redact);
  const reason = clean instanceof Error ? clean.message : 'unknown';
  logger.warn('the changed list of tools could not be read', { server, reason });
}
