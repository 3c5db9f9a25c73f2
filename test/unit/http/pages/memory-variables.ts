import { toUserKey, type UserId } from '../../../../src/auth/user.ts';
import type { UserVariable } from '../../../../src/config/server-config.ts';
import { NotFoundError, UserVariableTestError, UserVariableValueError } from '../../../../src/errors.ts';
import type { ServerVariables, UserVariables } from '../../../../src/servers/user-variables.ts';
import type { SecretFacts, ToolUse } from '../../../../src/vault/vault.ts';

export interface MemoryServer {
  readonly server: string;
  readonly title: string;
  readonly variables: Readonly<Record<string, Partial<UserVariable>>>;
}

const plain: UserVariable = {
  title: '',
  description: undefined,
  required: true,
  sensitive: true,
  default: undefined,
  choices: undefined,
  pattern: undefined,
  helpUrl: undefined,
};

interface Entry {
  readonly owner: UserId;
  readonly server: string;
  readonly name: string;
  readonly value: string;
}

/** User settings kept in memory; a value that holds `wrong` fails a test. */
export class MemoryVariables implements UserVariables {
  readonly entries = new Map<string, Entry>();
  readonly uses: ToolUse[] = [];
  readonly refused = new Map<string, number>();
  readonly unreadable = new Set<string>();
  /** What the next call of any method fails with. */
  failure: Error | undefined;
  /** When values were set. */
  now = Date.UTC(2026, 10, 2, 9, 30);
  readonly #servers: readonly MemoryServer[];

  constructor(servers: readonly MemoryServer[]) {
    this.#servers = servers;
  }

  put(owner: UserId, server: string, name: string, value: string): void {
    this.entries.set(keyOf(owner, server, name), { owner, server, name, value });
  }

  value(owner: UserId, server: string, name: string): string | undefined {
    return this.entries.get(keyOf(owner, server, name))?.value;
  }

  facts(): SecretFacts[] {
    return [...this.entries.values()].map(({ owner, server, name, value }) => ({
      owner,
      server,
      name,
      updatedAt: this.now,
      lastUsedAt: undefined,
      lastFour: value.slice(-4),
      isReadable: !this.unreadable.has(server),
    }));
  }

  async list(user: UserId): Promise<readonly ServerVariables[]> {
    this.#mayFail();
    return this.#servers.map((server) => this.#settings(user, server));
  }

  async get(user: UserId, server: string): Promise<ServerVariables> {
    this.#mayFail();
    return this.#settings(user, this.#find(server));
  }

  async save(
    user: UserId,
    server: string,
    values: ReadonlyMap<string, string>,
    { isTested = false }: { readonly isTested?: boolean } = {},
  ): Promise<void> {
    this.#mayFail();
    const { title, variables } = this.#find(server);
    for (const [name, value] of values) {
      const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (variable === undefined) throw new NotFoundError(`${title} has no user variable "${name}".`);
      if (value === '') throw new UserVariableValueError(`${variable.title ?? name} is empty.`, name);
      if (variable.pattern !== undefined && !new RegExp(`^(?:${variable.pattern})$`, 'u').test(value)) {
        throw new UserVariableValueError(
          `The value of "${variable.title ?? name}" does not have the right form.`,
          name,
        );
      }
    }
    if (isTested && [...values.values()].some((value) => value.includes('wrong'))) {
      throw new UserVariableTestError(`${title} refused the new values, so they were not kept.`);
    }
    for (const [name, value] of values) this.put(user, server, name, value);
  }

  async remove(user: UserId, server: string, name: string): Promise<boolean> {
    this.#mayFail();
    this.#find(server);
    return this.entries.delete(keyOf(user, server, name));
  }

  async testConnection(user: UserId, server: string): ReturnType<UserVariables['testConnection']> {
    this.#mayFail();
    const { title, variables } = this.#find(server);
    const values = Object.keys(variables).map((name) => this.value(user, server, name) ?? '');
    const ok = !values.some((value) => value.includes('wrong'));
    return { ok, tools: ok ? ['one', 'two'] : [], error: ok ? undefined : `${title} refused what is set.` };
  }

  async plainValues(user: UserId) {
    return new Map(
      this.#servers.map(({ server, variables }) => {
        const plainOnes = Object.keys(variables).filter((name) => variables[name]?.sensitive === false);
        const set = plainOnes.flatMap((name) => {
          const value = this.value(user, server, name);
          return value === undefined ? [] : [[name, value] as const];
        });
        return [server, new Map(set)] as const;
      }),
    );
  }

  async isKnown(user: UserId): Promise<boolean> {
    return [...this.entries.values()].some(({ owner }) => toUserKey(owner) === toUserKey(user));
  }

  async recentUses(): Promise<readonly ToolUse[]> {
    this.#mayFail();
    return this.uses;
  }

  async erase(user: UserId): Promise<number> {
    this.#mayFail();
    const own = [...this.entries].filter(([, { owner }]) => toUserKey(owner) === toUserKey(user));
    for (const [key] of own) this.entries.delete(key);
    return own.length;
  }

  #find(server: string): MemoryServer {
    const found = this.#servers.find((one) => one.server === server);
    if (found === undefined) throw new NotFoundError('There is no such server.');
    return found;
  }

  #settings(user: UserId, { server, title, variables }: MemoryServer): ServerVariables {
    const states = Object.entries(variables).map(([name, given]) => {
      const entry = this.entries.get(keyOf(user, server, name));
      const isSet = entry !== undefined;
      return {
        name,
        variable: { ...plain, title: name, ...given },
        isSet,
        isReadable: !this.unreadable.has(server),
        updatedAt: isSet ? this.now : undefined,
        lastUsedAt: isSet && this.uses.length > 0 ? this.now + 3_600_000 : undefined,
        lastFour: entry?.value.slice(-4),
      };
    });
    const isMissing = states.some(({ variable, isSet }) => variable.required && !isSet && !variable.default);
    const refusedSince = this.refused.get(server);
    const failing = refusedSince === undefined ? 'ready' : 'failing';
    const set = this.unreadable.has(server) ? 'unreadable' : failing;
    return { server, title, variables: states, status: isMissing ? 'missing' : set, refusedSince };
  }

  #mayFail(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

function keyOf(owner: UserId, server: string, name: string): string {
  return JSON.stringify([owner.issuer, owner.subject, server, name]);
}
