import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { send } from '../faults/service.mjs';

const PAUSE_MS = 20;
const SAVE_EVERY = 25;

/** Users who call a tool of a server with their own value, call a shared one, and now and then save a new value. */
export class Load {
  #port;
  #key;
  #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  /** By user: the values that a call may show, of which the first was acknowledged last. */
  #values = new Map();

  constructor({ port, key, users }) {
    this.#port = port;
    this.#key = key;
    for (let index = 0; index < users; index++) this.#values.set(`user-${index}`, []);
  }

  async giveValues() {
    for (const user of this.#values.keys()) {
      const status = await this.#save(user);
      if (status !== 204) throw new Error(`the value of ${user} was answered with ${status}`);
    }
  }

  /** Starts the calls; what they saw is in the answer. */
  begin() {
    const seen = new Seen();
    let isOver = false;
    const workers = [...this.#values.keys()].map(async (user, index) => {
      await delay(index * 3);
      for (let turn = index; !isOver; turn++) {
        await this.#turn(user, turn, seen);
        await delay(PAUSE_MS);
      }
    });
    seen.end = async () => {
      isOver = true;
      await Promise.all(workers);
    };
    return seen;
  }

  async #turn(user, turn, seen) {
    const startedAt = performance.now();
    try {
      if (turn % SAVE_EVERY === 0) {
        const status = await this.#save(user);
        seen.note('save', status === 204, status, startedAt);
      } else if (turn % 4 === 0) {
        const { status } = await this.#post('/shared/text', user);
        seen.note('call', status === 200, status, startedAt);
      } else {
        const { status, text } = await this.#post('/mine/show', user);
        if (status === 200) this.#check(user, text, seen);
        seen.note('call', status === 200, status, startedAt);
      }
    } catch (error) {
      seen.note('call', false, error.code ?? 'broken', startedAt);
    }
  }

  #check(user, text, seen) {
    const [, shown = ''] = /Bearer ([\w-]+)/.exec(text) ?? [];
    if (!shown.startsWith(`${user}-`)) seen.crossed += 1;
  }

  /** Saves a new value; one whose answer was lost may or may not be there. */
  async #save(user) {
    const values = this.#values.get(user);
    const value = `${user}-${randomUUID()}`;
    values.push({ value, isKnown: false });
    const path = '/vault/api/servers/mine/variables/TOKEN';
    const { status } = await send(this.#port, 'PUT', path, {
      headers: this.#headers(user),
      body: { value },
      agent: this.#agent,
    });
    if (status === 204) values.splice(0, values.length, { value, isKnown: true });
    return status;
  }

  /** Values that were acknowledged, and that a call of their user does not show. */
  async countLostValues() {
    let lost = 0;
    for (const [user, values] of this.#values) {
      const { status, text } = await this.#post('/mine/show', user);
      if (status !== 200 || !values.some(({ value }) => text.includes(value))) lost += 1;
    }
    return lost;
  }

  #post(path, user) {
    return send(this.#port, 'POST', path, { headers: this.#headers(user), body: {}, agent: this.#agent });
  }

  #headers(user) {
    return {
      authorization: `Bearer ${this.#key}`,
      'x-openwebui-user-id': user,
      'x-openwebui-chat-id': `chat-of-${user}`,
    };
  }
}

/** What came of the calls of one phase. */
export class Seen {
  crossed = 0;
  #calls = 0;
  #saves = 0;
  /** @type {{ at: number, kind: string }[]} */
  #failures = [];
  #startedAt = performance.now();
  #quietSince = performance.now();
  end = async () => undefined;

  now() {
    return performance.now();
  }

  /** From now on it is counted how long nothing has failed. */
  beginQuiet() {
    this.#quietSince = performance.now();
  }

  quietMs() {
    return performance.now() - this.#quietSince;
  }

  note(action, isDone, kind, startedAt) {
    if (action === 'save') this.#saves += 1;
    else this.#calls += 1;
    if (isDone) return;
    this.#quietSince = performance.now();
    this.#failures.push({ at: startedAt, kind: String(kind) });
  }

  toRow(phase, { from, outageMs, lost }) {
    const kinds = new Map();
    for (const { kind } of this.#failures) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    const times = this.#failures.map(({ at }) => at).sort((a, b) => a - b);
    const first = times[0];
    const last = times.at(-1);
    const breaches = [];
    const unexpected = [...kinds.keys()].filter((kind) => !phase.mayFail.includes(kind));
    if (unexpected.length > 0) breaches.push(`${phase.name}: calls failed with ${unexpected.join(', ')}`);
    if (this.crossed > 0) breaches.push(`${phase.name}: ${this.crossed} calls got the value of another user`);
    if (lost > 0) breaches.push(`${phase.name}: ${lost} users without the value that they saved`);
    const lateMs = last === undefined ? 0 : last - (from + outageMs);
    if (phase.endsWithinMs !== undefined && lateMs > Math.max(phase.endsWithinMs, 0)) {
      breaches.push(`${phase.name}: calls failed until ${Math.round(lateMs)} ms after its end`);
    }
    return {
      name: phase.name,
      seconds: (performance.now() - this.#startedAt) / 1_000,
      calls: this.#calls,
      saves: this.#saves,
      failed: this.#failures.length,
      kinds,
      failedForMs: first === undefined || last === undefined ? 0 : last - first,
      outageMs,
      crossed: this.crossed,
      lost,
      breaches,
    };
  }
}
