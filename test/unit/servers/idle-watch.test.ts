import { afterEach, describe, expect, test } from '@jest/globals';
import { ConnectionLostError, CredentialsRefusedError, DeadlineError, JsonRpcError } from '../../../src/errors.ts';
import { IdleWatch, type PingTimes, type PingVerdict } from '../../../src/servers/idle-watch.ts';
import { until } from './fake-sessions.ts';

const times: PingTimes = { idleMs: 20, timeoutMs: 1_000 };
const watches: IdleWatch[] = [];

afterEach(() => {
  for (const watch of watches.splice(0)) watch.stop();
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
  watches.push(
    new IdleWatch({ session: watched, times: pingTimes, onVerdict: (verdict) => void verdicts.push(verdict) }),
  );
  return { session, verdicts };
}

function passed(ms: number): Promise<void> {
  const since = performance.now();
  return until(() => performance.now() - since > ms);
}

describe('an idle session', () => {
  test('is pinged after its time and not before, again and again', async () => {
    const { session, verdicts } = watch(async () => undefined, { idleMs: 50, timeoutMs: 1_000 });
    const since = session.lastActivityAt;
    await until(() => session.pings === 1);
    expect(session.pingedAt - since).toBeGreaterThanOrEqual(49);
    await until(() => session.pings === 3);
    expect(verdicts[0]).toEqual({ kind: 'alive' });
  });

  test.each([
    [new JsonRpcError(-32601, 'Method not found'), { kind: 'alive' }],
    [new CredentialsRefusedError('refused'), { kind: 'refused', reason: 'refused' }],
    [new DeadlineError('late'), { kind: 'dead', reason: 'it did not answer a ping within 1 s' }],
    [new ConnectionLostError('It was lost.'), { kind: 'dead', reason: 'a ping failed: It was lost' }],
  ])('whose ping fails with %s is judged by that', async (failure, verdict) => {
    const { verdicts, session } = watch(() => Promise.reject(failure));
    await until(() => verdicts.length === 1);
    expect(verdicts[0]).toEqual(verdict);
    await passed(100);
    expect(session.pings > 1).toBe(verdict.kind !== 'dead');
  });

  test('is not pinged while it is busy or has traffic', async () => {
    const { session } = watch(async () => undefined);
    session.isBusy = true;
    await passed(80);
    expect(session.pings).toBe(0);
    session.isBusy = false;
    const since = performance.now();
    while (performance.now() - since < 80) {
      session.lastActivityAt = performance.now();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(session.pings).toBe(0);
    await until(() => session.pings === 1);
  });

  test.each(['busy', 'heard'])('that is %s when its ping fails is not judged by it', async (how) => {
    const { session, verdicts } = watch(async (asked) => {
      if (how === 'busy') asked.isBusy = true;
      else asked.lastActivityAt = performance.now() + 1;
      throw new DeadlineError('late');
    });
    await until(() => session.pings === 1);
    await passed(5);
    expect(verdicts).toEqual([]);
  });

  test('is not judged by a ping that ended long after its time, as when the machine slept', async () => {
    let sleepMs = 60;
    const { session, verdicts } = watch(
      async () => {
        await passed(sleepMs);
        throw new DeadlineError('late');
      },
      { idleMs: 20, timeoutMs: 30 },
    );
    await until(() => session.pings === 2);
    expect(verdicts).toEqual([]);
    sleepMs = 0;
    await until(() => verdicts.length === 1);
    expect(verdicts[0]?.kind).toBe('dead');
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
        await passed(1);
        open -= 1;
      },
      { idleMs: 1, timeoutMs: 20 },
    );
  }
  await until(() => asked > 200);
  expect(most).toBeLessThanOrEqual(32);
});
