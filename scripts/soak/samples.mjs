import { allDescendantsOf, countDescriptors, residentBytes } from '../faults/process-table.mjs';

const MIB = 1024 * 1024;

/** @typedef {{ minutes: number, residentMib: number, descriptors: number, processes: number }} Sample */

/** @param {number} pid @param {number} startedAt @returns {Sample} */
export function takeSample(pid, startedAt) {
  return {
    minutes: (performance.now() - startedAt) / 60_000,
    residentMib: residentBytes(pid) / MIB,
    descriptors: countDescriptors(pid),
    processes: allDescendantsOf(pid).length,
  };
}

/** How fast memory grows, in MiB a minute: the slope of the line with the least squares. @param {readonly Sample[]} samples */
export function slopeOf(samples) {
  const mean = (/** @type {(sample: Sample) => number} */ of) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const meanX = mean(({ minutes }) => minutes);
  const meanY = mean(({ residentMib }) => residentMib);
  const covariance = mean(({ minutes, residentMib }) => (minutes - meanX) * (residentMib - meanY));
  const variance = mean(({ minutes }) => (minutes - meanX) ** 2);
  return variance === 0 ? 0 : covariance / variance;
}
