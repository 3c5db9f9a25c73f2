import { describe, expect, test } from '@jest/globals';
import { CallCancelledError, ServerUnavailableError } from '../../../src/errors.ts';
import { SessionQuota } from '../../../src/servers/session-quota.ts';
import { waitFor } from '../../wait-for.ts';
import { FakeFactory, fakePool, never, thrownBy, toUserId } from './fake-sessions.ts';

const user = (name: string | number) => ['iss', `user ${name}`];

describe('the quota of sessions', () => {
  test.each([
    ['server', { maxSessions: 7 }],
    ['all', { limits: { maxSessions: 7, maxSessionsPerUser: 20 } }],
  ])(
    'is never exceeded, by the cap of %s, while 500 users call, and every call gets its own session',
    async (_cap, options) => {
      const { acquire, factory, quota } = fakePool({
        limits: { maxSessions: 1_000, maxSessionsPerUser: 20 },
        ...options,
      });
      const calls = Array.from({ length: 500 }, async (_, index) => {
        try {
          const lease = await acquire(user(index), `token ${index}`);
          const { who } = await lease.whenOpen(never);
          await factory.pause();
          lease.release();
          return who === `iss/user ${index} token ${index}` ? 'right' : 'wrong';
        } catch (error) {
          return error instanceof ServerUnavailableError ? 'refused' : 'failed';
        }
      });
      const results = await Promise.all(calls);
      expect(factory.maxAlive).toBe(7);
      expect(new Set(results)).toEqual(new Set(_cap === 'all' ? ['right', 'refused'] : ['right']));
      // Seven are admitted and 128 may wait, however low the cap is.
      if (_cap === 'all') expect(results.filter((result) => result === 'right')).toHaveLength(135);
      expect(quota.size).toBe(7);
    },
  );

  test('counts over all servers, so that a user has no more than their share', async () => {
    const quota = new SessionQuota({ maxSessions: 100, maxSessionsPerUser: 2 });
    const factory = new FakeFactory();
    const pools = ['a', 'b', 'c'].map((server) => fakePool({ server, quota, factory, waitMs: 200 }));
    const [one, two, three] = pools;
    await one?.acquire(user(1));
    const second = await two?.acquire(user(1));
    const error = await thrownBy(three?.acquire(user(1)) ?? Promise.resolve());
    expect(error).toBeInstanceOf(ServerUnavailableError);
    expect(error.message).toBe('All 2 sessions that a user may have at once are busy. Try again later.');
    await three?.acquire(user(2));
    second?.release();
    await three?.acquire(user(1));
    expect([...factory.alive].map(({ who }) => who)).toHaveLength(3);
  });

  test("evicts the least recently used idle session, a user's own where the cap is the user's", async () => {
    const { acquire, factory } = fakePool({ limits: { maxSessions: 3, maxSessionsPerUser: 2 } });
    const names = () => [...factory.alive].map(({ who }) => who);
    const chat = (name: string) => [...user(1), name];
    const oldest = await acquire(user(2));
    oldest.release();
    for (const name of ['first', 'second']) {
      const before = Date.now();
      await waitFor(() => Date.now() > before);
      (await acquire(chat(name))).release();
    }
    await (await acquire(chat('third'))).whenOpen(never);
    expect(names()).toEqual(['iss/user 2 token', 'iss/user 1/second token', 'iss/user 1/third token']);
    await (await acquire(user(3))).whenOpen(never);
    expect(names()).toEqual(['iss/user 1/second token', 'iss/user 1/third token', 'iss/user 3 token']);
  });

  test('evicts no session in use: new ones wait, and leave the queue in time or with their caller', async () => {
    const { acquire, factory, quota } = fakePool({ maxSessions: 1, waitMs: 50 });
    const busy = await acquire(user(1));
    const error = await thrownBy(acquire(user(2)));
    expect(error.message).toBe('All 1 sessions that server "jira" may have at once are busy. Try again later.');
    const leaving = new AbortController();
    const left = thrownBy(acquire(user(3), 'token', leaving.signal));
    leaving.abort();
    expect(await left).toBeInstanceOf(CallCancelledError);
    busy.release();
    await waitFor(() => quota.size === 1);
    expect(factory.opened).toHaveLength(1);
    expect((await (await acquire(user(4))).whenOpen(never)).who).toBe('iss/user 4 token');
  });

  test('admits in order of arrival, also after a session that ended by itself', async () => {
    const { acquire, factory } = fakePool({ maxSessions: 1 });
    const busy = await acquire(user(1));
    const order: number[] = [];
    const waiting = [2, 3, 4].map(async (name) => {
      const lease = await acquire(user(name));
      order.push(name);
      lease.release();
    });
    (await busy.whenOpen(never)).crash('gone');
    busy.release();
    await Promise.all(waiting);
    expect(order).toEqual([2, 3, 4]);
    expect(factory.maxAlive).toBe(1);
  });

  test('does not admit a session whose callers have left', async () => {
    const { acquire, factory, pool, quota } = fakePool({ maxSessions: 1 });
    const busy = await acquire(user(1));
    const leaving = new AbortController();
    const left = thrownBy(acquire(user(2), 'token', leaving.signal));
    const next = acquire(user(3));
    await factory.pause();
    leaving.abort();
    await left;
    busy.release();
    await (await next).whenOpen(never);
    expect(factory.opened.map(({ who }) => who)).toEqual(['iss/user 1 token', 'iss/user 3 token']);
    await pool.stop();
    expect(quota.size).toBe(0);
  });

  test('starts no session that was ended while it waited, even if it is admitted in the same moment', async () => {
    const { acquire, factory, pool, quota } = fakePool({ maxSessions: 1 });
    const busy = {
      server: { name: 'jira', maxSessions: 1 },
      user: 'another',
      isProcess: false,
      pid: undefined,
      isIdle: false,
      lastUsedAt: 0,
      admit: () => undefined,
      end: async () => undefined,
    };
    quota.enter(busy);
    const waiting = acquire(user(1));
    await factory.pause();
    const ended = pool.endOwned(toUserId(user(1)));
    quota.leave(busy);
    await ended;
    // The call goes on with a session of its user's new settings, and that is the only one.
    await (await waiting).whenOpen(never);
    expect([factory.opened.length, quota.size]).toEqual([1, 1]);
  });
});
