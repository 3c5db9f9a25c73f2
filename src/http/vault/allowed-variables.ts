import type { AuditDetails } from '../../audit/audit-event.ts';
import { lacksScope, requireOwnValues } from '../../auth/authorize.ts';
import { toUserPrincipalId } from '../../auth/principal.ts';
import type { Scopes } from '../../auth/scopes.ts';
import type { UserId, UserProfile } from '../../auth/user.ts';
import {
  ForbiddenError,
  NotFoundError,
  UnauthenticatedError,
  UserUnknownError,
  UserVariableTestError,
} from '../../errors.ts';
import type { ConnectionTest, ServerVariables, UserVariables } from '../../servers/user-variables.ts';
import type { ToolUse } from '../../vault/vault.ts';
import { type Actor, type AuditTrail, codeOf } from '../audit-trail.ts';
import type { Exchange } from '../request-facts.ts';
import type { VaultCaller } from './vault-caller.ts';

/** What an erasure keeps, and why: the log of it says so. */
const KEPT = 'the entries of this log, which prove who did what; they end with "retentionDays"';

export interface VariableDependencies {
  readonly userVariables: UserVariables;
  readonly audit: AuditTrail;
}

/** Where a user sets values for a server. */
export interface SetupLinkUrl {
  readonly url: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface SaveOptions {
  readonly isTested?: boolean;
  readonly signal?: AbortSignal;
}

type Action = 'set' | 'remove' | 'erase' | 'test' | 'link';

/**
 * The variables of one user, as far as a caller may use them: each method checks the caller's scopes and setup link, and
 * each change is recorded, done or failed; none begins while it could not be recorded. The pages and the API share it.
 */
export class AllowedVariables {
  readonly #user: UserProfile;
  readonly #caller: VaultCaller;
  readonly #actor: Actor;
  readonly #variables: UserVariables;
  readonly #audit: AuditTrail;
  readonly #isOwn: boolean;

  /** The variables of `user`, or the caller's own. Throws `UnauthenticatedError`. */
  constructor(
    caller: VaultCaller,
    { request, response }: Exchange,
    { userVariables, audit }: VariableDependencies,
    user?: UserId,
  ) {
    this.#isOwn = user === undefined;
    this.#user = user ?? requireUser(caller);
    this.#caller = caller;
    this.#actor = { id: caller.id, request, response };
    this.#variables = userVariables;
    this.#audit = audit;
  }

  /** The servers that ask the user for values and that the caller may set them for. */
  async list(): Promise<readonly ServerVariables[]> {
    this.#requireOwner();
    const { server, scopes } = this.#caller;
    const variables = this.#variables;
    const all = server === undefined ? await variables.list(this.#user) : [await variables.get(this.#user, server)];
    return all.filter((one) => scopes.allowsOwnValues(one.server));
  }

  /**
   * What the users themselves see of what they have set: values that are not sensitive, by server and name; none for a
   * caller by setup link, which can set values and never read any.
   */
  async plainValues(): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    this.#requireOwner();
    const { server, scopes } = this.#caller;
    if (server !== undefined) return new Map();
    const values = await this.#variables.plainValues(this.#user);
    return new Map([...values].filter(([name]) => scopes.allowsOwnValues(name)));
  }

  /** Latest first; none for a caller by setup link. */
  async recentUses(): Promise<readonly ToolUse[]> {
    const { server, scopes } = this.#caller;
    if (server !== undefined) return [];
    return (await this.#variables.recentUses(this.#user)).filter((use) => scopes.allowsOwnValues(use.server));
  }

  async save(server: string, values: ReadonlyMap<string, string>, options: SaveOptions): Promise<void> {
    this.requireSetting(server);
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

  /**
   * Makes a setup link, with which its holder can set and test the user's values for the server. A setup link makes no
   * other. Throws `NotFoundError` for a server that asks the user for nothing.
   */
  async createLink(server: string, create: (user: UserProfile) => Promise<SetupLinkUrl>): Promise<SetupLinkUrl> {
    this.requireServer(server);
    this.#requireLogIn();
    const { link } = await this.#recorded('link', [server], async () => {
      await this.#variables.get(this.#user, server);
      return { details: {}, link: await create(this.#user) };
    });
    return link;
  }

  /** The user, as they are named in answers. */
  get user(): UserId {
    const { issuer, subject } = this.#user;
    return { issuer, subject };
  }

  /** `undefined`: the caller may not know that. A caller is known. */
  async isKnown(): Promise<boolean | undefined> {
    if (this.#isOwn) return true;
    if (!this.#caller.scopes.allowsVaultAdministration) return undefined;
    return this.#variables.isKnown(this.#user);
  }

  /** Throws `UserUnknownError` for a user of whom nothing is known, `ForbiddenError` for a caller who may not know it. */
  async requireKnown(): Promise<void> {
    const isKnown = await this.isKnown();
    if (isKnown === undefined) throw lacksScope('vault:admin');
    if (isKnown) return;
    throw new UserUnknownError(
      'Nothing is known of this user: they have set no value, called no tool with one and never logged in. Check the id and the issuer.',
    );
  }

  async test(server: string, options: { readonly signal: AbortSignal }): Promise<ConnectionTest> {
    this.requireServer(server);
    const { result } = await this.#recorded('test', [server], async () => {
      const result = await this.#variables.testConnection(this.#user, server, options);
      const error = result.ok ? undefined : new UserVariableTestError(result.error ?? 'The test failed.');
      return { details: {}, result, error };
    });
    return result;
  }

  /** Removes everything of the user; returns how many values there were. */
  async erase(): Promise<number> {
    this.#requireLogIn();
    if (this.#isOwn && !this.#caller.scopes.allowsAllOwnValues) throw lacksScope('vault');
    if (!this.#isOwn) requireOthers(this.#caller.scopes);
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
    const { scopes } = this.#caller;
    if (this.#isOwn) {
      this.#requireLinkedServer(server);
      requireOwnValues(scopes, server);
    } else requireOthers(scopes);
  }

  /** The same for setting values, which needs less. */
  requireSetting(server: string): void {
    const { scopes } = this.#caller;
    if (this.#isOwn) {
      this.#requireLinkedServer(server);
      if (!scopes.allowsSettingOwnValues(server)) throw lacksScope('vault', `vault:write:${server}`);
    } else requireOthers(scopes, server);
  }

  #requireLinkedServer(server: string): void {
    if (this.#caller.server !== undefined && this.#caller.server !== server) {
      throw new NotFoundError('This setup link is for another server. Log in at /vault to use this one.');
    }
  }

  /** Nobody reads what others have set, or tests it. */
  #requireOwner(): void {
    if (!this.#isOwn) throw new ForbiddenError('Only the users themselves can see what they have set.');
  }

  #requireLogIn(): void {
    if (this.#caller.server === undefined) return;
    throw new ForbiddenError(
      'A setup link can only set and test the values of one server. Log in at /vault for everything else.',
    );
  }

  /** Records one event for each resource once `run` has ended. */
  async #recorded<T extends { readonly details: AuditDetails; readonly error?: unknown }>(
    action: Action,
    resources: readonly (string | undefined)[],
    run: () => Promise<T>,
  ): Promise<T> {
    const subjectId = toUserPrincipalId(this.#user);
    const record = ({ details, error }: { readonly details?: AuditDetails; readonly error?: unknown }) => {
      const code = error === undefined ? {} : { code: codeOf(error) };
      for (const resource of resources) {
        this.#audit.record(this.#actor, {
          eventType: 'secret_change',
          action,
          resource,
          result: error === undefined ? 'success' : 'failure',
          subjectId,
          details: { on_behalf: this.#actor.id !== subjectId, ...details, ...code },
        });
      }
    };
    this.#audit.assertAvailable();
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

/**
 * Throws `ForbiddenError` for a caller who may not do this for other users: to set values for `server`, or anything where
 * none is given.
 */
export function requireOthers(scopes: Scopes, server?: string): void {
  if (scopes.allowsVaultAdministration) return;
  if (server === undefined) throw lacksScope('vault:admin');
  if (!scopes.allowsSettingValuesOfOthers(server)) throw lacksScope('vault:admin', `vault:write:${server}`);
}
