import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { WatchedFiles } from '../../src/watched-files.ts';

let folder = '';
let changes = 0;
/** So that no test waits; each look is still at the real files. */
const QUICK = { lookMs: 25, restMs: 10 };
let watched = new WatchedFiles(QUICK);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-watch-'));
  changes = 0;
  watched = new WatchedFiles(QUICK);
});

afterEach(() => {
  watched.stop();
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function watch(...files: readonly string[]): void {
  watched.beginReading();
  for (const file of files) watched.note(file);
  watched.start(() => {
    changes += 1;
  });
}

/** As an editor or `ln -sfn` does it: what is new is made beside and renamed over. */
function symlinkOver(target: string, name: string): void {
  symlinkSync(target, join(folder, `${name}.new`));
  renameSync(join(folder, `${name}.new`), join(folder, name));
}

async function untilChanged(): Promise<void> {
  const giveUpAt = Date.now() + 5_000;
  while (changes === 0) {
    if (Date.now() > giveUpAt) throw new Error('No change was reported within five seconds.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A change of another file is reported last, so that everything before it has been reported. */
async function reportsOnly(change: () => void): Promise<void> {
  const last = write('last', '1');
  const order: string[] = [];
  const lastly = new WatchedFiles(QUICK);
  lastly.note(last);
  lastly.start(() => void order.push('last'));
  change();
  // Two looks of every watcher lie between.
  for (let round = 0; round < 2; round++) {
    const before = order.length;
    writeFileSync(last, `${round} ${Math.random()}`);
    const giveUpAt = Date.now() + 5_000;
    while (order.length === before && Date.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  lastly.stop();
  expect(order).toHaveLength(2);
}

describe('a change of a file is reported', () => {
  test('when it is written, with another size or the same', async () => {
    watch(write('a', 'one'));
    write('a', 'two');
    await untilChanged();
    expect(changes).toBe(1);
  });

  test('when another file is renamed over it, as editors do', async () => {
    watch(write('a', 'one'));
    renameSync(write('b', 'two'), join(folder, 'a'));
    await untilChanged();
  });

  test('when a symbolic link to it leads elsewhere', async () => {
    write('one', 'one');
    write('two', 'two');
    symlinkSync('one', join(folder, 'a'));
    watch(join(folder, 'a'));
    symlinkOver('two', 'a');
    await untilChanged();
  });

  test('when Kubernetes swaps the folder of a mounted ConfigMap', async () => {
    for (const version of ['..1', '..2']) {
      mkdirSync(join(folder, version));
      write(`${version}/servers.json`, version);
    }
    symlinkSync('..1', join(folder, '..data'));
    symlinkSync('..data/servers.json', join(folder, 'servers.json'));
    watch(join(folder, 'servers.json'));
    symlinkOver('..2', '..data');
    rmSync(join(folder, '..1'), { recursive: true });
    await untilChanged();
  });

  test('when it is there again with other content, or there for the first time', async () => {
    const gone = write('a', 'one');
    watch(gone, join(folder, 'new'));
    rmSync(gone);
    write('new', 'new');
    await untilChanged();
    expect(changes).toBe(1);
    watched.beginReading();
    watched.note(gone);
    write('a', 'two');
    changes = 0;
    await untilChanged();
  });
});

describe('no change is reported', () => {
  test('of a file that is touched, written anew with the same content, or moved away and back', async () => {
    const file = write('a', 'one');
    watch(file);
    await reportsOnly(() => {
      utimesSync(file, new Date(0), new Date(0));
      chmodSync(file, 0o600);
      renameSync(write('b', 'one'), file);
    });
    expect(changes).toBe(0);
    await reportsOnly(() => renameSync(file, join(folder, 'b')));
    await reportsOnly(() => renameSync(join(folder, 'b'), file));
    expect(changes).toBe(0);
    write('a', 'two');
    await untilChanged();
  });

  test('of what the next reading has read, and of a file that it has not', async () => {
    const [one, two] = [write('one', '1'), write('two', '2')];
    watch(one, two);
    write('one', 'other');
    write('two', 'other');
    watched.beginReading();
    watched.note(one);
    await reportsOnly(() => void write('two', 'more'));
    expect(changes).toBe(0);
  });

  test('of a file that is not complete yet', async () => {
    let isWriting = true;
    let atChange = '';
    watched = new WatchedFiles();
    watched.note(write('a', 'one'));
    watched.start(() => {
      changes += 1;
      atChange = isWriting ? 'half' : 'whole';
    });
    // Each step comes before the last one has rested.
    for (let step = 0; step < 40; step++) {
      write('a', 'x'.repeat(step + 4));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    isWriting = false;
    await untilChanged();
    expect(atChange).toBe('whole');
  });
});

test('a file that is kept over a reading is watched on, and one that goes missing is reported once', async () => {
  const [kept, other] = [write('kept', '1'), write('other', '1')];
  const changed: string[] = [];
  const missing: string[] = [];
  for (const file of [kept, other]) watched.note(file);
  watched.start(
    (files) => void changed.push(...files),
    (file) => void missing.push(file),
  );
  watched.beginReading([kept]);
  await reportsOnly(() => {
    write('kept', '2');
    write('other', '2');
  });
  expect(changed).toEqual([kept]);
  rmSync(kept);
  const giveUpAt = Date.now() + 10_000;
  while (missing.length === 0 && Date.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 10));
  await reportsOnly(() => undefined);
  expect([changed, missing]).toEqual([[kept], [kept]]);
});
