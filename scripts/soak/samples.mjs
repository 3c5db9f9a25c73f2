import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allDescendantsOf, countDescriptors, residentBytes } from '../faults/process-table.mjs';
import { LIVE_MEMORY_FILE } from './live-memory.mjs';

const MIB = 1024 * 1024;

/**
 * `liveMib` is what the last collection of garbage left: the heap and what hangs on it outside.
 * @typedef {{ minutes: number, residentMib: number, liveMib: number, descriptors: number, processes: number }} Sample
 */

/** What starts the service so that it writes its live memory down. */
export const MEASURING_ARGS = ['--expose-gc', '--import', new URL('live-memory.mjs', import.meta.url).href];

/** @param {{ pid: number, folder: string }} service @param {number} startedAt @returns {Sample} */
export function takeSample({ pid, folder }, startedAt) {
  return {
    minutes: (performance.now() - startedAt) / 60_000,
    residentMib: residentBytes(pid) / MIB,
    liveMib: readLiveBytes(folder) / MIB,
    descriptors: countDescriptors(pid),
    processes: allDescendantsOf(pid).length,
  };
}

/** How fast live memory grows, in MiB a minute: the slope of the line with the least squares. @param {readonly Sample[]} samples */
export function slopeOf(samples) {
  const mean = (/** @type {(sample: Sample) => number} */ of) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const meanX = mean(({ minutes }) => minutes);
  const meanY = mean(({ liveMib }) => liveMib);
  const covariance = mean(({ minutes, liveMib }) => (minutes - meanX) * (liveMib - meanY));
  const variance = mean(({ minutes }) => (minutes - meanX) ** 2);
  return variance === 0 ? 0 : covariance / variance;
}

/** @param {string} folder */
function readLiveBytes(folder) {
  return Number(readFileSync(join(folder, LIVE_MEMORY_FILE), 'utf8').trimEnd().split('\n').at(-1));
}
