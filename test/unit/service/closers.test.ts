import { expect, test } from '@jest/globals';
import { Closers } from '../../../src/service/closers.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';

function createClosers(): { closers: Closers; done: string[]; lines: [string, unknown][] } {
  const lines: [string, unknown][] = [];
  const ignore = (): void => undefined;
  const error = (message: string, fields?: unknown) => void lines.push([message, fields]);
  const logger: Logger = { error, warn: ignore, info: ignore, debug: ignore, isDebug: () => false };
  return { closers: new Closers(logger), done: [], lines };
}

test('what was opened last is closed first, one after the other, and only once', async () => {
  const { closers, done } = createClosers();
  closers.add('first', () => done.push('first'));
  closers.add('second', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    done.push('second');
  });
  closers.add('third', () => done.push('third'));
  await Promise.all([closers.close(), closers.close()]);
  await closers.close();
  expect(done).toEqual(['third', 'second', 'first']);
});

test('one that cannot be closed is logged and keeps no other open', async () => {
  const { closers, done, lines } = createClosers();
  closers.add('first', () => done.push('first'));
  closers.add('second', () => {
    throw new Error('it is stuck');
  });
  closers.add('third', () => Promise.reject(new Error('it is gone')));
  await closers.close();
  expect(done).toEqual(['first']);
  expect(lines).toEqual([
    ['the service could not close its third', { reason: 'it is gone' }],
    ['the service could not close its second', { reason: 'it is stuck' }],
  ]);
});

test('one that never ends is given up after its time', async () => {
  const { closers, done } = createClosers();
  closers.add('first', () => done.push('first'));
  closers.add('second', () => new Promise(() => undefined), { withinMs: 1 });
  await closers.close();
  expect(done).toEqual(['first']);
});
