import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import type { KeyCommand, KeyOptions } from './key.ts';
import type { TokenRequest } from './token.ts';
import type { VaultCommand } from './vault.ts';

/** Commands about keys, tokens, the vault and the audit log; they need no servers. */
export type AdminCommand =
  | { readonly kind: 'key'; readonly command: KeyCommand }
  | { readonly kind: 'token-issue'; readonly request: TokenRequest }
  | { readonly kind: 'audit-verify'; readonly files: readonly string[] }
  | { readonly kind: 'vault'; readonly command: VaultCommand };

const append = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** The groups with their descriptions in the help. */
export const adminGroups: ReadonlyMap<string, string> = new Map([
  ['key', 'create, list and revoke API keys, which takes effect without a restart'],
  ['token', 'issue tokens signed with JWT_SECRET'],
  ['vault', "list, export, erase, back up and re-encrypt users' secrets, without printing any"],
  ['audit', 'verify that the audit log is as the service wrote it'],
]);

/** Adds the commands of every group to the program; `choose` is called with the one that was given. */
export function addAdminCommands(program: Command, choose: (command: AdminCommand) => void): void {
  const key = addGroup(program, 'key');
  const chooseKey = (command: KeyCommand) => choose({ kind: 'key', command });
  key
    .command('create')
    .description('create a key and print it, once')
    .requiredOption('--id <name>', 'name of the key')
    .option('--scope <scope>', 'call, call:SERVER, call:SERVER/TOOL, docs, metrics or admin; repeatable', append)
    .option('--user <user>', 'the user that the key identifies: SUBJECT of Open WebUI, or ISSUER:SUBJECT')
    .option('--asserts-user', 'its holder may name the user that they call for, as Open WebUI does')
    .option('--expires <time>', 'such as 90d or 2030-01-31')
    .option('--config-entry', 'print the entry for "auth.keys" of the servers file and store nothing')
    .action((options: KeyOptions) => chooseKey({ action: 'create', ...options }));
  key
    .command('list')
    .description('list the keys of the database, never the keys themselves')
    .action(() => chooseKey({ action: 'list' }));
  key
    .command('revoke')
    .description('remove a key from the database')
    .argument('<id>')
    .action((id: string) => chooseKey({ action: 'revoke', id }));

  addGroup(program, 'token')
    .command('issue')
    .description('print a token that identifies a user')
    .requiredOption('--user <id>', 'the subject')
    .option('--email <address>')
    .option('--name <name>')
    .option('--role <role>')
    .option('--group <group>', 'repeatable', append)
    .option('--scope <scope>', 'what the token allows; repeatable; default call', append)
    .option('--ttl <time>', 'such as 1h; default JWT_EXPIRY, else an hour')
    .option('--allow-weak-secrets', 'sign even with a short or well-known JWT_SECRET')
    .action((request: TokenRequest) => choose({ kind: 'token-issue', request }));

  addVaultCommands(addGroup(program, 'vault'), (command) => choose({ kind: 'vault', command }));

  addGroup(program, 'audit')
    .command('verify')
    .description('check that the audit log is as the service wrote it')
    .argument('<file...>', 'in the order in which they were written')
    .action((files: string[]) => choose({ kind: 'audit-verify', files }));
}

function addVaultCommands(vault: Command, choose: (command: VaultCommand) => void): void {
  vault
    .command('list')
    .description('list who has set which value and when')
    .option('--json', 'as JSON')
    .action((options: { json?: true }) => choose({ action: 'list', ...options }));
  for (const [action, description] of [
    ['export-user', 'print what is stored about a user as JSON, without values'],
    ['erase-user', 'remove everything that is stored about a user'],
  ] as const) {
    vault
      .command(action)
      .description(description)
      .argument('<user>', 'SUBJECT of Open WebUI, or ISSUER:SUBJECT')
      .action((user: string) => choose({ action, user }));
  }
  vault
    .command('rotate-key')
    .description('re-encrypt all secrets under a new key; run it again if it was interrupted')
    .option('--new-key-file <file>', 'a file with the new key; without it one is created')
    .option('--drop-old', 'afterwards, in a run of its own: remove keys that no secret is encrypted under')
    .action((options: { newKeyFile?: string; dropOld?: true }) => choose({ action: 'rotate-key', ...options }));
  vault
    .command('backup')
    .description('write all secrets to a new file, encrypted as they are and without the key')
    .argument('<file>')
    .action((file: string) => choose({ action: 'backup', file }));
  vault
    .command('restore')
    .description('restore the secrets of a backup')
    .argument('<file>')
    .option('--replace', 'also where another value has been set since')
    .action((file: string, options: { replace?: true }) => choose({ action: 'restore', file, ...options }));
}

function addGroup(program: Command, name: string): Command {
  const group = program.command(name).description(adminGroups.get(name) ?? '');
  return group.action(() => {
    const names = group.commands.map((command) => command.name()).join(', ');
    throw new UsageError(`"mcpo-ts ${name}" needs a command: ${names}; "mcpo-ts ${name} --help" shows more.`);
  });
}
