import { describe, expect, test } from '@jest/globals';
import type { Memory } from '../../../src/process/memory.ts';
import { type QuotaHolder, SessionQuota } from '../../../src/servers/session-quota.ts';
import { deriveMaxProcesses, StartBudget } from '../../../src/servers/start-budget.ts';
import { waitFor } from '../../wait-for.ts';

const MIB = 1024 * 1024;
const LIMITS = { maxSessions: 1_000, maxSessionsPerUser: 20 };

/** A session of a process, as the quota sees it. */
class FakeHolder implements QuotaHolder {
  readonly server = { name: 'jira', maxSessions: undefined };
  readonly isProcess: boolean = true;
  readonly pid = 1;
  isIdle = false;
  lastUsedAt = 0;
  state: 'waiting' | 'starting' | 'ready' | 'ended' = 'waiting';

  constructor(
    readonly user: string,
    readonly quota: SessionQuota,
  ) {}

  admit(): void {
    this.state = 'starting';
  }

  open(): void {
    this.state = 'ready';
    this.quota.noteOpen(this);
  }

  async end(): Promise<void> {
    this.state = 'ended';
    this.isIdle = false;
    this.quota.leave(this);
  }
}

function setUp(availableMib: number | undefined, { maxStarting = 4, maxProcesses = 1_000, each = 100 } = {}) {
  const memory = { free: availableMib };
  const shortOf: string[] = [];
  const readMemory = (): Memory => ({
    totalBytes: 2_000 * MIB,
    availableBytes: memory.free === undefined ? undefined : memory.free * MIB,
  });
  const budget = new StartBudget({ maxStarting, readMemory, memoryOfTree: () => each * MIB });
  const quota = new SessionQuota({ ...LIMITS, maxProcesses }, budget, (server) => shortOf.push(server));
  const enter = (user: string) => {
    const holder = new FakeHolder(user, quota);
    quota.enter(holder);
    return holder;
  };
  return { memory, quota, enter, shortOf };
}

describe('starts', () => {
  test('so many at once, the others in order as those are open', () => {
    const { enter } = setUp(undefined);
    const all = Array.from({ length: 8 }, (_, index) => enter(`user ${index}`));
    expect(all.map(({ state }) => state)).toEqual([...Array(4).fill('starting'), ...Array(4).fill('waiting')]);
    all[2]?.open();
    expect(all.map(({ state }) => state).slice(2, 6)).toEqual(['ready', 'starting', 'starting', 'waiting']);
    // One that fails to open makes room, too.
    void all[0]?.end();
    expect(all[5]?.state).toBe('starting');
  });

  test('of one user never take all places', () => {
    const { enter } = setUp(undefined);
    const many = Array.from({ length: 6 }, () => enter('eager'));
    expect(many.filter(({ state }) => state === 'starting')).toHaveLength(3);
    expect(enter('another').state).toBe('starting');
  });

  test('of remote servers do not count', () => {
    const { quota } = setUp(undefined, { maxStarting: 1 });
    const remote = (user: string) => Object.assign(new FakeHolder(user, quota), { isProcess: false });
    const all = ['a', 'b', 'c'].map(remote);
    for (const one of all) quota.enter(one);
    expect(all.map(({ state }) => state)).toEqual(['starting', 'starting', 'starting']);
  });
});

describe('memory', () => {
  test('that is short lets sessions wait with a reason, and starts them once there is enough', async () => {
    const { memory, quota, enter, shortOf } = setUp(290, { each: 100 });
    const first = enter('a');
    first.open();
    const second = enter('b');
    // Of 290 MiB 100 are always spare, and one was measured to need 100.
    expect(second.state).toBe('starting');
    const third = enter('c');
    expect([third.state, shortOf.length > 0]).toEqual(['waiting', true]);
    expect(quota.unavailable(third)).toMatchObject({
      message: 'There is not enough memory for another session of server "jira". Try again later.',
      retryAfterSeconds: 5,
    });
    memory.free = 900;
    await waitFor(() => third.state === 'starting', 5_000, 'the third to start');
    quota.stop();
  });

  test('that is short evicts idle processes, the least recently used first, and never one in use', async () => {
    const { enter, quota } = setUp(150);
    const busy = enter('a');
    busy.open();
    const waiting = enter('b');
    expect([busy.state, waiting.state]).toEqual(['ready', 'waiting']);
    busy.isIdle = true;
    quota.noteIdle(busy);
    expect(busy.state).toBe('ended');
    // It is the only one now: refusing it would help nobody.
    expect(waiting.state).toBe('starting');
    quota.stop();
  });

  test('does not count where the system gives no figures', () => {
    const { enter } = setUp(undefined, { maxStarting: 100 });
    const all = Array.from({ length: 50 }, (_, index) => enter(`user ${index}`));
    expect(all.every(({ state }) => state === 'starting')).toBe(true);
  });
});

describe('the number of processes of a server', () => {
  test('follows from the memory, and is not below twenty', () => {
    const numbers = [256, 2_048, 8_192, 32_768].map((mib) => deriveMaxProcesses({ totalBytes: mib * MIB }));
    expect(numbers).toEqual([20, 38, 153, 614]);
  });

  test('is the cap of a server that says nothing', () => {
    const { enter, quota } = setUp(undefined, { maxProcesses: 2, maxStarting: 100 });
    const all = ['a', 'b', 'c'].map(enter);
    expect(all.map(({ state }) => state)).toEqual(['starting', 'starting', 'waiting']);
    expect(quota.unavailable(all[2] as FakeHolder).message).toContain('All 2 sessions that server "jira" may have');
  });
});
