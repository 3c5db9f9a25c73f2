import { fixture } from './service.mjs';

/** @typedef {import('./run.mjs').Run} Run */

/**
 * A server that does what the harness asks for and notes its calls in the run's file.
 * @param {Run} run @param {readonly string[]} [args] @param {{ env?: Record<string, string>, [key: string]: unknown }} [more]
 */
export function worker(run, args = [], { env = {}, ...more } = {}) {
  return fixture('fault-worker.js', args, { env: { FAULT_LOG: run.logFile, ...env }, ...more });
}

/** @param {number} count @param {object} config */
export function copies(count, config) {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`w${index}`, config]));
}
