import type { Command } from 'commander';
import { UsageError } from '../errors.ts';

/** What is asked of keys, tokens and the audit log; needs no servers. */
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
    }
  | { readonly kind: 'audit-verify'; readonly files: readonly string[] };

const append = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** The groups with what the help says of them. */
export const adminGroups: ReadonlyMap<string, string> = new Map([
  ['key', 'make, list and revoke API keys; they count without a restart'],
  ['token', 'issue tokens signed with JWT_SECRET'],
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
    .action(() => {
      const own = issue.opts<{
        user: string;
        email?: string;
        name?: string;
        role?: string;
        group?: readonly string[];
        scope?: readonly string[];
        ttl?: string;
      }>();
      const { user, email, name, role, group: groups = [], scope: scopes, ttl } = own;
      choose({ kind: 'token-issue', user, email, name, role, groups, scopes, ttl });
    });

  addGroup(program, 'audit')
    .command('verify')
    .description('tell whether the audit log is as the service wrote it')
    .argument('<file...>', 'in the order in which they were written')
    .action((files: string[]) => choose({ kind: 'audit-verify', files }));
}

function addGroup(program: Command, name: string): Command {
  const group = program.command(name).description(adminGroups.get(name) ?? '');
  return group.action(() => {
    const names = group.commands.map((command) => command.name()).join(', ');
    throw new UsageError(`"mcpo-ts ${name}" needs a command: ${names}; "mcpo-ts ${name} --help" shows more.`);
  });
}
