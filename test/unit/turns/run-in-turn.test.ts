import { describe, expect, test } from '@jest/globals';
import { FairTurns, type NoTurn } from '../../../src/turns/fair-turns.ts';

const never = () => new AbortController().signal;

function run<Result>(turns: FairTurns, name: string, signal: AbortSignal, work: () => Promise<Result>) {
  return turns.run(name, signal, work, (why: NoTurn) => new Error(why));
}

function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe('work that runs in turn', () => {
  test('runs no more than allowed at once, and all of them in the end', async () => {
    const turns = new FairTurns({ maxRunning: 2, maxRunningOfOne: 2, maxWaiting: 16 });
    const { open, opened } = gate();
    let running = 0;
    let most = 0;
    const runs = Array.from({ length: 10 }, () =>
      run(turns, 'ann', never(), async () => {
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
    const turns = new FairTurns({ maxRunning: 1, maxRunningOfOne: 1, maxWaiting: 16 });
    const { open, opened } = gate();
    const leaving = new AbortController();
    const first = run(turns, 'ann', never(), () => opened);
    const left = run(turns, 'ann', leaving.signal, () => opened);
    const waiting = Array.from({ length: 11 }, () => run(turns, 'ann', never(), () => opened));
    await expect(run(turns, 'ann', never(), () => opened)).rejects.toThrow('full-of-one');
    leaving.abort();
    await expect(left).rejects.toThrow('left');
    waiting.push(run(turns, 'ann', never(), () => opened));
    open();
    await expect(Promise.all([first, ...waiting])).resolves.toHaveLength(13);
  });

  test('one caller leaves a quarter of the places free, which is where all others run meanwhile', async () => {
    const turns = new FairTurns({ maxRunning: 64, maxWaiting: 1024 });
    const { open, opened } = gate();
    const hanging = Array.from({ length: 200 }, () => run(turns, 'ann', never(), () => opened));
    expect(turns.running).toBe(48);
    for (let call = 0; call < 50; call += 1) {
      expect(await run(turns, `user ${call % 3}`, never(), async () => call)).toBe(call);
    }
    open();
    await Promise.all(hanging);
    expect(turns.running).toBe(0);
  });

  test('never runs what was given up before its turn, not even in the moment of the turn itself', async () => {
    const turns = new FairTurns({ maxRunning: 1, maxRunningOfOne: 1, maxWaiting: 16 });
    const { open, opened } = gate();
    const ran: string[] = [];
    const work = (name: string) => async () => void ran.push(name);
    await expect(run(turns, 'ann', AbortSignal.abort(), work('gone before'))).rejects.toThrow('left');
    const first = run(turns, 'ann', never(), () => opened);
    await expect(run(turns, 'ann', AbortSignal.abort(), work('gone in between'))).rejects.toThrow('left');
    const leaving = new AbortController();
    const handedOver = run(turns, 'ann', leaving.signal, work('handed over'));
    const next = run(turns, 'ann', never(), work('next'));
    // A larger limit hands the place over at once; the work begins a moment later.
    turns.resize({ maxRunning: 2, maxRunningOfOne: 2, maxWaiting: 16 });
    leaving.abort();
    await expect(handedOver).rejects.toThrow('left');
    await next;
    open();
    await first;
    expect([ran, turns.running]).toEqual([['next'], 0]);
  });

  test('passes the turn on when work fails', async () => {
    const turns = new FairTurns({ maxRunning: 1, maxRunningOfOne: 1, maxWaiting: 16 });
    const failing = run(turns, 'ann', never(), async () => {
      throw new Error('work');
    });
    const next = run(turns, 'ann', never(), async () => 'done');
    await expect(failing).rejects.toThrow('work');
    await expect(next).resolves.toBe('done');
  });

  test('lets more run at once where it is made larger, and fewer once those that run have ended', async () => {
    const turns = new FairTurns({ maxRunning: 1, maxRunningOfOne: 1, maxWaiting: 16 });
    const gates = Array.from({ length: 5 }, gate);
    const runs = gates.map(({ opened }) => run(turns, 'ann', never(), () => opened));
    expect(turns.running).toBe(1);
    turns.resize({ maxRunning: 3, maxRunningOfOne: 3, maxWaiting: 16 });
    expect(turns.running).toBe(3);
    turns.resize({ maxRunning: 1, maxRunningOfOne: 1, maxWaiting: 16 });
    expect(turns.running).toBe(3);
    gates[0]?.open();
    gates[1]?.open();
    await Promise.all(runs.slice(0, 2));
    expect(turns.running).toBe(1);
    for (const { open } of gates) open();
    await Promise.all(runs);
    expect(turns.running).toBe(0);
  });
});
