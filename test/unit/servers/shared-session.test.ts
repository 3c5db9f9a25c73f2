import { describe, expect, jest, test } from '@jest/globals';
import {
  CredentialsRefusedError,
  DeadlineError,
  JsonRpcError,
  ServerUnavailableError,
  SessionOpenError,
} from '../../../src/errors.ts';
import type { Session, SessionEnd } from '../../../src/mcp/session.ts';
import { type SessionState, SharedSession } from '../../../src/servers/shared-session.ts';
import { waitFor } from '../../wait-for.ts';

/** The life cycle is what is tested, so the session is only its end. */
class Ending {
  end: (reason: string) => void = () => undefined;
  forget: () => void = () => undefined;
  readonly closed = new Promise<SessionEnd>((resolve) => {
    this.end = (reason) => resolve({ reason });
    this.forget = () => resolve({ reason: 'forgotten', isForgotten: true });
  });
  lastActivityAt = performance.now();
  isBusy = false;
  transportType = 'stdio';
  pingFailure: Error | undefined;
  async ping(): Promise<void> {
    if (this.pingFailure !== undefined) throw this.pingFailure;
  }
  async close(): Promise<void> {
    this.end('closed by us');
  }
  readonly session = this as unknown as Session;
}

function supervise(open: () => Promise<Session>, prepare: () => Promise<void> = async () => undefined) {
  const states: SessionState[] = [];
  const reasons: (string | undefined)[] = [];
  const faults: unknown[] = [];
  const shared: SharedSession = new SharedSession({
    server: 'time',
    open,
    prepare,
    tools: { current: undefined },
    logger: { error: (_, fields) => void faults.push(fields?.error) },
    redact: (text) => text.replaceAll('secret', '***'),
    onStateChange: (state) => {
      states.push(state);
      reasons.push(shared.why?.reason);
    },
    pingTimes: { idleMs: 20, timeoutMs: 1_000 },
  });
  return { shared, states, reasons, faults };
}

const never = new AbortController().signal;

describe('shared session', () => {
  test('is opened, and opened again at once when it ends', async () => {
    const sessions = [new Ending(), new Ending()];
    const unopened = [...sessions];
    const { shared, states } = supervise(async () => (unopened.shift() as Ending).session);
    shared.start();
    expect(await shared.whenOpen(never, 1_000)).toBe(sessions[0]?.session);
    sessions[0]?.end('ended with code 1');
    await sessions[0]?.closed;
    await Promise.resolve();
    expect(await shared.whenOpen(never, 1_000)).toBe(sessions[1]?.session);
    expect(states).toEqual(['starting', 'ready', 'backing off', 'starting', 'ready']);
    await shared.stop();
    expect(shared.state).toBe('stopped');
  });

  test('gives waiting callers our own reason when it cannot be opened in time, and admins what the server said', async () => {
    const { shared } = supervise(async () => {
      throw new JsonRpcError(-32000, 'no secret here');
    });
    shared.start();
    const error = await shared.whenOpen(never, 30).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServerUnavailableError);
    expect((error as Error).message).toMatch(/: it answered with error -32000\. Try again later\.$/);
    expect(error).toMatchObject({ detail: 'it said: no *** here' });
    await shared.stop();
  });

  test('is degraded, yet open, when its tools cannot be listed', async () => {
    const { shared } = supervise(
      async () => new Ending().session,
      async () => {
        throw new SessionOpenError('no list');
      },
    );
    shared.start();
    await shared.whenOpen(never, 1_000);
    expect([shared.state, shared.why?.reason]).toEqual(['degraded', 'no list']);
    await shared.stop();
  });

  test('reports a fault of ours, and no details of it to callers', async () => {
    const { shared, faults } = supervise(async () => {
      throw new TypeError('details');
    });
    shared.start();
    const error = await shared.whenOpen(never, 30).catch((thrown: unknown) => thrown);
    expect((error as Error).message).not.toContain('details');
    expect(faults[0]).toContain('TypeError');
    await shared.stop();
  });

  test('opens one new session however many callers found it forgotten', async () => {
    const opened: Ending[] = [];
    const { shared } = supervise(async () => {
      opened.push(new Ending());
      return (opened.at(-1) as Ending).session;
    });
    shared.start();
    const first = await shared.whenOpen(never, 1_000);
    opened[0]?.forget();
    await opened[0]?.closed;
    const found = await Promise.all([1, 2, 3, 4, 5].map(() => shared.whenOpen(never, 1_000)));
    expect(new Set(found).size).toBe(1);
    expect(found[0]).not.toBe(first);
    expect(opened).toHaveLength(2);
    await shared.stop();
  });

  test('ends an opening that is stopped midway and leaves no session behind', async () => {
    const late = new Ending();
    let arrive: (session: Session) => void = () => undefined;
    const { shared } = supervise(() => new Promise((resolve) => (arrive = resolve)));
    shared.start();
    await Promise.resolve();
    const stopped = shared.stop();
    await Promise.resolve();
    arrive(late.session);
    await stopped;
    expect(await late.closed).toEqual({ reason: 'closed by us' });
  });

  test('that does not answer a ping is ended and opened anew', async () => {
    const sessions = [new Ending(), new Ending()];
    const unopened = [...sessions];
    const { shared, states, reasons } = supervise(async () => (unopened.shift() as Ending).session);
    shared.start();
    const first = await shared.whenOpen(never, 1_000);
    (sessions[0] as Ending).pingFailure = new DeadlineError('no answer');
    await waitFor(() => shared.session !== first);
    expect(await shared.whenOpen(never, 1_000)).toBe(sessions[1]?.session);
    expect(await sessions[0]?.closed).toEqual({ reason: 'closed by us' });
    expect(states).toEqual(['starting', 'ready', 'backing off', 'starting', 'ready']);
    expect(reasons[2]).toBe('it did not answer a ping within 1 s');
    await shared.stop();
  });

  test('whose credentials are refused on a ping says so, keeps going, and is ready when they are taken again', async () => {
    const ending = new Ending();
    const { shared, states } = supervise(async () => ending.session);
    shared.start();
    await shared.whenOpen(never, 1_000);
    ending.pingFailure = new CredentialsRefusedError('it refused the secret');
    await waitFor(() => shared.state === 'degraded');
    expect([shared.why?.reason, shared.session]).toEqual(['it refused the secret', ending.session]);
    ending.pingFailure = undefined;
    await waitFor(() => shared.state === 'ready');
    expect([states, shared.why?.reason]).toEqual([['starting', 'ready', 'degraded', 'ready'], undefined]);
    await shared.stop();
  });

  test('whose tools could not be listed at first is ready when they can be', async () => {
    let tries = 0;
    const prepare = async () => {
      tries += 1;
      if (tries < 3) throw new SessionOpenError('no list');
    };
    const { shared, states } = supervise(async () => new Ending().session, prepare);
    shared.start();
    await waitFor(() => shared.state === 'ready');
    expect(states).toEqual(['starting', 'degraded', 'ready']);
    await shared.stop();
  });

  test('that is forgotten is replaced at once, however often, and never counted as failing', async () => {
    let current = new Ending();
    const { shared, states } = supervise(async () => {
      current = new Ending();
      return current.session;
    });
    shared.start();
    for (let time = 0; time < 8; time++) {
      const session = await shared.whenOpen(never, 1_000);
      current.forget();
      await current.closed;
      expect(await shared.whenOpen(never, 100)).not.toBe(session);
    }
    expect(new Set(states)).toEqual(new Set(['starting', 'ready']));
    await shared.stop();
  });

  test.each([
    { transportType: 'streamable-http', triedByCall: true },
    { transportType: 'stdio', triedByCall: false },
  ])('that failed is tried by a call: $triedByCall for $transportType', async ({ transportType, triedByCall }) => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      let isThere = true;
      let opened = 0;
      let current = new Ending();
      const { shared } = supervise(async () => {
        opened += 1;
        if (!isThere) throw new SessionOpenError('gone');
        current = new Ending();
        current.transportType = transportType;
        return current.session;
      });
      shared.start();
      await shared.whenOpen(never, 1_000);
      isThere = false;
      current.end('gone');
      await jest.advanceTimersByTimeAsync(6_000);
      expect([shared.state, opened]).toEqual(['failed', 5]);
      expect(await shared.whenOpen(never, 100).catch((error: unknown) => error)).toBeInstanceOf(ServerUnavailableError);
      expect(opened).toBe(5);
      await jest.advanceTimersByTimeAsync(5_000);
      isThere = true;
      const found = await shared.whenOpen(never, 100).catch(() => undefined);
      expect([found !== undefined, opened]).toEqual([triedByCall, triedByCall ? 6 : 5]);
      await shared.stop();
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('the times of a shared session', () => {
  test('a failure lasts since the first of the tries, and says when the next one is; what works lasts since then', async () => {
    let opens = 0;
    const ending = new Ending();
    const { shared, states } = supervise(async () => {
      opens += 1;
      if (opens <= 2) throw new SessionOpenError('not there');
      return ending.session;
    });
    const startedAt = Date.now();
    shared.start();
    await waitFor(() => opens === 1 && shared.state === 'backing off');
    const { since: failingSince, nextTryAt } = shared.times;
    expect(failingSince).toBeGreaterThanOrEqual(startedAt);
    expect(nextTryAt).toBeGreaterThanOrEqual(startedAt);
    await waitFor(() => opens === 2 && shared.state === 'backing off');
    expect(shared.times.since).toBe(failingSince);
    expect(shared.times.nextTryAt).toBeGreaterThan(Number(nextTryAt));
    await waitFor(() => states.at(-1) === 'ready');
    expect(shared.times.nextTryAt).toBeUndefined();
    expect(shared.times.since).toBeGreaterThanOrEqual(Number(failingSince));
    await shared.stop();
    expect(shared.times.nextTryAt).toBeUndefined();
  });
});
