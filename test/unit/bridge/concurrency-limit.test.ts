import { describe, expect, test } from '@jest/globals';
import { ConcurrencyLimit } from '../../../src/bridge/concurrency-limit.ts';
import { CallCancelledError, ServerUnavailableError } from '../../../src/errors.ts';

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
    const limit = new ConcurrencyLimit('s', 2);
    const { open, opened } = gate();
    let running = 0;
    let most = 0;
    const runs = Array.from({ length: 10 }, () =>
      limit.run(never(), async () => {
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
    const limit = new ConcurrencyLimit('s', 1);
    const { open, opened } = gate();
    const leaving = new AbortController();
    const first = limit.run(never(), () => opened);
    const left = limit.run(leaving.signal, () => opened);
    const waiting = Array.from({ length: 15 }, () => limit.run(never(), () => opened));
    await expect(limit.run(never(), () => opened)).rejects.toBeInstanceOf(ServerUnavailableError);
    leaving.abort();
    await expect(left).rejects.toBeInstanceOf(CallCancelledError);
    waiting.push(limit.run(never(), () => opened));
    open();
    await expect(Promise.all([first, ...waiting])).resolves.toHaveLength(17);
  });

  test('passes the turn on when work fails', async () => {
    const limit = new ConcurrencyLimit('s', 1);
    const failing = limit.run(never(), async () => {
      throw new Error('work');
    });
    const next = limit.run(never(), async () => 'done');
    await expect(failing).rejects.toThrow('work');
    await expect(next).resolves.toBe('done');
  });

  test('lets more run at once where it is made larger, and fewer once those that run have ended', async () => {
    const limit = new ConcurrencyLimit('s', 1);
    const gates = Array.from({ length: 5 }, gate);
    const runs = gates.map(({ opened }) => limit.run(never(), () => opened));
    expect(limit.running).toBe(1);
    limit.resize(3);
    expect(limit.running).toBe(3);
    limit.resize(1);
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
