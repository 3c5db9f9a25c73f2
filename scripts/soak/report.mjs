import { quantile } from '../faults/table.mjs';
import { slopeOf } from './samples.mjs';

/** After two minutes a line through the samples is less certain than after ten: 6 MiB a minute there, 3 from four minutes. */
const maxSlopeOf = (/** @type {number} */ minutes) => Math.max(3, 12 / minutes);
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
  const maxSlope = maxSlopeOf(minutes);
  const peak = Math.max(...samples.map(({ residentMib }) => residentMib));
  const unexplained = [...outcome.unexplained.values()].reduce((sum, count) => sum + count, 0);

  const breaches = [...outcome.breaches];
  const bound = (/** @type {boolean} */ holds, /** @type {string} */ otherwise) => {
    if (!holds) breaches.push(otherwise);
  };
  bound(wrong === 0, `${wrong} wrong answers`);
  for (const [what, count] of outcome.unexplained) breaches.push(`${count} × unexplained: ${what}`);
  bound(slope <= maxSlope, `live memory grows by ${slope.toFixed(1)} MiB a minute, more than ${maxSlope}`);
  bound(peak <= MAX_RESIDENT_MIB, `${Math.round(peak)} MiB resident, more than ${MAX_RESIDENT_MIB}`);
  bound(orphans === 0, `${orphans} processes outlived the service`);
  bound(exitCode === 0, `exit code ${exitCode}`);

  const durations = `${Math.round(quantile(durationsMs, 0.5))}/${Math.round(quantile(durationsMs, 0.99))} ms`;
  const line = [
    `soak ${minutes} min, ${users} users, ${servers} servers: ${calls} calls, ${wrong} wrong`,
    `${unexplained} unexplained, ${explained} explained 5xx, ${kills} kills, ${reloads} reloads, p50/p99 ${durations}`,
    `RSS ${Math.round(before.residentMib)} → ${Math.round(last.residentMib)} MiB (peak ${Math.round(peak)})`,
    `live ${Math.round(before.liveMib)} → ${Math.round(last.liveMib)} MiB (slope ${slope.toFixed(2)} MiB/min, bound ${maxSlope})`,
    `descriptors ${before.descriptors} → ${last.descriptors}, processes ${before.processes} → ${last.processes}`,
    `orphans ${orphans}: ${breaches.length === 0 ? 'holds' : 'BREACH'}`,
  ].join(', ');
  return { line, breaches };
}
