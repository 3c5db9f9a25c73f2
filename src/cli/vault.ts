import { matchesUser, toUserKey, toUserName, type UserId } from '../auth/user.ts';
import type { Environment } from '../config/environment.ts';
import { vaultKeyOf } from '../config/settings.ts';
import { UsageError } from '../errors.ts';
import { isReadable } from '../vault/cipher.ts';
import { SecretStore } from '../vault/secret-store.ts';
import type { LinkProfile } from '../vault/setup-links.ts';
import { readProfiles } from '../vault/user-profiles.ts';
import { findKeyring, type VaultKeySource } from '../vault/vault-key.ts';
import { assertOwnKeyring } from '../vault/vault-keys.ts';
import { type CommandResult, done, toJson, toTable, toTimeText } from './command-result.ts';
import { confirm } from './confirm.ts';
import { linkUser, type readLinkRequest } from './vault-link.ts';
import { type RotationRequest, rotateKey } from './vault-rotation.ts';
import { printNewKey, rewrapKeys } from './vault-wrapping.ts';
import { parseUserArgument, withDatabase } from './with-database.ts';

/**
 * `mcpo-ts vault …`; none prints a value or a key. `now` is in milliseconds since the epoch. They reject with
 * `UsageError` for arguments that cannot be used, `ConfigError` for the vault's keys, `DatabaseError`.
 */
export function vaultCommands(
  environment: Pick<Environment, 'values' | 'secrets' | 'variables' | 'database'>,
  now = Date.now(),
) {
  const { database } = environment;
  const { dataDir, databaseUrl } = database;
  const keySource = { ...vaultKeyOf(environment), dataDir, hasSharedDatabase: databaseUrl !== undefined };
  const withStore = (use: (store: SecretStore) => Promise<CommandResult>) =>
    withDatabase(database, 'secrets', (opened) => use(new SecretStore(opened)));
  const withUser = async (user: string, use: (store: SecretStore, owner: UserId) => Promise<CommandResult>) => {
    // Checked first: opening the embedded database creates it.
    const owner = parseUserArgument(user, `"${user}" is not a user:`);
    return withStore((store) => use(store, owner));
  };
  return {
    list: (json: boolean, search?: string) => withStore((store) => listSecrets(store, keySource, json, search)),
    exportUser: (user: string) => withUser(user, (store, owner) => exportUser(store, owner, keySource)),
    /** `ask` returns whether to go on, `undefined` where nobody can be asked. */
    eraseUser: (user: string, ask: typeof confirm = confirm) =>
      withUser(user, (store, owner) => eraseUser(store, owner, ask, now)),
    link: (user: string, request: ReturnType<typeof readLinkRequest>) =>
      withUser(user, (store, owner) => linkUser(store, owner, request, now)),
    rewrapKey: () => rewrapKeys(keySource),
    newKey: () => printNewKey(keySource),
    rotateKey: (request: RotationRequest) => withStore((store) => rotateKey(store, keySource, request, now)),
  };
}

/**
 * Who has set what, never a value; as a table or as JSON; with `search` of the users whose id, name or e-mail address
 * contains it. Each is decrypted to see whether it can be.
 */
async function listSecrets(
  store: SecretStore,
  keySource: VaultKeySource,
  json: boolean,
  search: string | undefined,
): Promise<CommandResult> {
  const all = await store.list();
  if (all.length === 0) return done(json ? toJson([]) : 'There are no secrets in the vault.\n');
  const keyring = await findKeyring(keySource);
  assertOwnKeyring(await store.keys(), keyring);
  const profiles = readProfiles(keyring, await store.profiles());
  const profileOf = (owner: UserId) => profiles.get(toUserKey(owner));
  const rows = all.filter(
    ({ owner }) => search === undefined || matchesUser({ ...owner, ...profileOf(owner) }, search),
  );
  if (rows.length === 0) {
    const note = 'No user with secrets in the vault has this in their id, name or e-mail address.\n';
    return done(json ? toJson([]) : '', note);
  }
  const secrets = rows.map((row) => ({
    issuer: row.owner.issuer,
    subject: row.owner.subject,
    name: profileOf(row.owner)?.name,
    email: profileOf(row.owner)?.email,
    server: row.server,
    variable: row.name,
    setAt: toTimeText(row.updatedAt),
    lastUsedAt: row.lastUsedAt === undefined ? undefined : toTimeText(row.lastUsedAt),
    isReadable: isReadable(keyring, row),
    keyId: row.keyId,
  }));
  const unreadable = secrets.filter(({ isReadable: canBeRead }) => !canBeRead).length;
  const note =
    unreadable === 0
      ? ''
      : `${unreadable} of ${secrets.length} secrets cannot be decrypted with the keys given; they are not deleted. Give the key of that id, or let the user set the value again.\n`;
  if (json) return done(toJson(secrets), note);
  const isKnown = ({ name, email }: LinkProfile) => name !== undefined || email !== undefined;
  // Last, so that the other columns stay where they are.
  const areKnown = secrets.some(isKnown);
  const table = toTable(
    ['USER', 'SERVER', 'VARIABLE', 'SET AT', 'LAST USED', 'READABLE', 'KEY', ...(areKnown ? ['NAME'] : [])],
    secrets.map((secret) => [
      `${secret.issuer}:${secret.subject}`,
      secret.server,
      secret.variable,
      secret.setAt,
      secret.lastUsedAt ?? 'never',
      secret.isReadable ? 'yes' : 'NO',
      secret.keyId,
      ...(areKnown ? [isKnown(secret) ? toUserName(secret) : '-'] : []),
    ]),
  );
  return done(table, note);
}

/**
 * Everything that is stored about a user, as JSON (GDPR, article 15), except the values of their secrets: the vault gives
 * none back, and users know what they have set.
 */
async function exportUser(store: SecretStore, owner: UserId, keySource: VaultKeySource): Promise<CommandResult> {
  const profile = await readProfile(store, owner, keySource);
  const [secrets, uses, refused] = await Promise.all([
    store.list(owner),
    store.recentUses(owner, Number.MAX_SAFE_INTEGER),
    store.refused(owner),
  ]);
  return done(
    toJson({
      user: { issuer: owner.issuer, subject: owner.subject, ...profile },
      secrets: secrets.map(({ server, name, updatedAt, lastUsedAt, lastFour }) => ({
        server,
        variable: name,
        setAt: toTimeText(updatedAt),
        lastUsedAt: lastUsedAt === undefined ? null : toTimeText(lastUsedAt),
        lastFour,
      })),
      uses: uses.map(({ server, tool, lastUsedAt, calls }) => ({
        server,
        tool,
        lastUsedAt: toTimeText(lastUsedAt),
        calls,
      })),
      refusedCredentials: refused.map(({ server, since }) => ({ server, since: toTimeText(since) })),
    }),
  );
}

/** What people know the user by; the vault's key is needed only where something is stored. */
async function readProfile(store: SecretStore, owner: UserId, keySource: VaultKeySource): Promise<LinkProfile> {
  const rows = await store.profiles(owner);
  return (rows.length === 0 ? undefined : readProfiles(await findKeyring(keySource), rows).get(toUserKey(owner))) ?? {};
}

/**
 * Removes all of that once it is confirmed; running services notice within seconds and end the user's sessions. Exit
 * code 1 for an unknown user, and if it is not confirmed.
 */
async function eraseUser(store: SecretStore, owner: UserId, ask: typeof confirm, now: number): Promise<CommandResult> {
  const who = `${owner.issuer}:${owner.subject}`;
  if (!(await store.hasAnythingOf(owner))) {
    const note = `Nothing is stored about ${who}; "mcpo-ts vault list" shows users by their ids.\n`;
    return { text: '', note, exitCode: 1 };
  }
  const isWanted = await ask(`Erase everything that is stored about ${who}? This cannot be undone.`);
  if (isWanted === undefined) {
    throw new UsageError(
      `Erasing everything that is stored about ${who} cannot be undone; add --yes if that is wanted.`,
    );
  }
  if (!isWanted) return { text: '', note: 'Nothing was erased.\n', exitCode: 1 };
  const count = await store.erase(owner, now);
  const secrets = `${count} ${count === 1 ? 'secret' : 'secrets'}`;
  return done(
    `${secrets} of ${who} and everything else about this user in the vault are gone.\n`,
    'Not erased: the audit log, whose entries prove who did what and expire with "retentionDays"; backups, for as long as you keep them; in PostgreSQL deleted rows until its next VACUUM.\n',
  );
}
