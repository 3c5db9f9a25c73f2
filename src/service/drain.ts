import type { Server } from 'node:http';
import { Server as TcpServer } from 'node:net';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { Settings } from '../config/settings.ts';
import type { RunningCalls } from '../http/tool-call/running-calls.ts';
import type { Logger } from '../telemetry/logger.ts';

/** How long the answers to calls that were cut off may take to leave. */
const LAST_ANSWERS_MS = 1_000;
/** After the port is closed, for requests on connections that proxies have kept. */
const LAST_REQUESTS_MS = 1_000;

/** Where connections come faster than they are accepted, the port is closed all the same. */
const MAX_TURNS = 2_000;

interface Draining {
  readonly calls: RunningCalls;
  readonly server: Server;
  /** Ends every session, with which the calls on it end. */
  readonly registry: { stop(): Promise<void> };
  readonly settings: Pick<Settings, 'preStopMs' | 'drainTimeMs'>;
  readonly logger: Logger;
}

/**
 * Lets the service go without a call lost. It is not ready at once, and calls are accepted for `preStopMs`, in which load
 * balancers notice. Then the port is closed, because a proxy passes a refused connection on to another replica, but not an
 * answer of 503, since it does not know that the call has not run; connections that it has kept are told to close with their
 * next answer. Running calls have `drainTimeMs`; those that are left are answered with 502, since their sessions end. Without a
 * `preStopMs` the port stays open to the end, for those who ask /readyz, and new calls are refused with 503. Takes no longer than
 * both times, `LAST_REQUESTS_MS`, `LAST_ANSWERS_MS` and the end of the child processes, which is under three seconds.
 */
export async function drain({ calls, server, registry, settings, logger }: Draining): Promise<void> {
  const { preStopMs, drainTimeMs } = settings;
  calls.leave();
  if (preStopMs > 0) {
    logger.info('not ready any more; calls are still accepted', { seconds: preStopMs / 1_000 });
    await delay(preStopMs);
    calls.closeConnections();
    await acceptWaiting(server);
    // Not the method of `http.Server`, which closes idle connections as well, under a request that is on its way.
    TcpServer.prototype.close.call(server);
    await delay(LAST_REQUESTS_MS);
  }
  const areAnswered = calls.drain(drainTimeMs, { isPortClosed: preStopMs > 0 });
  server.closeIdleConnections();
  if (await areAnswered) return;
  logger.warn('calls still running at the end of the drain time were cut off', { calls: calls.running });
  const lastAnswers = calls.drain(LAST_ANSWERS_MS);
  calls.cutOff();
  await Promise.all([registry.stop(), lastAnswers]);
}

/**
 * Resolves when no connection waits to be accepted: the system resets those when the port closes. Node accepts one in each turn
 * of its event loop (libuv since 1.45), so after a turn without one there are none.
 */
async function acceptWaiting(server: Server): Promise<void> {
  let accepted = 0;
  const count = () => {
    accepted += 1;
  };
  server.on('connection', count);
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const before = accepted;
    await nextTurn();
    if (accepted === before) break;
  }
  server.off('connection', count);
}
