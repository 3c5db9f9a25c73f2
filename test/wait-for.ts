import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

/** Looks before which no time passes: what needs only turns of the event loop is seen at once. */
const QUICK_LOOKS = 20;
const LOOK_EVERY_MS = 5;

/** Polls until `condition` gives something other than `undefined` or `false`, and returns it; throws after `timeoutMs`. */
export async function waitFor<T>(
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 10_000,
  what: string = String(condition),
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  for (let looks = 1; ; looks += 1) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    // Where a test holds the clock, the looks are counted.
    const isOver = performance.now() > giveUpAt || looks > QUICK_LOOKS + timeoutMs / LOOK_EVERY_MS;
    if (isOver) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.`);
    await (looks < QUICK_LOOKS ? turn() : delay(LOOK_EVERY_MS));
  }
}
