import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { fileIdOf, ResultFiles } from '../../../../src/http/tool-call/result-files.ts';

const file = (length: number, fill = 1) => ({ bytes: Buffer.alloc(length, fill), displayType: 'image/png' });
const added = (store: ResultFiles, length: number) => {
  const id = store.add(file(length));
  if (id === undefined) throw new Error('the file was not kept');
  return id;
};

describe('files of results', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('gives back what was added, under an id that cannot be guessed', () => {
    const store = new ResultFiles();
    const ids = new Set(Array.from({ length: 200 }, (_, fill) => store.add(file(3, fill))));
    expect(ids.size).toBe(200);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(store.get([...ids][7] ?? '')).toMatchObject({ bytes: Buffer.from([7, 7, 7]), displayType: 'image/png' });
    expect(store.get('__proto__')).toBeUndefined();
  });

  test('the oldest make room, by number and by bytes', () => {
    const few = new ResultFiles({ maxFiles: 2 });
    const [a, b, c] = [added(few, 1), added(few, 1), added(few, 1)];
    expect([a, b, c].map((id) => few.get(id) !== undefined)).toEqual([false, true, true]);

    const small = new ResultFiles({ maxBytes: 10 });
    const [d, e, f] = [added(small, 4), added(small, 4), added(small, 5)];
    expect([d, e, f].map((id) => small.get(id) !== undefined)).toEqual([false, true, true]);
    const whole = added(small, 10);
    expect([e, f, whole].map((id) => small.get(id) !== undefined)).toEqual([false, false, true]);
  });

  test('a file that is larger than the store is not kept and costs no other', () => {
    const store = new ResultFiles({ maxBytes: 10 });
    const id = added(store, 10);
    expect(store.add(file(11))).toBeUndefined();
    expect(store.get(id)).toBeDefined();
  });

  test('each file is gone when its own time is up, and no timer stays', () => {
    const store = new ResultFiles({ keepMs: 1_000 });
    const first = added(store, 1);
    jest.advanceTimersByTime(600);
    const second = added(store, 1);
    expect(store.get(first)?.leftMs).toBe(400);
    jest.advanceTimersByTime(399);
    expect(store.get(first)).toBeDefined();
    jest.advanceTimersByTime(1);
    expect(store.get(first)).toBeUndefined();
    expect(store.get(second)?.leftMs).toBe(600);
    jest.advanceTimersByTime(600);
    expect(store.get(second)).toBeUndefined();
    expect(jest.getTimerCount()).toBe(0);
    expect(store.get(added(store, 1))?.leftMs).toBe(1_000);
  });

  test('expired files no longer take room', () => {
    const store = new ResultFiles({ keepMs: 1_000, maxBytes: 10 });
    added(store, 9);
    jest.advanceTimersByTime(1_000);
    const ids = [added(store, 5), added(store, 5)];
    expect(ids.map((id) => store.get(id) !== undefined)).toEqual([true, true]);
  });
});

const id = 'AbCdEfGhIjKlMnOpQrSt_-';

describe('the id in a path', () => {
  test.each([
    [`/files/${id}`, '/', id],
    [`/files/${id}`, '/api/', id],
    [`/api/files/${id}`, '/api/', id],
    [`/api/files/${id}`, '/', undefined],
    [`/api/api/files/${id}`, '/api/', undefined],
    [`/files/${id}x`, '/', undefined],
    [`/files/${id.slice(1)}`, '/', undefined],
    [`/files/${id}/../../docs`, '/', undefined],
    [`/files/${id}/docs`, '/', undefined],
    [`/files/%41${id.slice(1)}`, '/', undefined],
    [`/Files/${id}`, '/', undefined],
    [`/x/files/${id}`, '/', undefined],
    [`files/${id}`, '/', undefined],
    ['/files/', '/', undefined],
    ['/', '/', undefined],
  ])('of %s under %s', (path, pathPrefix, expected) => {
    expect(fileIdOf(path, { pathPrefix })).toBe(expected);
  });
});
