import type { Command } from 'commander';
import { UsageError } from '../errors.ts';

/** What is asked of keys, tokens, the vault and the audit log; needs no servers. */
export type AdminCommand =
  | {
      readonly kind: 'key-create';
      readonly id: string;
      readonly scopes: readonly string[];
      readonly user: string | undefined;
      readonly assertsUser: boolean;
      readonly expires: string | undefined;
      readonly configEntry: boolean;
    }
  | { readonly kind: 'key-list' }
  | { readonly kind: 'key-revoke'; readonly id: string }
  | {
      readonly kind: 'token-issue';
      readonly user: string;
      readonly email: string | undefined;
      readonly name: string | undefined;
      readonly role: string | undefined;
      readonly groups: readonly string[];
      readonly scopes: readonly string[] | undefined;
      readonly ttl: string | undefined;
      readonly allowsWeakSecret: boolean;
    }
  | { readonly kind: 'audit-verify'; readonly files: readonly string[] }
  | { readonly kind: 'vault'; readonly command: VaultCommand };

/** What is asked of the vault. A user is `SUBJECT` of Open WebUI, or `ISSUER:SUBJECT`. */
export type VaultCommand =
  | { readonly action: 'list'; readonly json: boolean }
  | { readonly action: 'export-user' | 'erase-user'; readonly user: string }
  | { readonly action: 'rotate-key'; readonly newKeyFile: string | undefined; readonly dropOld: boolean }
  | { readonly action: 'backup'; readonly file: string }
  | { readonly action: 'restore'; readonly file: string; readonly replace: boolean };

const append = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** The groups with what the help says of them. */
export const adminGroups: ReadonlyMap<string, string> = new Map([
  ['key', 'make, list and revoke API keys; they count without a restart'],
  ['token', 'issue tokens signed with JWT_SECRET'],
  ['vault', "list, export, erase, back up and re-encrypt users' secrets, and never print one"],
  ['audit', 'tell whether the audit log is as the service wrote it'],
]);

/**
 * Adds the commands of every group. To a program of their own: flags such as `--name` mean something else here than
 * they do for the service.
 */
export function addAdminCommands(program: Command, choose: (command: AdminCommand) => void): void {
  const key = addGroup(program, 'key');
  const create = key
    .command('create')
    .description('make a key and print it, once')
    .requiredOption('--id <name>', 'what to call it')
    .option('--scope <scope>', 'call, call:SERVER, call:SERVER/TOOL, docs, metrics or admin; repeatable', append)
    .option('--user <user>', 'whose it is: SUBJECT of Open WebUI, or ISSUER:SUBJECT')
    .option('--asserts-user', 'its holder may say for which user he speaks, as Open WebUI does')
    .option('--expires <time>', 'such as 90d or 2030-01-31')
    .option('--config-entry', 'print the entry for "auth.keys" of the servers file and keep nothing')
    .action(() => {
      const own = create.opts<{
        id: string;
        scope?: readonly string[];
        user?: string;
        assertsUser?: true;
        expires?: string;
        configEntry?: true;
      }>();
      choose({
        kind: 'key-create',
        id: own.id,
        scopes: own.scope ?? [],
        user: own.user,
        assertsUser: own.assertsUser === true,
        expires: own.expires,
        configEntry: own.configEntry === true,
      });
    });
  key
    .command('list')
    .description('list the keys of the database, never the keys themselves')
    .action(() => choose({ kind: 'key-list' }));
  key
    .command('revoke')
    .description('take a key out of the database')
    .argument('<id>')
    .action((id: string) => choose({ kind: 'key-revoke', id }));

  const token = addGroup(program, 'token');
  const issue = token
    .command('issue')
    .description('print a token about a user')
    .requiredOption('--user <id>', 'the subject')
    .option('--email <address>')
    .option('--name <name>')
    .option('--role <role>')
    .option('--group <group>', 'repeatable', append)
    .option('--scope <scope>', 'what it may do; repeatable; default call', append)
    .option('--ttl <time>', 'such as 1h; default JWT_EXPIRY, else an hour')
    .option('--allow-weak-secrets', 'sign with a short or well-known JWT_SECRET, too')
    .action(() => {
      const own = issue.opts<{
        user: string;
        email?: string;
        name?: string;
        role?: string;
        group?: readonly string[];
        scope?: readonly string[];
        ttl?: string;
        allowWeakSecrets?: true;
      }>();
      const { user, email, name, role, group: groups = [], scope: scopes, ttl } = own;
      const allowsWeakSecret = own.allowWeakSecrets === true;
      choose({ kind: 'token-issue', user, email, name, role, groups, scopes, ttl, allowsWeakSecret });
    });

  addVaultCommands(addGroup(program, 'vault'), (command) => choose({ kind: 'vault', command }));

  addGroup(program, 'audit')
    .command('verify')
    .description('tell whether the audit log is as the service wrote it')
    .argument('<file...>', 'in the order in which they were written')
    .action((files: string[]) => choose({ kind: 'audit-verify', files }));
}

function addVaultCommands(vault: Command, choose: (command: VaultCommand) => void): void {
  const list = vault
    .command('list')
    .description('who has set what and when')
    .option('--json', 'as JSON')
    .action(() => choose({ action: 'list', json: list.opts<{ json?: true }>().json === true }));
  for (const [action, description] of [
    ['export-user', 'print what is kept about a user as JSON, without values'],
    ['erase-user', 'remove everything that is kept about a user'],
  ] as const) {
    vault
      .command(action)
      .description(description)
      .argument('<user>', 'SUBJECT of Open WebUI, or ISSUER:SUBJECT')
      .action((user: string) => choose({ action, user }));
  }
  const rotate = vault
    .command('rotate-key')
    .description('encrypt everything anew under a new key; run it again if it was cut off')
    .option('--new-key-file <file>', 'a file with the new key; one is made if it is not given')
    .option('--drop-old', 'afterwards, in a run of its own: forget keys that nothing is encrypted under')
    .action(() => {
      const { newKeyFile, dropOld } = rotate.opts<{ newKeyFile?: string; dropOld?: true }>();
      choose({ action: 'rotate-key', newKeyFile, dropOld: dropOld === true });
    });
  vault
    .command('backup')
    .description('write all secrets to a new file, encrypted as they are; the key is not in it')
    .argument('<file>')
    .action((file: string) => choose({ action: 'backup', file }));
  const restore = vault
    .command('restore')
    .description('put the secrets of a backup back')
    .argument('<file>')
    .option('--replace', 'also where another value has been set since')
    .action((file: string) =>
      choose({ action: 'restore', file, replace: restore.opts<{ replace?: true }>().replace === true }),
    );
}

function addGroup(program: Command, name: string): Command {
  const group = program.command(name).description(adminGroups.get(name) ?? '');
  return group.action(() => {
    const names = group.commands.map((command) => command.name()).join(', ');
    throw new UsageError(`"mcpo-ts ${name}" needs a command: ${names}; "mcpo-ts ${name} --help" shows more.`);
  });
}
