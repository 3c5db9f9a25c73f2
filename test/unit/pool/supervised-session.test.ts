import { describe, expect, test } from '@jest/globals';
import { ServerUnavailableError, SessionOpenError } from '../../../src/errors.ts';
import type { Session, SessionEnd } from '../../../src/mcp/session.ts';
import { type SessionState, SupervisedSession } from '../../../src/pool/supervised-session.ts';

/** The life cycle is what is tested, so the session is only its end. */
class Ending {
  end: (reason: string) => void = () => undefined;
  readonly closed = new Promise<SessionEnd>((resolve) => {
    this.end = (reason) => resolve({ reason });
  });
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
    sessions[0]?.end('exited with code 1');
    await sessions[0]?.closed;
    await Promise.resolve();
    expect(await supervised.whenOpen(1_000, never)).toBe(sessions[1]?.session);
    expect(states).toEqual(['starting', 'ready', 'backing off', 'starting', 'ready']);
    await supervised.stop();
    expect(supervised.state).toBe('stopped');
  });

  test('tells waiting callers the redacted reason when it cannot be opened in time', async () => {
    const { supervised } = supervise(async () => {
      throw new SessionOpenError('no secret here');
    });
    supervised.start();
    const error = await supervised.whenOpen(30, never).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServerUnavailableError);
    expect((error as Error).message).toContain('no *** here');
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
    expect([supervised.state, supervised.reason]).toEqual(['degraded', 'no list']);
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
});
