import { expect, test } from '@jest/globals';
import { LineSplitter } from '../../../src/process/line-splitter.ts';
import { spawnChild } from '../../../src/process/spawn-child.ts';
import { waitFor } from '../../wait-for.ts';

const MIB = 1024 * 1024;
const MAX_LINE_BYTES = 4 * MIB;
/** More than all bounds together: what is kept of a flood of this size would show. */
const FLOOD_BYTES = 256 * MIB;
const MAX_GROWTH_BYTES = 96 * MIB;

/** Writes `chunk` as fast as it is read, for ever. */
const floods = (stream: 'stdout' | 'stderr', chunk: string) => `
  const chunk = Buffer.from((${chunk}).repeat(1_000));
  const flood = () => process.${stream}.write(chunk, flood);
  flood();`;

async function flooding(stream: 'stdout' | 'stderr', chunk: string, onStderrLine?: (line: string) => void) {
  return spawnChild({
    command: process.execPath,
    args: ['-e', floods(stream, chunk)],
    env: {},
    cwd: undefined,
    redact: (text) => text,
    onStderrLine,
  });
}

test.each([
  { how: 'in short lines', chunk: '"y\\n"', expectsLines: true },
  { how: 'without a line end', chunk: '"yyyyyyyyyy"', expectsLines: false },
])('a flood on stdout $how is cut up in bounded memory', async ({ chunk, expectsLines }) => {
  const child = await flooding('stdout', chunk);
  let lines = 0;
  let seenBytes = 0;
  const splitter = new LineSplitter({
    maxLineBytes: MAX_LINE_BYTES,
    keptBytes: 4_096,
    onLine: () => {
      lines += 1;
    },
    onLongLine: () => {
      lines += 1;
    },
  });
  const before = heldBytes();
  let most = before;
  child.stdout.on('data', (data: Buffer) => {
    seenBytes += data.length;
    splitter.push(data);
    most = Math.max(most, heldBytes());
  });
  await waitFor(() => seenBytes > (expectsLines ? 32 * MIB : FLOOD_BYTES) || undefined, 25_000);
  await child.terminate();
  expect(most - before).toBeLessThan(MAX_GROWTH_BYTES);
  expect(lines > 0).toBe(expectsLines);
});

test.each([
  { how: 'in short lines', chunk: '"noise\\n"', kept: 20 },
  { how: 'without a line end', chunk: '"noise "', kept: 0 },
])('a flood on stderr $how is read slowly, and only its last lines are kept', async ({ chunk, kept }) => {
  let lines = 0;
  const before = heldBytes();
  const startedAt = performance.now();
  const child = await flooding('stderr', chunk, () => {
    lines += 1;
  });
  await waitFor(() => performance.now() - startedAt > 2_500 || undefined);
  expect(heldBytes() - before).toBeLessThan(MAX_GROWTH_BYTES);
  expect(child.lastLines()).toEqual(Array.from({ length: kept }, () => 'noise'));
  // 200 a second and a line that tells of the rest; it began in one second, ran for two and a half, and ends in another.
  expect(lines).toBeLessThanOrEqual(4 * 201);
  await child.terminate();
  expect(await child.exited).toMatch(/^was killed by/);
});

/** Array buffers hold what streams and the splitter hold; the heap holds the lines. */
function heldBytes(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}
