import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ConnectionLostError, CredentialsRefusedError, DeadlineError, JsonRpcError } from '../../../src/errors.ts';
import { IdleWatch, type PingTimes, type PingVerdict } from '../../../src/servers/idle-watch.ts';

const times: PingTimes = { idleMs: 20, timeoutMs: 1_000 };
/** No ping of `times` is due later than this after the last activity. */
const DUE_MS = 30;
const watches: IdleWatch[] = [];

beforeEach(() => void jest.useFakeTimers());

afterEach(() => {
  for (const watch of watches.splice(0)) watch.stop();
  jest.useRealTimers();
});

/** The watch is what is tested, so the session is only its answers to pings. */
function watch(ping: (session: { lastActivityAt: number; isBusy: boolean }) => Promise<void>, pingTimes = times) {
  const verdicts: PingVerdict[] = [];
  const session = { lastActivityAt: performance.now(), isBusy: false, pings: 0, pingedAt: 0 };
  const watched = Object.assign(session, {
    ping: () => {
      session.pings += 1;
      session.pingedAt = performance.now();
      return ping(session);
    },
  });
  watches.push(new IdleWatch(watched, (verdict) => void verdicts.push(verdict), pingTimes));
  return { session, verdicts };
}

/** Lets time pass for everything that is being watched. */
const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

/** As a server does that takes so long to answer. */
const answerAfter = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe('an idle session', () => {
  test('is pinged after its time and not before, again and again', async () => {
    const { session, verdicts } = watch(async () => undefined);
    await pass(times.idleMs - 1);
    expect(session.pings).toBe(0);
    await pass(DUE_MS - times.idleMs + 1);
    expect(session.pings).toBe(1);
    await pass(2 * DUE_MS);
    expect(session.pings).toBeGreaterThanOrEqual(3);
    expect(verdicts[0]).toEqual({ kind: 'alive' });
  });

  test.each([
    [new JsonRpcError(-32601, 'Method not found'), { kind: 'alive' }],
    [new CredentialsRefusedError('refused'), { kind: 'refused', reason: 'refused' }],
    [new DeadlineError('late'), { kind: 'dead', reason: 'it did not answer a ping within 1 s' }],
    [new ConnectionLostError('It was lost.'), { kind: 'dead', reason: 'a ping failed: It was lost' }],
  ])('whose ping fails with %s is judged by that', async (failure, verdict) => {
    const { verdicts, session } = watch(() => Promise.reject(failure));
    await pass(DUE_MS);
    expect(verdicts[0]).toEqual(verdict);
    await pass(4 * DUE_MS);
    expect(session.pings > 1).toBe(verdict.kind !== 'dead');
  });

  test('is not pinged while it is busy or has traffic', async () => {
    const { session } = watch(async () => undefined);
    session.isBusy = true;
    await pass(4 * DUE_MS);
    expect(session.pings).toBe(0);
    session.isBusy = false;
    for (let turn = 0; turn < 80; turn += 1) {
      session.lastActivityAt = performance.now();
      await pass(1);
    }
    expect(session.pings).toBe(0);
    await pass(2 * DUE_MS);
    expect(session.pings).toBeGreaterThan(0);
  });

  test.each(['busy', 'heard'])('that is %s when its ping fails is not judged by it', async (how) => {
    const { session, verdicts } = watch(async (asked) => {
      if (how === 'busy') asked.isBusy = true;
      else asked.lastActivityAt = performance.now() + 1;
      throw new DeadlineError('late');
    });
    await pass(DUE_MS);
    expect(session.pings).toBe(1);
    expect(verdicts).toEqual([]);
  });

  test('is not judged by a ping that ended long after its time, as when the machine slept', async () => {
    let sleepMs = 60;
    const { session, verdicts } = watch(
      async () => {
        await answerAfter(sleepMs);
        throw new DeadlineError('late');
      },
      { idleMs: 20, timeoutMs: 30 },
    );
    await pass(DUE_MS + sleepMs + DUE_MS);
    expect(session.pings).toBe(2);
    expect(verdicts).toEqual([]);
    sleepMs = 0;
    await pass(60 + 2 * DUE_MS);
    expect(verdicts.map(({ kind }) => kind)).toEqual(['dead']);
  });
});

test('a thousand sessions that are due in one moment are not pinged in one moment', async () => {
  let asked = 0;
  let open = 0;
  let most = 0;
  for (let index = 0; index < 1_000; index++) {
    watch(
      async () => {
        asked += 1;
        open += 1;
        most = Math.max(most, open);
        await answerAfter(1);
        open -= 1;
      },
      { idleMs: 1, timeoutMs: 20 },
    );
  }
  await pass(100);
  expect(asked).toBeGreaterThan(200);
  expect(most).toBeLessThanOrEqual(32);
});
