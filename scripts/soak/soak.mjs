import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { descendantsOf, isRunning } from '../faults/process-table.mjs';
import { send, startService, startUpstream, waitFor } from '../faults/service.mjs';
import { Fleet } from './fleet.mjs';
import { API_KEY, headersOf, pickTool, seededRandom } from './mix.mjs';
import { report } from './report.mjs';
import { MEASURING_ARGS, takeSample } from './samples.mjs';

const SAMPLE_MS = 1_000;
/** A 502 or 503 is explained if its server was killed or changed so long before the call at most, or during it. */
const EXPLAINED_MS = 12_000;
const EXTRA = 'extra';
const SETTLE_MS = 15_000;
/** The sessions of single users end when they were idle for as long as fleet.mjs says. */
const SETTLE_WITH_USERS_MS = 45_000;
/** Connections upstream that are kept for the next call. */
const DESCRIPTOR_SLACK = 4;

/** @typedef {import('../faults/service.mjs').Service} Service */

export class Soak {
  #options;
  #random;
  #calls = 0;
  #wrong = 0;
  #explained = 0;
  #kills = 0;
  /** When each server was killed. @type {Map<string, number[]>} */
  #killedAt = new Map();
  #reloads = 0;
  #durationsMs = [];
  /** @type {Map<string, number>} */
  #unexplained = new Map();
  /** @type {string[]} */
  #breaches = [];
  #isOver = false;
  /** @type {Map<string, import('../faults/process-table.mjs').ProcessEntry>} */
  #seen = new Map();

  /** @param {{ minutes: number, users: number, servers: number, seed: number, hasVault: boolean }} options */
  constructor(options) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  /** @returns {Promise<{ line: string, breaches: readonly string[] }>} */
  async run() {
    const { minutes, users, servers, hasVault } = this.#options;
    const upstream = await startUpstream('fault-http.js');
    const fleet = new Fleet({ count: servers, hasVault, upstreamUrl: upstream.url });
    const service = await startService({
      config: fleet.toConfig(),
      args: ['--hot-reload'],
      nodeArgs: MEASURING_ARGS,
      env: { MCPO_API_KEY: API_KEY, MCPO_TRUST_USER_HEADERS: 'true', LOG_LEVEL: 'error' },
    });
    try {
      if (hasVault) await this.#saveSecrets(service, fleet);
      return await this.#soak(service, fleet, minutes, users);
    } finally {
      await service.stop();
      await upstream.stop();
    }
  }

  /** @param {Service} service @param {Fleet} fleet @param {number} minutes @param {number} users */
  async #soak(service, fleet, minutes, users) {
    const startedAt = performance.now();
    const endAt = startedAt + minutes * 60_000;
    const samples = [];
    const before = await this.#warm(service, fleet, users, startedAt);
    const work = [
      ...Array.from({ length: users }, (_, user) => this.#useTools(service, fleet, `user${user}`)),
      this.#killChildren(service, fleet),
      this.#reload(service, fleet),
    ];
    while (performance.now() < endAt && !service.hasExited()) {
      await delay(SAMPLE_MS);
      if (service.hasExited()) break;
      samples.push(takeSample(service, startedAt));
      for (const entry of descendantsOf(service.pid)) this.#seen.set(`${entry.pid} ${entry.startTime}`, entry);
    }
    this.#isOver = true;
    await Promise.all(work);
    if (service.hasExited()) this.#breaches.push(`the service ended by itself: ${service.stderr().slice(-500)}`);
    else await this.#settle(service, fleet, before, startedAt);
    return this.#report(service, samples, before, startedAt);
  }

  /** Calls every server by every user once, so that what is kept for later is there before it is counted. */
  /** @param {Service} service @param {Fleet} fleet @param {number} users @param {number} startedAt */
  async #warm(service, fleet, users, startedAt) {
    for (const name of fleet.names()) {
      const calls = Array.from({ length: Math.min(users, 8) }, (_, user) =>
        this.#call(service, fleet, name, `user${user}`),
      );
      await Promise.all(calls);
    }
    await delay(2_000);
    return takeSample(service, startedAt);
  }

  /** @param {Service} service @param {Fleet} fleet @param {string} user */
  async #useTools(service, fleet, user) {
    const agent = new Agent({ keepAlive: true });
    while (!this.#isOver && !service.hasExited()) {
      await this.#call(service, fleet, this.#pick(fleet.names()), user, agent);
      await delay(5 + this.#random() * 200);
    }
    agent.destroy();
  }

  /** @param {Service} service @param {Fleet} fleet @param {string} server @param {string} user @param {Agent} [agent] */
  async #call(service, fleet, server, user, agent) {
    const kind = fleet.kindOf(server);
    const [tool, args] = kind === 'http' ? ['echo', {}] : pickTool(kind, this.#random);
    const startedAt = performance.now();
    const options = { headers: headersOf(user), ...(agent === undefined ? {} : { agent }) };
    const answer = await service.call(server, tool, args, options).catch((error) => ({
      status: 0,
      text: String(error.code ?? error.message),
      token: '',
      ms: 0,
    }));
    this.#calls += 1;
    if (this.#calls % 10 === 0) this.#durationsMs.push(answer.ms);
    if (answer.status === 200) {
      if (!answer.text.includes(answer.token)) this.#wrong += 1;
      else if (kind === 'personal' && tool === 'who' && JSON.parse(answer.text).secret !== `secret-of-${user}`)
        this.#wrong += 1;
    } else if (isExplicable(answer.status, server) && fleet.wasDisturbed(server, startedAt, EXPLAINED_MS)) {
      this.#explained += 1;
    } else {
      const what = `${answer.status} ${answer.text.slice(0, 200)}`;
      this.#unexplained.set(what, (this.#unexplained.get(what) ?? 0) + 1);
    }
  }

  /** @param {Service} service @param {Fleet} fleet */
  async #killChildren(service, fleet) {
    while (await this.#pause(3_000, 8_000)) {
      const server = this.#pick([...fleet.namesOf('stdio'), ...fleet.namesOf('personal')]);
      const child = descendantsOf(service.pid).find(({ command }) => command.split(' ').includes(`server=${server}`));
      if (child === undefined || !this.#mayKill(server)) continue;
      fleet.disturb(server);
      try {
        process.kill(child.pid, 'SIGKILL');
        this.#kills += 1;
      } catch {
        // It was being replaced just then.
      }
    }
  }

  /**
   * Four times a minute at most: at the fifth a server counts as failed and rests for a minute, which is no surprise and
   * has its own row in the fault table.
   * @param {string} server
   */
  #mayKill(server) {
    const now = performance.now();
    const recent = (this.#killedAt.get(server) ?? []).filter((at) => now - at < 65_000);
    if (recent.length >= 4) return false;
    this.#killedAt.set(server, [...recent, now]);
    return true;
  }

  /** @param {Service} service @param {Fleet} fleet */
  async #reload(service, fleet) {
    while (await this.#pause(6_000, 12_000)) {
      if (this.#reloads % 3 === 2) fleet.toggle(EXTRA);
      else fleet.change(this.#pick(fleet.names()));
      service.writeConfig(fleet.toConfig());
      this.#reloads += 1;
    }
  }

  /** Waits between two disturbances; `false` once the soak is over. @param {number} leastMs @param {number} mostMs */
  async #pause(leastMs, mostMs) {
    const until = performance.now() + leastMs + this.#random() * (mostMs - leastMs);
    while (performance.now() < until && !this.#isOver) await delay(50);
    return !this.#isOver;
  }

  /** Puts the fleet back and checks that the service is where it began. */
  /** @param {Service} service @param {Fleet} fleet @param {import('./samples.mjs').Sample} before @param {number} startedAt */
  async #settle(service, fleet, before, startedAt) {
    if (fleet.names().includes(EXTRA)) fleet.toggle(EXTRA);
    service.writeConfig(fleet.toConfig());
    const isBack = async () => {
      const states = Object.entries(await service.states());
      const now = takeSample(service, startedAt);
      const areReady = states.every(([name, { state }]) => state === 'ready' || fleet.kindOf(name) === 'personal');
      return areReady && now.descriptors <= before.descriptors + DESCRIPTOR_SLACK && now.processes <= before.processes;
    };
    const settleMs = this.#options.hasVault ? SETTLE_WITH_USERS_MS : SETTLE_MS;
    await waitFor(isBack, settleMs, 'the service to be where it began').catch(async () => {
      const now = takeSample(service, startedAt);
      const unready = Object.entries(await service.states()).filter(([, { state }]) => state !== 'ready');
      this.#breaches.push(
        `at the end ${now.descriptors} descriptors and ${now.processes} processes, ` +
          `${before.descriptors} and ${before.processes} at the beginning; not ready: ${JSON.stringify(unready)}`,
      );
    });
  }

  /** @param {Service} service @param {import('./samples.mjs').Sample[]} samples @param {import('./samples.mjs').Sample} before @param {number} startedAt */
  async #report(service, samples, before, startedAt) {
    const last = service.hasExited() ? before : takeSample(service, startedAt);
    const { code } = await this.#stop(service);
    return report({
      options: this.#options,
      samples,
      before,
      last,
      calls: this.#calls,
      wrong: this.#wrong,
      explained: this.#explained,
      unexplained: this.#unexplained,
      kills: this.#kills,
      reloads: this.#reloads,
      durationsMs: this.#durationsMs,
      orphans: [...this.#seen.values()].filter(isRunning).length,
      exitCode: code,
      breaches: this.#breaches,
    });
  }

  /** @param {Service} service */
  async #stop(service) {
    const end = await service.stop();
    await waitFor(() => ![...this.#seen.values()].some(isRunning), 3_000, 'all processes to end').catch(
      () => undefined,
    );
    return end;
  }

  /** @param {Service} service @param {Fleet} fleet */
  async #saveSecrets(service, fleet) {
    for (let user = 0; user < this.#options.users; user += 1) {
      const headers = headersOf(`user${user}`);
      for (const server of fleet.namesOf('personal')) {
        const path = `/vault/api/servers/${server}/variables/TOKEN`;
        const answer = await send(service.port, 'PUT', path, { headers, body: { value: `secret-of-user${user}` } });
        if (answer.status !== 204) throw new Error(`a secret was not saved: ${answer.status} ${answer.text}`);
      }
    }
  }

  /** @template T @param {readonly T[]} values @returns {T} */
  #pick(values) {
    return values[Math.floor(this.#random() * values.length)] ?? values[0];
  }
}

/** A server that was added or removed a moment ago is not known for a while. @param {number} status @param {string} server */
function isExplicable(status, server) {
  return status === 502 || status === 503 || (status === 404 && server === EXTRA);
}
