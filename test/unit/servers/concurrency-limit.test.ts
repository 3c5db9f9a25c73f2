import { describe, expect, test } from '@jest/globals';
import { CallCancelledError, ServerUnavailableError } from '../../../src/errors.ts';
import { ConcurrencyLimit } from '../../../src/servers/concurrency-limit.ts';

const never = () => new AbortController().signal;

function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe('concurrency limit', () => {
  test('runs no more than allowed at once, and all of them in the end', async () => {
    const limit = new ConcurrencyLimit('s', { maxConcurrency: 2, maxConcurrencyPerUser: 2 });
    const { open, opened } = gate();
    let running = 0;
    let most = 0;
    const runs = Array.from({ length: 10 }, () =>
      limit.run('ann', never(), async () => {
        most = Math.max(most, ++running);
        await opened;
        running -= 1;
        return 1;
      }),
    );
    open();
    expect(await Promise.all(runs)).toHaveLength(10);
    expect(most).toBe(2);
  });

  test('refuses what the queue cannot hold, and lets a caller leave the queue', async () => {
    const limit = new ConcurrencyLimit('s', { maxConcurrency: 1, maxConcurrencyPerUser: 1 });
    const { open, opened } = gate();
    const leaving = new AbortController();
    const first = limit.run('ann', never(), () => opened);
    const left = limit.run('ann', leaving.signal, () => opened);
    const waiting = Array.from({ length: 11 }, () => limit.run('ann', never(), () => opened));
    await expect(limit.run('ann', never(), () => opened)).rejects.toBeInstanceOf(ServerUnavailableError);
    leaving.abort();
    await expect(left).rejects.toBeInstanceOf(CallCancelledError);
    waiting.push(limit.run('ann', never(), () => opened));
    open();
    await expect(Promise.all([first, ...waiting])).resolves.toHaveLength(13);
  });

  test('one caller leaves a quarter of the places free, which is where all others run meanwhile', async () => {
    const limit = new ConcurrencyLimit('s', { maxConcurrency: 64 });
    const { open, opened } = gate();
    const hanging = Array.from({ length: 200 }, () => limit.run('ann', never(), () => opened));
    expect(limit.running).toBe(48);
    for (let call = 0; call < 50; call += 1) {
      expect(await limit.run(`user ${call % 3}`, never(), async () => call)).toBe(call);
    }
    open();
    await Promise.all(hanging);
    expect(limit.running).toBe(0);
  });

  test('never runs what was given up before its turn, not even in the moment of the turn itself', async () => {
    const limit = new ConcurrencyLimit('s', { maxConcurrency: 1, maxConcurrencyPerUser: 1 });
    const { open, opened } = gate();
    const ran: string[] = [];
    const work = (name: string) => async () => void ran.push(name);
    await expect(limit.run('ann', AbortSignal.abort(), work('gone before'))).rejects.toBeInstanceOf(CallCancelledError);
    const first = limit.run('ann', never(), () => opened);
    await expect(limit.run('ann', AbortSignal.abort(), work('gone in between'))).rejects.toBeInstanceOf(
      CallCancelledError,
    );
    const leaving = new AbortController();
    const handedOver = limit.run('ann', leaving.signal, work('handed over'));
    const next = limit.run('ann', never(), work('next'));
    // A larger limit hands the place over at once; the work begins a moment later.
    limit.resize({ maxConcurrency: 2, maxConcurrencyPerUser: 2 });
    leaving.abort();
    await expect(handedOver).rejects.toBeInstanceOf(CallCancelledError);
    await next;
    open();
    await first;
    expect([ran, limit.running]).toEqual([['next'], 0]);
  });

  test('passes the turn on when work fails', async () => {
    const limit = new ConcurrencyLimit('s', { maxConcurrency: 1, maxConcurrencyPerUser: 1 });
    const failing = limit.run('ann', never(), async () => {
      throw new Error('work');
    });
    const next = limit.run('ann', never(), async () => 'done');
    await expect(failing).rejects.toThrow('work');
    await expect(next).resolves.toBe('done');
  });

  test('lets more run at once where it is made larger, and fewer once those that run have ended', async () => {
    const limit = new ConcurrencyLimit('s', { maxConcurrency: 1, maxConcurrencyPerUser: 1 });
    const gates = Array.from({ length: 5 }, gate);
    const runs = gates.map(({ opened }) => limit.run('ann', never(), () => opened));
    expect(limit.running).toBe(1);
    limit.resize({ maxConcurrency: 3, maxConcurrencyPerUser: 3 });
    expect(limit.running).toBe(3);
    limit.resize({ maxConcurrency: 1, maxConcurrencyPerUser: 1 });
    expect(limit.running).toBe(3);
    gates[0]?.open();
    gates[1]?.open();
    await Promise.all(runs.slice(0, 2));
    expect(limit.running).toBe(1);
    for (const { open } of gates) open();
    await Promise.all(runs);
    expect(limit.running).toBe(0);
  });
});
