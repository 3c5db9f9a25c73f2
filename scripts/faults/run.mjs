import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { countDescriptors, descendantsOf, hasOpen, isRunning, targetsOf } from './process-table.mjs';
import { startService, startUpstream, temporaryFolder, waitFor } from './service.mjs';

/** Longer than connections to servers are kept for reuse. */
const SETTLE_MS = 8_000;
const STABLE_MS = 300;
const DATABASE_FILE = 'mcpo-ts.db';
const DATABASE_WAIT_MS = 4_000;

/** @typedef {import('./service.mjs').Service} Service */

/** Thrown by a row that cannot run here; the reason goes into the table. */
export class NotRun extends Error {}

/** One run of one row: starts what the row needs, counts, and cleans up. */
export class Run {
  times = 0;
  lost = 0;
  wrong = 0;
  orphans = 0;
  leaked = 0;
  /** @type {number[]} */
  recoveriesMs = [];
  /** @type {string[]} */
  problems = [];
  #folder = temporaryFolder();
  #clean = [];
  /** @type {Map<string, import('./process-table.mjs').ProcessEntry>} */
  #seen = new Map();
  /** How many descriptors may be left over, where that is explained. */
  spareDescriptors = 0;
  /** What the descriptors stood for, by service. @type {Map<Service, readonly string[]>} */
  #descriptors = new Map();

  /** @param {{ times: number | undefined, form: 'short' | 'default', hasVault: boolean }} options */
  constructor(options) {
    this.options = options;
  }

  /** A folder of this run. */
  get folder() {
    return this.#folder.path;
  }

  /** The file in which the fixture programs note each call that they begin. */
  get logFile() {
    return join(this.#folder.path, 'calls.log');
  }

  /** @param {string} text */
  problem(text) {
    if (!this.problems.includes(text)) this.problems.push(text);
  }

  /** @param {boolean} holds @param {string} otherwise */
  check(holds, otherwise) {
    if (!holds) this.problem(otherwise);
  }

  /** @param {Parameters<typeof startService>[0]} options */
  async service(options) {
    const service = await startService(options);
    this.#clean.push(() => service.stop());
    return service;
  }

  /** @param {number} [port] */
  async upstream(port) {
    const upstream = await startUpstream('fault-http.js', port);
    this.#clean.push(() => upstream.stop());
    return upstream;
  }

  /** @param {() => unknown} end */
  cleanUp(end) {
    this.#clean.push(end);
  }

  /**
   * Remembers how many descriptors the service has now that it is warm, and which processes. The database is opened a
   * second after the start, and is no leak.
   */
  /** @param {Service} service */
  async warm(service) {
    await waitFor(() => hasOpen(service.pid, DATABASE_FILE), DATABASE_WAIT_MS, 'the database').catch(() => undefined);
    let since = performance.now();
    let count = 0;
    await waitFor(
      () => {
        const now = countDescriptors(service.pid);
        if (now !== count) since = performance.now();
        count = now;
        return performance.now() - since > STABLE_MS;
      },
      SETTLE_MS,
      'descriptors to stay the same',
    ).catch(() => undefined);
    this.#descriptors.set(service, targetsOf(service.pid));
    return this.see(service);
  }

  /** Remembers the processes under the service, which have to be gone at the end. @param {Service} service */
  see(service) {
    const found = descendantsOf(service.pid);
    for (const entry of found) this.#seen.set(`${entry.pid} ${entry.startTime}`, entry);
    return found;
  }

  /**
   * Counts one call. Right: status 200 with the call's own token. Returns whether it was `expected`, noting if not.
   * @param {{ status: number, text: string, token: string, headers: Record<string, unknown> }} answer
   * @param {'right' | 'refused' | number} [expected] `refused` is a 503 that says when to come back
   */
  judge(answer, expected = 'right') {
    if (answer.status === 200 && !answer.text.includes(answer.token)) this.wrong += 1;
    if (answer.status === 502 || answer.status === 504) this.lost += 1;
    const kind =
      answer.status === 200
        ? 'right'
        : answer.status === 503 && answer.headers['retry-after']
          ? 'refused'
          : answer.status;
    const holds = kind === expected || answer.status === expected;
    if (!holds) this.problem(`expected ${expected}, got ${answer.status} ${answer.text.slice(0, 160)}`);
    return holds;
  }

  /** Calls until the answer is right; notes the time from `since` as one recovery. */
  /** @param {Service} service @param {string} server @param {number} since @param {number} [timeoutMs] */
  async recovered(service, server, since, timeoutMs = 15_000) {
    const answer = await waitFor(
      async () => {
        const one = await service.call(server, 'echo').catch(() => undefined);
        return one?.status === 200 && one;
      },
      timeoutMs,
      `"${server}" to answer again`,
    );
    this.judge(answer);
    this.recoveriesMs.push(performance.now() - since);
  }

  /** Waits until a fixture has begun a call that is answered later. @param {number} count */
  async begun(count) {
    await waitFor(() => this.notes().filter(({ what }) => what === 'began').length >= count, 10_000, 'calls to begin');
  }

  /** @returns {{ what: string, token: string, pid: number }[]} */
  notes() {
    try {
      const lines = readFileSync(this.logFile, 'utf8').trim().split('\n').filter(Boolean);
      return lines
        .map((line) => line.split(' '))
        .map(([what = '', token = '', pid]) => ({ what, token, pid: Number(pid) }));
    } catch {
      return [];
    }
  }

  /** Ends everything and counts what is left. */
  async end() {
    for (const [service, before] of this.#descriptors) await this.#settle(service, before);
    for (const end of this.#clean.reverse()) await end();
    const left = () => [...this.#seen.values()].filter(isRunning);
    await waitFor(() => left().length === 0, SETTLE_MS, 'processes to end').catch(() => undefined);
    this.orphans = left().length;
    for (const { pid } of left()) process.kill(pid, 'SIGKILL');
    const begun = this.notes().filter(({ what }) => what === 'began');
    const twice = begun.length - new Set(begun.map(({ token }) => token)).size;
    this.check(twice === 0, `${twice} calls ran twice`);
    this.#folder.remove();
    this.check(this.orphans === 0, `${this.orphans} processes outlived their service`);
    this.check(this.wrong === 0, `${this.wrong} wrong answers`);
  }

  /** @param {Service} service @param {readonly string[]} before */
  async #settle(service, before) {
    if (service.hasExited()) return;
    this.see(service);
    const count = () => countDescriptors(service.pid);
    await waitFor(() => count() <= before.length, SETTLE_MS, 'descriptors').catch(() => undefined);
    const leaked = count() - before.length;
    if (leaked <= this.spareDescriptors) return;
    this.leaked += leaked;
    const added = targetsOf(service.pid).filter((target) => !before.includes(target));
    this.problem(`${leaked} descriptors were not given back; new are ${added.join(', ')}`);
  }
}
