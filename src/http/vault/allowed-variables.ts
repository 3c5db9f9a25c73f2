import type { AuditDetails } from '../../audit/audit-event.ts';
import { lacksScope, requireOwnValues } from '../../auth/authorize.ts';
import { toUserPrincipalId } from '../../auth/principal.ts';
import type { UserId, UserProfile } from '../../auth/user.ts';
import { ForbiddenError, NotFoundError, UnauthenticatedError, UserVariableTestError } from '../../errors.ts';
import type { ConnectionTest, ServerVariables, UserVariables } from '../../servers/user-variables.ts';
import type { ToolUse } from '../../vault/vault.ts';
import { type Actor, type AuditTrail, codeOf, type Exchange } from '../audit-trail.ts';
import type { VaultCaller } from './vault-caller.ts';

/** What an erasure keeps, and why: the log of it says so. */
const KEPT = 'the entries of this log, which prove who did what; they end with "retentionDays"';

export interface VariableDependencies {
  readonly userVariables: UserVariables;
  readonly audit: AuditTrail | undefined;
}

interface SaveOptions {
  readonly isTested?: boolean;
  readonly signal?: AbortSignal;
}

type Action = 'set' | 'remove' | 'erase' | 'test';

/**
 * The variables of one user, as far as a caller may use them: each method checks the caller's scopes and setup link, and
 * each change is recorded, done or failed; none begins while it could not be recorded. The pages and the API share it.
 */
export class AllowedVariables {
  readonly #user: UserProfile;
  readonly #caller: VaultCaller;
  readonly #actor: Actor;
  readonly #variables: UserVariables;
  readonly #audit: AuditTrail | undefined;
  readonly #isOwn: boolean;

  /** The variables of `user`, or the caller's own. Throws `ForbiddenError`, `UnauthenticatedError`. */
  constructor(
    caller: VaultCaller,
    { request, response }: Exchange,
    { userVariables, audit }: VariableDependencies,
    user?: UserId,
  ) {
    this.#isOwn = user === undefined;
    if (user !== undefined) requireAdmin(caller);
    this.#user = user ?? requireUser(caller);
    this.#caller = caller;
    this.#actor = { id: caller.id, request, response };
    this.#variables = userVariables;
    this.#audit = audit;
  }

  /** The servers that ask the user for values and that the caller may set them for. */
  async list(): Promise<readonly ServerVariables[]> {
    const { server, scopes } = this.#caller;
    const variables = this.#variables;
    const all = server === undefined ? await variables.list(this.#user) : [await variables.get(this.#user, server)];
    return all.filter((one) => scopes.allowsOwnValues(one.server));
  }

  /** Latest first; none for a caller by setup link. */
  async recentUses(): Promise<readonly ToolUse[]> {
    const { server, scopes } = this.#caller;
    if (server !== undefined) return [];
    return (await this.#variables.recentUses(this.#user)).filter((use) => scopes.allowsOwnValues(use.server));
  }

  async save(server: string, values: ReadonlyMap<string, string>, options: SaveOptions): Promise<void> {
    this.requireServer(server);
    const resources = [...values.keys()].map((name) => `${server}/${name}`);
    await this.#recorded('set', resources, async () => {
      await this.#variables.save(this.#user, server, values, options);
      return { details: { tested: options.isTested ?? false } };
    });
  }

  async remove(server: string, name: string): Promise<void> {
    this.requireServer(server);
    this.#requireLogIn();
    await this.#recorded('remove', [`${server}/${name}`], async () => ({
      details: { was_set: await this.#variables.remove(this.#user, server, name) },
    }));
  }

  async test(server: string, options: { readonly signal: AbortSignal }): Promise<ConnectionTest> {
    this.requireServer(server);
    const { result } = await this.#recorded('test', [server], async () => {
      const result = await this.#variables.testConnection(this.#user, server, options);
      const error = result.ok ? undefined : new UserVariableTestError(result.error ?? 'The test failed.');
      return { result, error };
    });
    return result;
  }

  /** Removes everything of the user; returns how many values there were. */
  async erase(): Promise<number> {
    this.#requireLogIn();
    if (this.#isOwn && !this.#caller.scopes.allowsAllOwnValues) throw lacksScope('vault');
    const { details } = await this.#recorded('erase', [undefined], async () => ({
      details: { secrets: await this.#variables.erase(this.#user), kept: KEPT },
    }));
    return details.secrets;
  }

  /**
   * Throws `NotFoundError` for a server that the caller's setup link does not name, `ForbiddenError` for one that the
   * caller's scopes do not cover.
   */
  requireServer(server: string): void {
    if (!this.#isOwn) return;
    if (this.#caller.server !== undefined && this.#caller.server !== server) {
      throw new NotFoundError('This setup link is for another server. Log in at /vault to use this one.');
    }
    requireOwnValues(this.#caller.scopes, server);
  }

  #requireLogIn(): void {
    if (this.#caller.server === undefined) return;
    throw new ForbiddenError(
      'A setup link can only set and test the values of one server. Log in at /vault to remove or erase values.',
    );
  }

  /** Records one event for each resource once `run` has ended. */
  async #recorded<T extends { readonly details?: AuditDetails; readonly error?: unknown }>(
    action: Action,
    resources: readonly (string | undefined)[],
    run: () => Promise<T>,
  ): Promise<T> {
    const subjectId = toUserPrincipalId(this.#user);
    const record = ({ details, error }: { readonly details?: AuditDetails; readonly error?: unknown }) => {
      const code = error === undefined ? {} : { code: codeOf(error) };
      for (const resource of resources) {
        this.#audit?.record(this.#actor, {
          eventType: 'secret_change',
          action,
          resource,
          result: error === undefined ? 'success' : 'failure',
          subjectId,
          details: { on_behalf: this.#actor.id !== subjectId, ...details, ...code },
        });
      }
    };
    this.#audit?.assertAvailable();
    try {
      const outcome = await run();
      record(outcome);
      return outcome;
    } catch (error) {
      record({ error });
      throw error;
    }
  }
}

function requireUser({ user }: VaultCaller): UserProfile {
  if (user !== undefined) return user;
  throw new UnauthenticatedError(
    "The user is unknown: call with a personal API key, with a token of the user, or with a key that may assert users and Open WebUI's headers about the user.",
    'Bearer',
  );
}

/** Throws `ForbiddenError`. */
export function requireAdmin({ isAdmin }: VaultCaller): void {
  if (!isAdmin) throw lacksScope('admin');
}
