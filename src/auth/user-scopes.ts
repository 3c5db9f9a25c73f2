import type { AuthSettings } from './auth-settings.ts';
import { Scopes } from './scope.ts';

/** Roles and groups are names that others choose: no more sets than this are kept. */
const MAX_KEPT = 1_000;

/** The scopes of users: those that all have, and those that roles and groups add; equal sets are made once. */
export class UserScopes {
  readonly #byRole: AuthSettings['scopesByRole'];
  readonly #byGroup: AuthSettings['scopesByGroup'];
  readonly #kept = new Map<string, Scopes>();
  readonly #within = new WeakMap<Scopes, WeakMap<Scopes, Scopes>>();

  constructor({ scopesByRole, scopesByGroup }: Pick<AuthSettings, 'scopesByRole' | 'scopesByGroup'>) {
    this.#byRole = scopesByRole;
    this.#byGroup = scopesByGroup;
  }

  /** `base` itself when nothing is added. */
  with(base: Scopes, role: string | undefined, groups: readonly string[]): Scopes {
    const byRole = role === undefined ? [] : (this.#byRole.get(role) ?? []);
    const added = [...byRole, ...groups.flatMap((group) => this.#byGroup.get(group) ?? [])];
    if (added.length === 0) return base;
    const texts = [...base.texts, ...added];
    const name = JSON.stringify(texts);
    const kept = this.#kept.get(name);
    if (kept !== undefined) return kept;
    const scopes = new Scopes(texts);
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(name, scopes);
    return scopes;
  }

  /** What a user may do through a key that speaks for them: nothing that the key may not, whatever their role. */
  through(key: Scopes, user: Scopes): Scopes {
    const kept = this.#within.get(key) ?? new WeakMap<Scopes, Scopes>();
    this.#within.set(key, kept);
    const scopes = kept.get(user) ?? user.within(key);
    kept.set(user, scopes);
    return scopes;
  }
}
