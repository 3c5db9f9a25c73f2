import type { Command } from 'commander';
import type { Environment } from '../config/environment.ts';
import { UsageError } from '../errors.ts';
import type { BackupFlags } from './backup.ts';
import type { CommandLine, OneTimeCommand } from './command-line.ts';
import type { KeyOptions } from './key.ts';
import type { RestoreFlags, VerifyFlags } from './restore.ts';
import type { TokenRequest } from './token.ts';
import type { LinkFlags } from './vault-link.ts';
import type { RotationRequest } from './vault-rotation.ts';

const append = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Commands about keys, tokens, the vault, the audit log and backups, which need no servers: each group with its description. */
export const adminGroups: ReadonlyMap<string, string> = new Map([
  ['key', 'create, list and revoke API keys, which takes effect without a restart'],
  ['token', 'issue tokens signed with JWT_SECRET'],
  ['vault', "list, export, erase and re-encrypt users' secrets, without printing any; make setup links"],
  ['identity', 'list, make and undo links between identities of one person'],
  ['audit', 'verify that the audit log is as the service wrote it'],
  ['backup', 'write everything that the service stores to an encrypted file, while it runs; verify such a file'],
  ['restore', 'put a backup into a new database, or into another one'],
]);

/** Adds the commands of every group to the program; `chooseCommand` is called with the one that was given. */
export function addAdminCommands(program: Command, chooseCommand: (command: CommandLine) => void): void {
  program
    .configureHelp({ showGlobalOptions: true })
    .option('--env-path <file>', 'dotenv file with variables of the service');
  const choose = (run: OneTimeCommand) =>
    chooseCommand({ kind: 'run', run, envPath: program.opts<{ envPath?: string }>().envPath });
  const key = addGroup(program, 'key');
  key
    .command('create')
    .description('create a key and print it, once')
    .requiredOption('--id <name>', 'name of the key')
    .option(
      '--scope <scope>',
      'call, call:SERVER, call:SERVER/TOOL, vault, vault:write:SERVER, vault:admin, docs, metrics or admin; repeatable',
      append,
    )
    .option('--user <user>', 'the user that the key identifies: SUBJECT of Open WebUI, or ISSUER:SUBJECT')
    .option('--asserts-user', 'its holder may name the user that they call for, as Open WebUI does')
    .option('--expires <time>', 'such as 90d or 2030-01-31')
    .option('--config-entry', 'print the entry for "auth.keys" of the servers file and store nothing')
    .action((options: KeyOptions) =>
      choose(async ({ database }) => (await import('./key.ts')).createKey(options, database)),
    );
  key
    .command('list')
    .description('list the keys of the database, never the keys themselves')
    .action(() => choose(async ({ database }) => (await import('./key.ts')).listKeys(database)));
  key
    .command('revoke')
    .description('remove a key from the database')
    .argument('<id>')
    .action((id: string) => choose(async ({ database }) => (await import('./key.ts')).revokeKey(id, database)));

  addGroup(program, 'token')
    .command('issue')
    .description('print a token that identifies a user')
    .requiredOption('--user <id>', 'the subject')
    .option('--issuer <issuer>', 'open-webui: the subject is the id of a user of Open WebUI')
    .option('--email <address>')
    .option('--name <name>')
    .option('--role <role>')
    .option('--group <group>', 'repeatable', append)
    .option('--scope <scope>', 'what the token allows; repeatable; default call', append)
    .option('--ttl <time>', 'such as 1h; default JWT_EXPIRY, else an hour')
    .option('--allow-weak-secrets', 'sign even with a short or well-known JWT_SECRET')
    .action((request: TokenRequest) =>
      choose(async (environment) => (await import('./token.ts')).issueToken(request, environment)),
    );

  addVaultCommands(addGroup(program, 'vault'), choose);
  addIdentityCommands(addGroup(program, 'identity'), choose);
  addBackupCommands(program, choose);

  addGroup(program, 'audit')
    .command('verify')
    .description('check that the audit log is as the service wrote it')
    .argument('<file...>', 'in the order in which they were written')
    .action((files: string[]) =>
      choose(async (environment) => (await import('./audit.ts')).verifyAudit(files, environment)),
    );
}

function addVaultCommands(group: Command, choose: (run: OneTimeCommand) => void): void {
  const vault = async (environment: Environment) => (await import('./vault.ts')).vaultCommands(environment);
  group
    .command('list')
    .description('list who has set which value and when')
    .option('--user <text>', 'only users who have this in their id, name or e-mail address')
    .option('--json', 'as JSON')
    .action(({ json = false, user }: { json?: boolean; user?: string }) =>
      choose(async (given) => (await vault(given)).list(json, user)),
    );
  group
    .command('export-user')
    .description('print what is stored about a user as JSON, without values')
    .argument('<user>', 'SUBJECT of Open WebUI, or ISSUER:SUBJECT')
    .action((user: string) => choose(async (given) => (await vault(given)).exportUser(user)));
  group
    .command('erase-user')
    .description('remove everything that is stored about a user')
    .argument('<user>', 'SUBJECT of Open WebUI, or ISSUER:SUBJECT')
    .option('--yes', 'do not ask')
    .action((user: string, { yes = false }: { yes?: boolean }) =>
      choose(async (given) => (await vault(given)).eraseUser(user, yes ? async () => true : undefined)),
    );
  group
    .command('link')
    .description(
      'make a setup link for a user: it works once, for fifteen minutes, and sets their values for one server',
    )
    .argument('<user>', 'SUBJECT of Open WebUI, or ISSUER:SUBJECT')
    .argument('<server>', 'as in the servers file')
    .option('-c, --config <file>', 'check that this servers file has the server')
    .option('--base-url <url>', 'where users reach the service; default MCPO_PUBLIC_URL')
    .action((user: string, server: string, flags: LinkFlags) =>
      choose(async (given) => {
        const { readLinkRequest } = await import('./vault-link.ts');
        return (await vault(given)).link(user, readLinkRequest(server, flags, given));
      }),
    );
  group
    .command('rotate-key')
    .description('re-encrypt all secrets under a new key; run it again if it was interrupted')
    .option('--new-key-file <file>', 'a file with the new key; without it one is created')
    .option('--drop-old', 'afterwards, in a run of its own: remove keys that no secret is encrypted under')
    .action((request: RotationRequest) => choose(async (given) => (await vault(given)).rotateKey(request)));
  group
    .command('rewrap-key')
    .description("wrap the vault's key under MCPO_VAULT_KMS: the first time, or after that has a new key")
    .action(() => choose(async (given) => (await vault(given)).rewrapKey()));
  group
    .command('new-key')
    .description('print a new key that MCPO_VAULT_KMS has wrapped, for replicas that share it')
    .action(() => choose(async (given) => (await vault(given)).newKey()));
}

function addIdentityCommands(group: Command, choose: (run: OneTimeCommand) => void): void {
  const identity = async (environment: Environment) => (await import('./identity.ts')).identityCommands(environment);
  group
    .command('list')
    .description('list identities that are linked to one person')
    .option('--json', 'as JSON')
    .action(({ json = false }: { json?: boolean }) => choose(async (given) => (await identity(given)).list(json)));
  group
    .command('link')
    .description('make an identity one of a person; the values that were set under it follow')
    .argument('<identity>', 'SUBJECT of Open WebUI, or ISSUER:SUBJECT')
    .argument('<person>', 'another identity of that person')
    .action((one: string, person: string) => choose(async (given) => (await identity(given)).link(one, person)));
  group
    .command('unlink')
    .description('make an identity a person of its own again; its values stay with the person that it belonged to')
    .argument('<identity>', 'SUBJECT of Open WebUI, or ISSUER:SUBJECT')
    .action((one: string) => choose(async (given) => (await identity(given)).unlink(one)));
}

function addBackupCommands(program: Command, choose: (run: OneTimeCommand) => void): void {
  const identity = ['--identity <file>', 'file with an AGE-SECRET-KEY-1… that it was made for'] as const;
  const backup = program.command('backup').description(adminGroups.get('backup') ?? '');
  backup
    .argument('<file>', 'a new file; a folder gets one with the time in its name; "-" is standard output')
    .option('--recipient <key>', 'public key of age, in place of MCPO_BACKUP_PASSPHRASE; repeatable', append)
    .option('-c, --config <file>', 'also this servers file and the files that it names')
    .option('--with-audit-log', 'also the files of SECURITY_LOG_FILE')
    .option(
      '--without-keys',
      'not the keys of vault and audit log: the values are useless without them, kept elsewhere',
    )
    .option('--keep <number>', 'of a folder: remove all but the newest 7, or those older than 30d')
    .option('--force', 'replace the file if it exists')
    .action((file: string, flags: BackupFlags) =>
      choose(async (environment) => (await import('./backup.ts')).backUp(file, flags, environment)),
    );
  backup
    .command('verify')
    .description('check that a backup can be restored whole, and print what is in it, no value and no key')
    .argument('<file>')
    .option(...identity)
    .action((file: string, flags: VerifyFlags) =>
      choose(async (environment) => (await import('./restore.ts')).verifyBackup(file, flags, environment)),
    );
  program
    .command('restore')
    .description(adminGroups.get('restore') ?? '')
    .argument('<file>')
    .option(...identity)
    .option('--extract <folder>', 'only write the keys and files that are in it to a new folder')
    .option('--replace', 'in place of what the database has, of which a copy is made first')
    .option('--yes', 'do not ask')
    .option('--without-safety-copy', 'make no such copy')
    .action((file: string, flags: RestoreFlags) =>
      choose(async (environment) => (await import('./restore.ts')).restore(file, flags, environment)),
    );
}

function addGroup(program: Command, name: string): Command {
  const group = program.command(name).description(adminGroups.get(name) ?? '');
  return group.action(() => {
    const names = group.commands.map((command) => command.name()).join(', ');
    throw new UsageError(`"mcpo-ts ${name}" needs a command: ${names}; "mcpo-ts ${name} --help" shows more.`);
  });
}
