import type { UserId } from '../../auth/user.ts';
import { UserVariableTestError } from '../../errors.ts';
import type { UserVariables } from '../../servers/user-variables.ts';
import type { Actor, SecretChange, VaultAudit } from './vault-audit.ts';

/** What an erasure leaves, and why: the log of it says so. */
const KEPT = 'the entries of this log, which prove who did what; they end with "retentionDays"';

/**
 * The settings as one actor uses them: every change is recorded, done or failed, and none is begun while it could not
 * be recorded. The pages and the JSON API both go through it.
 */
export function auditedSettings(settings: UserVariables, audit: VaultAudit, actor: Actor): UserVariables {
  /** Records one change for each of `changes` when `run` has ended. */
  const recorded = async <T>(
    changes: readonly SecretChange[],
    run: () => Promise<T>,
    outcome: (result: T) => Partial<SecretChange> = () => ({}),
  ): Promise<T> => {
    audit.assertAvailable();
    try {
      const result = await run();
      for (const change of changes) audit.secretChanged(actor, { ...change, ...outcome(result) });
      return result;
    } catch (error) {
      for (const change of changes) audit.secretChanged(actor, { ...change, error });
      throw error;
    }
  };
  const toOwner = ({ issuer, subject }: UserId): UserId => ({ issuer, subject });

  return {
    list: (user) => settings.list(user),
    get: (user, server) => settings.get(user, server),
    recentUses: (user) => settings.recentUses(user),
    save: (user, server, values, options) =>
      recorded(
        [...values.keys()].map((name) => ({ action: 'set', owner: toOwner(user), server, name })),
        () => settings.save(user, server, values, options),
        () => ({ details: { tested: options?.isTested ?? false } }),
      ),
    remove: (user, server, name) =>
      recorded(
        [{ action: 'remove', owner: toOwner(user), server, name }],
        () => settings.remove(user, server, name),
        (wasSet) => ({ details: { was_set: wasSet } }),
      ),
    testConnection: (user, server, options) =>
      recorded(
        [{ action: 'test', owner: toOwner(user), server }],
        () => settings.testConnection(user, server, options),
        ({ ok, error }) => (ok ? {} : { error: new UserVariableTestError(error ?? 'The test failed.') }),
      ),
    erase: (user) =>
      recorded(
        [{ action: 'erase', owner: toOwner(user) }],
        () => settings.erase(user),
        (count) => ({ details: { secrets: count, kept: KEPT } }),
      ),
  };
}
