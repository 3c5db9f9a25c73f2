import { quantile } from '../faults/table.mjs';
import { slopeOf } from './samples.mjs';

const MAX_SLOPE_MIB_PER_MINUTE = 3;
/**
 * Over a few minutes the heap's own breathing is steeper than any leak that is worth finding: from -4 to 19 MiB a minute
 * in runs of two minutes, where one of ten had -8. The long run judges growth.
 */
const MAX_SLOPE_OF_A_SHORT_RUN = 50;
const SHORT_RUN_MINUTES = 5;
const MAX_RESIDENT_MIB = 300;

/** @typedef {import('./samples.mjs').Sample} Sample */

/**
 * @typedef {object} Outcome
 * @property {{ minutes: number, users: number, servers: number }} options
 * @property {readonly Sample[]} samples
 * @property {Sample} before
 * @property {Sample} last
 * @property {number} calls
 * @property {number} wrong
 * @property {number} explained
 * @property {ReadonlyMap<string, number>} unexplained how often, by status and text
 * @property {number} kills
 * @property {number} reloads
 * @property {readonly number[]} durationsMs
 * @property {number} orphans
 * @property {number | null} exitCode
 * @property {readonly string[]} breaches what was found already
 */

/**
 * Checks the bounds and puts the figures on one line.
 * @param {Outcome} outcome
 */
export function report(outcome) {
  const { samples, before, last, calls, wrong, explained, kills, reloads, durationsMs, orphans, exitCode } = outcome;
  const { minutes, users, servers } = outcome.options;
  // The first quarter is warm-up.
  const slope = slopeOf(samples.slice(Math.floor(samples.length / 4)));
  const peak = Math.max(...samples.map(({ residentMib }) => residentMib));
  const maxSlope = minutes < SHORT_RUN_MINUTES ? MAX_SLOPE_OF_A_SHORT_RUN : MAX_SLOPE_MIB_PER_MINUTE;
  const unexplained = [...outcome.unexplained.values()].reduce((sum, count) => sum + count, 0);

  const breaches = [...outcome.breaches];
  const bound = (/** @type {boolean} */ holds, /** @type {string} */ otherwise) => {
    if (!holds) breaches.push(otherwise);
  };
  bound(wrong === 0, `${wrong} wrong answers`);
  for (const [what, count] of outcome.unexplained) breaches.push(`${count} × unexplained: ${what}`);
  bound(slope <= maxSlope, `memory grows by ${slope.toFixed(1)} MiB a minute, more than ${maxSlope}`);
  bound(peak <= MAX_RESIDENT_MIB, `${Math.round(peak)} MiB resident, more than ${MAX_RESIDENT_MIB}`);
  bound(orphans === 0, `${orphans} processes outlived the service`);
  bound(exitCode === 0, `exit code ${exitCode}`);

  const durations = `${Math.round(quantile(durationsMs, 0.5))}/${Math.round(quantile(durationsMs, 0.99))} ms`;
  const line = [
    `soak ${minutes} min, ${users} users, ${servers} servers: ${calls} calls, ${wrong} wrong`,
    `${unexplained} unexplained, ${explained} explained 5xx, ${kills} kills, ${reloads} reloads, p50/p99 ${durations}`,
    `RSS ${Math.round(before.residentMib)} → ${Math.round(last.residentMib)} MiB (peak ${Math.round(peak)}`,
    `slope ${slope.toFixed(2)} MiB/min, bound ${maxSlope})`,
    `descriptors ${before.descriptors} → ${last.descriptors}, processes ${before.processes} → ${last.processes}`,
    `orphans ${orphans}: ${breaches.length === 0 ? 'holds' : 'BREACH'}`,
  ].join(', ');
  return { line, breaches };
}
