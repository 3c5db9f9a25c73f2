import type { UserId } from '../auth/user.ts';
import type { SecretStore } from '../vault/secret-store.ts';
import { toTimeText } from './table.ts';
import type { VaultCommandResult } from './vault-result.ts';

/**
 * Everything that is kept about a user, as JSON (GDPR, article 15), but for the values of his secrets: the vault gives
 * none back, and who sets one knows it.
 */
export async function exportUser(store: SecretStore, owner: UserId): Promise<VaultCommandResult> {
  const [secrets, uses, refused] = await Promise.all([
    store.list(owner),
    store.recentUses(owner, Number.MAX_SAFE_INTEGER),
    store.refused(owner),
  ]);
  const content = {
    user: { issuer: owner.issuer, subject: owner.subject },
    secrets: secrets.map(({ server, name, updatedAt, lastUsedAt, lastFour }) => ({
      server,
      variable: name,
      setAt: toTimeText(updatedAt),
      lastUsedAt: lastUsedAt === undefined ? null : toTimeText(lastUsedAt),
      ...(lastFour === undefined ? {} : { lastFour }),
    })),
    uses: uses.map(({ server, tool, lastUsedAt, calls }) => ({
      server,
      tool,
      lastUsedAt: toTimeText(lastUsedAt),
      calls,
    })),
    refusedCredentials: refused.map(({ server, since }) => ({ server, since: toTimeText(since) })),
  };
  return { text: `${JSON.stringify(content, null, 2)}\n`, note: '', exitCode: 0 };
}

/** Removes all of that; running services notice within seconds and end the user's sessions. */
export async function eraseUser(store: SecretStore, owner: UserId, now: number): Promise<VaultCommandResult> {
  const count = await store.erase(owner, now);
  const secrets = `${count} ${count === 1 ? 'secret' : 'secrets'}`;
  const text = `${secrets} of ${owner.issuer}:${owner.subject} and everything else about this user in the vault are gone.\n`;
  const note =
    'Kept: the audit log, whose entries prove who did what and end with "retentionDays"; backups, for as long as you keep them; in PostgreSQL deleted rows until its next VACUUM.\n';
  return { text, note, exitCode: 0 };
}
