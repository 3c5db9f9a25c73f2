import { describe, expect, test } from '@jest/globals';
import {
  CallCancelledError,
  CredentialsRefusedError,
  DeadlineError,
  JsonRpcError,
  ServerUnavailableError,
  SessionOpenError,
} from '../../../src/errors.ts';
import { waitFor } from '../../wait-for.ts';
import { FakeFactory, type FakeSession, fakePool, never, thrownBy, toUserId } from './fake-sessions.ts';

const ann = ['iss', 'ann'];
const bob = ['iss', 'bob'];

describe('sessions of users', () => {
  test('opens one session for calls of one user that come at the same time', async () => {
    const { acquire, factory } = fakePool();
    const leases = await Promise.all(Array.from({ length: 5 }, () => acquire(ann)));
    const sessions = await Promise.all(leases.map((lease) => lease.whenOpen(never)));
    expect(new Set(sessions).size).toBe(1);
    expect(factory.opened).toHaveLength(1);
  });

  test('gives each user their own, also where names and subjects look alike', async () => {
    const { acquire } = fakePool();
    const owners = [
      ann,
      bob,
      ['iss|ann', ''],
      ['iss', '|ann'],
      ['is', 'sann'],
      ['iss', 'ann', 'chat'],
      ['iss', 'ann', ''],
    ];
    const found = await Promise.all(
      owners.map(async (owner) => (await (await acquire(owner, 'same')).whenOpen(never)).who),
    );
    expect(found).toEqual(owners.map((owner) => `${owner.join('/')} same`));
  });

  test('ends a session that is idle for long enough, and never one in use', async () => {
    const { acquire, factory } = fakePool({ idleTimeoutMs: 30 });
    const used = await acquire(ann);
    (await acquire(bob)).release();
    await waitFor(() => factory.alive.size === 1);
    expect([...factory.alive][0]?.who).toBe('iss/ann token');
    const usedSince = Date.now();
    await waitFor(() => Date.now() - usedSince > 100);
    expect(factory.alive.size).toBe(1);
    used.release();
    await waitFor(() => factory.alive.size === 0);
  });

  test('ends the older session of a user whose settings changed, after its last call', async () => {
    const { acquire, factory } = fakePool();
    const old = await acquire(ann, 'old');
    const now = await acquire(ann, 'new');
    expect((await old.whenOpen(never)).who).toBe('iss/ann old');
    expect(factory.alive.size).toBe(2);
    old.release();
    await waitFor(() => factory.alive.size === 1);
    expect([...factory.alive][0]?.who).toBe('iss/ann new');
    now.release();
  });

  test("ends one user's sessions at once, whatever runs on them, and no other user's", async () => {
    const { acquire, pool, factory } = fakePool();
    const leases = await Promise.all([acquire(ann), acquire([...ann, 'chat']), acquire(bob), acquire(['iss', 'ann2'])]);
    await pool.endOwned(toUserId(ann));
    expect([...factory.alive].map(({ who }) => who)).toEqual(['iss/bob token', 'iss/ann2 token']);
    for (const lease of leases) lease.release();
    expect((await (await acquire(ann)).whenOpen(never)).isClosed).toBe(false);
  });

  test('lets no session live that was ended while it opened: its callers go on with a new one', async () => {
    const { acquire, pool, factory } = fakePool();
    let open: () => void = () => undefined;
    factory.gate = new Promise((resolve) => {
      open = resolve;
    });
    const waiting = acquire(ann);
    await waitFor(() => factory.opened.length === 1);
    const ended = pool.endOwned(toUserId(ann));
    open();
    await ended;
    const [first, second] = factory.opened;
    expect(await (await waiting).whenOpen(never)).toBe(second);
    expect(factory.alive.has(first as FakeSession)).toBe(false);
    expect(pool.facts()).toHaveLength(1);
  });

  test('fails a call whose user changed something since it began, and opens nothing with the old values', async () => {
    const { acquire, pool, factory } = fakePool();
    const [lease, other] = [await acquire(ann, 'old'), await acquire(bob)];
    await pool.endOwned(toUserId(ann));
    expect(await thrownBy(lease.whenOpen(never))).toBeInstanceOf(ServerUnavailableError);
    (await other.whenOpen(never)).crash('ended with code 1');
    await factory.pause();
    await other.whenOpen(never);
    expect(factory.opened.map(({ who }) => who)).toEqual(['iss/ann old', 'iss/bob token', 'iss/bob token']);
    lease.release();
  });

  test('opens a new session for a call that comes while the old one ends', async () => {
    const { acquire, pool, factory } = fakePool();
    (await acquire(ann)).release();
    const ended = pool.endOwned(toUserId(ann));
    const lease = await acquire(ann);
    const session = await lease.whenOpen(never);
    await ended;
    expect(session.isClosed).toBe(false);
    expect(factory.opened).toHaveLength(2);
  });

  test('does not open a lost session again by itself, but for the next call', async () => {
    const { acquire, factory } = fakePool();
    const lease = await acquire(ann);
    (await lease.whenOpen(never)).crash('ended with code 1');
    lease.release();
    await waitFor(() => factory.alive.size === 0);
    expect(factory.opened).toHaveLength(1);
    await (await acquire(ann)).whenOpen(never);
    expect(factory.opened).toHaveLength(2);
  });

  test('opens one new session however many callers found the old one forgotten', async () => {
    const { acquire, factory } = fakePool();
    const leases = await Promise.all([acquire(ann), acquire(ann), acquire(ann)]);
    const expired = await leases[0]?.whenOpen(never);
    expired?.forget();
    await expired?.closed;
    const found = await Promise.all(leases.map((lease) => lease.whenOpen(never)));
    expect(new Set(found).size).toBe(1);
    expect(found[0]).not.toBe(expired);
    expect(factory.opened).toHaveLength(2);
  });

  test('reports to every waiting caller at once why it cannot be opened, in words of our own', async () => {
    const { acquire, factory, pool } = fakePool();
    factory.failure = new JsonRpcError(-32001, 'bad value canary');
    const errors = await Promise.all([thrownBy(acquire(ann)), thrownBy(acquire(ann))]);
    for (const error of errors) {
      expect(error).toBeInstanceOf(ServerUnavailableError);
      expect(error).toMatchObject({
        message: 'Your session with server "jira" could not be opened: it answered with error -32001. Try again later.',
        detail: 'it said: bad value [redacted]',
      });
    }
    expect(factory.opened).toHaveLength(1);
    expect(pool.facts()).toEqual([]);
  });

  test('reports refused credentials as they are, and does not try them again with every call', async () => {
    const { acquire, factory } = fakePool();
    factory.failure = new CredentialsRefusedError('refused');
    for (let call = 0; call < 20; call++) {
      expect(await thrownBy(acquire(ann))).toBeInstanceOf(CredentialsRefusedError);
    }
    expect(factory.opened).toHaveLength(2);
    await thrownBy(acquire(ann, 'another'));
    expect(factory.opened).toHaveLength(3);
  });

  test('starts no process with each call of a user whose session keeps failing, and says when to come back', async () => {
    const { acquire, factory, pool } = fakePool();
    factory.failure = new SessionOpenError('no');
    for (let call = 0; call < 20; call++) await thrownBy(acquire(ann));
    expect(factory.opened).toHaveLength(2);
    const error = await thrownBy(acquire(ann));
    expect(error).toBeInstanceOf(ServerUnavailableError);
    expect((error as ServerUnavailableError).retryAfterSeconds).toBeGreaterThanOrEqual(1);
    factory.failure = undefined;
    await pool.endOwned(toUserId(ann));
    await (await acquire(ann)).whenOpen(never);
  });

  test('reports a fault of ours, and no details of it to callers', async () => {
    const { acquire, factory, faults } = fakePool();
    factory.failure = new TypeError('details');
    expect((await thrownBy(acquire(ann))).message).not.toContain('details');
    expect(faults[0]).toContain('TypeError');
  });

  test('lets a caller go who leaves while it opens', async () => {
    const { acquire, factory, pool } = fakePool();
    factory.gate = new Promise(() => undefined);
    const leaving = new AbortController();
    const waiting = thrownBy(acquire(ann, 'token', leaving.signal));
    await waitFor(() => factory.opened.length === 1);
    leaving.abort();
    expect(await waiting).toBeInstanceOf(CallCancelledError);
    expect(pool.facts().map(({ runningCalls }) => runningCalls)).toEqual([0]);
  });

  test('lets at most 128 calls wait for one session', async () => {
    const { acquire, factory } = fakePool();
    let open: () => void = () => undefined;
    factory.gate = new Promise((resolve) => {
      open = resolve;
    });
    const calls = Array.from({ length: 200 }, () =>
      acquire(ann).then(
        () => 'open',
        () => 'refused',
      ),
    );
    await waitFor(() => factory.opened.length === 1);
    open();
    const results = await Promise.all(calls);
    expect(results.filter((result) => result === 'open')).toHaveLength(128);
  });

  test('opens nothing any more once it is closed', async () => {
    const { acquire, pool, factory } = fakePool({ factory: new FakeFactory() });
    const lease = await acquire(ann);
    await pool.stop();
    expect(factory.alive.size).toBe(0);
    expect(await thrownBy(acquire(bob))).toBeInstanceOf(ServerUnavailableError);
    lease.release();
  });

  test('pings a remote session while it is not used, and ends one that is dead without delaying its user', async () => {
    const { acquire, factory } = fakePool({ pingTimes: { idleMs: 10, timeoutMs: 1_000 } });
    factory.transportType = 'sse';
    const lease = await acquire(ann);
    const session = await lease.whenOpen(never);
    lease.release();
    await waitFor(() => session.pings > 1);
    expect(session.isClosed).toBe(false);
    for (let time = 1; time <= 6; time++) {
      factory.pingFailure = new DeadlineError('no answer');
      await waitFor(() => factory.alive.size === 0);
      factory.pingFailure = undefined;
      const next = await acquire(ann);
      next.release();
      expect(factory.opened).toHaveLength(time + 1);
    }
  });

  test('does not ping a session of a child process, nor one again that refuses the credentials', async () => {
    const { acquire, factory } = fakePool({ pingTimes: { idleMs: 10, timeoutMs: 1_000 } });
    factory.pingFailure = new CredentialsRefusedError('no');
    await acquire(ann);
    factory.transportType = 'streamable-http';
    const remote = await (await acquire(bob)).whenOpen(never);
    await waitFor(() => remote.pings === 1);
    const since = Date.now();
    await waitFor(() => Date.now() - since > 100);
    expect(factory.opened.map(({ pings }) => pings)).toEqual([0, 1]);
    expect(factory.alive.size).toBe(2);
  });

  test('does not count it as a failure, however often, that a server forgets its sessions', async () => {
    const { acquire, factory } = fakePool();
    const lease = await acquire(ann);
    for (let time = 1; time <= 8; time++) {
      const session = await lease.whenOpen(never);
      session.forget();
      await session.closed;
      expect(await lease.whenOpen(never)).not.toBe(session);
    }
    expect(factory.opened).toHaveLength(9);
  });
});
