import { describe, expect, jest, test } from '@jest/globals';
import {
  CredentialsRefusedError,
  DeadlineError,
  JsonRpcError,
  ServerUnavailableError,
  SessionOpenError,
} from '../../../src/errors.ts';
import type { Session, SessionEnd } from '../../../src/mcp/session.ts';
import { type SessionState, SupervisedSession } from '../../../src/servers/supervised-session.ts';
import { until } from './fake-sessions.ts';

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
  const faults: unknown[] = [];
  const supervised = new SupervisedSession({
    server: 'time',
    open,
    prepare,
    onFault: (error) => void faults.push(error),
    redact: (text) => text.replaceAll('secret', '***'),
    onStateChange: (state) => void states.push(state),
    pingTimes: { idleMs: 20, timeoutMs: 1_000 },
  });
  return { supervised, states, faults };
}

const never = new AbortController().signal;

describe('supervised session', () => {
  test('is opened, and opened again at once when it ends', async () => {
    const sessions = [new Ending(), new Ending()];
    const unopened = [...sessions];
    const { supervised, states } = supervise(async () => (unopened.shift() as Ending).session);
    supervised.start();
    expect(await supervised.whenOpen(1_000, never)).toBe(sessions[0]?.session);
    sessions[0]?.end('ended with code 1');
    await sessions[0]?.closed;
    await Promise.resolve();
    expect(await supervised.whenOpen(1_000, never)).toBe(sessions[1]?.session);
    expect(states).toEqual(['starting', 'ready', 'backing off', 'starting', 'ready']);
    await supervised.stop();
    expect(supervised.state).toBe('stopped');
  });

  test('gives waiting callers our own reason when it cannot be opened in time, and admins what the server said', async () => {
    const { supervised } = supervise(async () => {
      throw new JsonRpcError(-32000, 'no secret here');
    });
    supervised.start();
    const error = await supervised.whenOpen(30, never).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServerUnavailableError);
    expect((error as Error).message).toMatch(/: it answered with error -32000\. Try again later\.$/);
    expect(error).toMatchObject({ detail: 'it said: no *** here' });
    await supervised.stop();
  });

  test('is degraded, yet open, when its tools cannot be listed', async () => {
    const { supervised } = supervise(
      async () => new Ending().session,
      async () => {
        throw new SessionOpenError('no list');
      },
    );
    supervised.start();
    await supervised.whenOpen(1_000, never);
    expect([supervised.state, supervised.why?.reason]).toEqual(['degraded', 'no list']);
    await supervised.stop();
  });

  test('reports a fault of ours and tells callers no details of it', async () => {
    const { supervised, faults } = supervise(async () => {
      throw new TypeError('details');
    });
    supervised.start();
    const error = await supervised.whenOpen(30, never).catch((thrown: unknown) => thrown);
    expect((error as Error).message).not.toContain('details');
    expect(faults[0]).toBeInstanceOf(TypeError);
    await supervised.stop();
  });

  test('opens one new session however many callers found it forgotten', async () => {
    let opened = 0;
    const { supervised } = supervise(async () => {
      opened += 1;
      return new Ending().session;
    });
    supervised.start();
    const first = await supervised.whenOpen(1_000, never);
    for (let caller = 0; caller < 5; caller++) supervised.replace(first);
    expect(await supervised.whenOpen(1_000, never)).not.toBe(first);
    expect(opened).toBe(2);
    await supervised.stop();
  });

  test('ends an opening that is stopped midway and leaves no session behind', async () => {
    const late = new Ending();
    let arrive: (session: Session) => void = () => undefined;
    const { supervised } = supervise(() => new Promise((resolve) => (arrive = resolve)));
    supervised.start();
    await Promise.resolve();
    const stopped = supervised.stop();
    await Promise.resolve();
    arrive(late.session);
    await stopped;
    expect(await late.closed).toEqual({ reason: 'closed by us' });
  });

  test('that does not answer a ping is ended and opened anew', async () => {
    const sessions = [new Ending(), new Ending()];
    const unopened = [...sessions];
    const { supervised, states } = supervise(async () => (unopened.shift() as Ending).session);
    supervised.start();
    const first = await supervised.whenOpen(1_000, never);
    (sessions[0] as Ending).pingFailure = new DeadlineError('no answer');
    await until(() => supervised.session !== first);
    expect([supervised.state, supervised.why?.reason]).toEqual(['backing off', 'it did not answer a ping within 1 s']);
    expect(await supervised.whenOpen(1_000, never)).toBe(sessions[1]?.session);
    expect(await sessions[0]?.closed).toEqual({ reason: 'closed by us' });
    expect(states).toEqual(['starting', 'ready', 'backing off', 'starting', 'ready']);
    await supervised.stop();
  });

  test('whose credentials are refused on a ping says so, keeps going, and is ready when they are taken again', async () => {
    const ending = new Ending();
    const { supervised, states } = supervise(async () => ending.session);
    supervised.start();
    await supervised.whenOpen(1_000, never);
    ending.pingFailure = new CredentialsRefusedError('it refused the secret');
    await until(() => supervised.state === 'degraded');
    expect([supervised.why?.reason, supervised.session]).toEqual(['it refused the secret', ending.session]);
    ending.pingFailure = undefined;
    await until(() => supervised.state === 'ready');
    expect([states, supervised.why?.reason]).toEqual([['starting', 'ready', 'degraded', 'ready'], undefined]);
    await supervised.stop();
  });

  test('whose tools could not be listed at first is ready when they can be', async () => {
    let tries = 0;
    const prepare = async () => {
      tries += 1;
      if (tries < 3) throw new SessionOpenError('no list');
    };
    const { supervised, states } = supervise(async () => new Ending().session, prepare);
    supervised.start();
    await until(() => supervised.state === 'ready');
    expect(states).toEqual(['starting', 'degraded', 'ready']);
    await supervised.stop();
  });

  test('that is forgotten is replaced at once, however often, and never counted as failing', async () => {
    let current = new Ending();
    const { supervised, states } = supervise(async () => {
      current = new Ending();
      return current.session;
    });
    supervised.start();
    for (let time = 0; time < 8; time++) {
      const session = await supervised.whenOpen(1_000, never);
      current.forget();
      await current.closed;
      expect(await supervised.whenOpen(100, never)).not.toBe(session);
    }
    expect(new Set(states)).toEqual(new Set(['starting', 'ready']));
    await supervised.stop();
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
      const { supervised } = supervise(async () => {
        opened += 1;
        if (!isThere) throw new SessionOpenError('gone');
        current = new Ending();
        current.transportType = transportType;
        return current.session;
      });
      supervised.start();
      await supervised.whenOpen(1_000, never);
      isThere = false;
      current.end('gone');
      await jest.advanceTimersByTimeAsync(6_000);
      expect([supervised.state, opened]).toEqual(['failed', 5]);
      expect(await supervised.whenOpen(100, never).catch((error: unknown) => error)).toBeInstanceOf(
        ServerUnavailableError,
      );
      expect(opened).toBe(5);
      await jest.advanceTimersByTimeAsync(5_000);
      isThere = true;
      const found = await supervised.whenOpen(100, never).catch(() => undefined);
      expect([found !== undefined, opened]).toEqual([triedByCall, triedByCall ? 6 : 5]);
      await supervised.stop();
    } finally {
      jest.useRealTimers();
    }
  });
});
