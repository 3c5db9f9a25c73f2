import { fixture } from '../faults/service.mjs';

/** @typedef {{ kind: 'stdio' | 'http' | 'personal', generation: number }} Member */

/** The configured servers of a soak, and when each was last disturbed. */
export class Fleet {
  /** @type {Map<string, Member>} */
  #members = new Map();
  /** @type {Map<string, number>} */
  #disturbedAt = new Map();
  #upstreamUrl;

  /** @param {{ count: number, hasVault: boolean, upstreamUrl: string }} options */
  constructor({ count, hasVault, upstreamUrl }) {
    this.#upstreamUrl = upstreamUrl;
    for (let index = 0; index < count; index += 1) {
      const kind = index % 3 === 2 ? 'http' : hasVault && index % 7 === 1 ? 'personal' : 'stdio';
      this.#members.set(`s${index}`, { kind, generation: 0 });
    }
  }

  names() {
    return [...this.#members.keys()];
  }

  /** @param {Member['kind']} kind */
  namesOf(kind) {
    return this.names().filter((name) => this.#members.get(name)?.kind === kind);
  }

  /** @param {string} name */
  kindOf(name) {
    return this.#members.get(name)?.kind;
  }

  /** @param {string} name */
  change(name) {
    const member = this.#members.get(name);
    if (member !== undefined) this.#members.set(name, { ...member, generation: member.generation + 1 });
    this.disturb(name);
  }

  /** Adds a server of this name, or removes it. @param {string} name */
  toggle(name) {
    if (!this.#members.delete(name)) this.#members.set(name, { kind: 'stdio', generation: 0 });
    this.disturb(name);
  }

  /** @param {string} name */
  disturb(name) {
    this.#disturbedAt.set(name, performance.now());
  }

  /** Whether a server was disturbed within `withinMs` before `since`, or later. @param {string} name @param {number} since @param {number} withinMs */
  wasDisturbed(name, since, withinMs) {
    return (this.#disturbedAt.get(name) ?? -Infinity) > since - withinMs;
  }

  toConfig() {
    return {
      mcpServers: Object.fromEntries([...this.#members].map(([name, member]) => [name, this.#entry(name, member)])),
    };
  }

  /** @param {string} name @param {Member} member */
  #entry(name, { kind, generation }) {
    const env = { GENERATION: String(generation) };
    switch (kind) {
      case 'http':
        return {
          type: 'streamable-http',
          url: `${this.#upstreamUrl}/mcp`,
          headers: { 'x-generation': String(generation) },
        };
      case 'personal':
        return {
          ...fixture('fault-worker.js', [`server=${name}`], { env: { ...env, TOKEN: '${TOKEN}' } }),
          userVars: { TOKEN: { title: 'Token' } },
          idleTimeoutMs: 20_000,
        };
      case 'stdio': {
        // Every other one has a grandchild that ignores the end of its input and SIGTERM.
        const more = name.endsWith('0') || name.endsWith('6') ? ['with-grandchild'] : [];
        return fixture('fault-worker.js', [`server=${name}`, ...more], { env });
      }
    }
  }
}
