import { parseUserId, type UserId } from '../auth/user.ts';
import type { Environment } from '../config/environment.ts';
import { vaultKeyOf } from '../config/settings.ts';
import { UsageError } from '../errors.ts';
import { IdentityStore } from '../vault/identity-store.ts';
import { createMoveSecret } from '../vault/persons.ts';
import { SecretStore } from '../vault/secret-store.ts';
import { findKeyring } from '../vault/vault-key.ts';
import { assertOwnKeyring } from '../vault/vault-keys.ts';
import { type CommandResult, done, toJson, toTable, toTimeText } from './command-result.ts';
import { parseUserArgument, withDatabase } from './with-database.ts';

/**
 * `mcpo-ts identity …`: running services follow within seconds. They reject with `UsageError` for arguments that cannot be
 * used, `ConfigError` for the vault's keys, `DatabaseError`.
 */
export function identityCommands(environment: Pick<Environment, 'values' | 'secrets' | 'variables' | 'database'>) {
  const { database } = environment;
  const { dataDir, databaseUrl } = database;
  const keySource = { ...vaultKeyOf(environment), dataDir, hasSharedDatabase: databaseUrl !== undefined };

  return {
    list: (json: boolean) =>
      withDatabase(database, 'links between identities', async (opened) => {
        const links = (await new IdentityStore(opened).list()).map(({ identity, person, by, linkedAt }) => ({
          identity: nameOf(identity),
          person: nameOf(person),
          by,
          since: toTimeText(linkedAt),
        }));
        if (json) return done(toJson(links));
        if (links.length === 0) return done('No identities are linked.\n');
        const rows = links.map(({ identity, person, by, since }) => [person, identity, by, since]);
        return done(toTable(['PERSON', 'IDENTITY', 'LINKED BY', 'SINCE'], rows));
      }),

    link: async (one: string, other: string): Promise<CommandResult> => {
      const identity = parseUser(one);
      const person = parseUser(other);
      return withDatabase(database, 'links between identities', async (opened) => {
        const store = new SecretStore(opened);
        const hasSecrets = (await store.list()).length > 0;
        const keyring = hasSecrets ? await findKeyring(keySource) : undefined;
        if (keyring !== undefined) assertOwnKeyring(await store.keys(), keyring);
        const moveSecret = keyring === undefined ? () => undefined : createMoveSecret(keyring);
        const outcome = await new IdentityStore(opened).link(identity, person, moveSecret);
        switch (outcome.kind) {
          case 'unchanged':
            return done(`${nameOf(identity)} and ${nameOf(person)} are one person already.\n`);
          case 'conflict':
            throw new UsageError(
              `${nameOf(identity)} cannot be linked: ${nameOf(outcome.with)} is linked in its place. "mcpo-ts identity unlink" undoes that.`,
            );
          case 'linked': {
            const { person: root, from, movedSecrets } = outcome;
            const values = movedSecrets === 1 ? '1 value' : `${movedSecrets} values`;
            return done(`${nameOf(from)} is ${nameOf(root)} now; ${values} moved there.\n`);
          }
        }
      });
    },

    unlink: async (one: string): Promise<CommandResult> => {
      const identity = parseUser(one);
      return withDatabase(database, 'links between identities', async (opened) => {
        const former = await new IdentityStore(opened).unlink(identity);
        if (former === undefined) {
          throw new UsageError(
            `${nameOf(identity)} is not linked to another identity; "mcpo-ts identity list" shows those that are, and whose id counts.`,
          );
        }
        return done(
          `${nameOf(identity)} is a person of its own; what was set stays with ${nameOf(former)}.\n`,
          'Nothing links it again by itself; "mcpo-ts identity link" does.\n',
        );
      });
    },
  };
}

function parseUser(text: string): UserId {
  // Checked first: opening the embedded database creates it.
  return parseUserArgument(parseUserId(text) === undefined ? '' : text, `"${text}" is not a user:`);
}

function nameOf({ issuer, subject }: UserId): string {
  return `${issuer}:${subject}`;
}
