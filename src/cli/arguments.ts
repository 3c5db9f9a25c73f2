import { Command, CommanderError } from 'commander';
import { nearestName } from '../config/nearest-name.ts';
import { isHttpUrl } from '../config/read-remote-transport.ts';
import type { Flags, ServiceOptions } from '../config/service-options.ts';
import { UsageError } from '../errors.ts';
import { type AdminCommand, addAdminCommands, adminGroups } from './admin-commands.ts';
import { addServiceFlags } from './service-flags.ts';

/** What the command line asks for. */
export type CommandLine =
  | { readonly kind: 'serve'; readonly options: ServiceOptions }
  | { readonly kind: 'check'; readonly options: ServiceOptions; readonly start: boolean }
  | {
      readonly kind: 'openapi';
      readonly options: ServiceOptions;
      readonly server: string | undefined;
      /** As `?schema=` of the served document. */
      readonly schemas: 'portable' | 'exact';
    }
  | {
      readonly kind: 'openwebui';
      readonly options: ServiceOptions;
      readonly baseUrl: string | undefined;
      readonly showKey: boolean;
      readonly splitDir: string | undefined;
    }
  | (AdminCommand & { readonly envPath?: string | undefined })
  | { readonly kind: 'version' }
  | { readonly kind: 'help'; readonly text: string };

const EXAMPLES = `
Examples:
  mcpo-ts --config servers.json                          every server of the file, each at /<server>
  mcpo-ts -- npx -y @modelcontextprotocol/server-memory  one server, its tools at /
  mcpo-ts --type sse -- https://example.org/sse          one remote server
  mcpo-ts check --config servers.json                    validate the file without starting anything

A key given as --api-key is visible in the process list until the service has masked it: prefer MCPO_API_KEY or MCPO_API_KEY_FILE.
`;

const NOTHING_TO_SERVE =
  'Nothing to serve: give a servers file (mcpo-ts --config servers.json) or one server\'s command after -- (mcpo-ts -- npx -y @modelcontextprotocol/server-memory); "mcpo-ts --help" shows all options.';

/**
 * Parses the arguments after the program's name; prints nothing and does not exit.
 * Throws `UsageError` in one sentence for arguments that are unknown, malformed or contradictory.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const dashes = argv.indexOf('--');
  const flags = dashes === -1 ? argv : argv.slice(0, dashes);
  const positional = dashes === -1 ? undefined : argv.slice(dashes + 1);

  let chosen: CommandLine | undefined;
  const output: string[] = [];
  const program = new Command('mcpo-ts')
    .exitOverride()
    .configureOutput({ writeOut: (text) => output.push(text), writeErr: () => {} })
    .helpOption('--help', 'show this help')
    .helpCommand(false);
  // In a program of their own: flags such as `--name` mean something else here than they do for the service.
  if (adminGroups.has(flags[0] ?? '')) {
    program
      .configureHelp({ showGlobalOptions: true })
      .option('--env-path <file>', 'dotenv file with variables of the service');
    addAdminCommands(program, (command) => {
      chosen = { ...command, ...program.opts<{ envPath?: string }>() };
    });
  } else {
    addServiceCommands(program, (toCommand) => {
      chosen = typeof toCommand === 'function' ? toCommand(checkedOptions(program.opts(), positional)) : toCommand;
    });
  }
  try {
    program.parse(flags, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.help') {
      return { kind: 'help', text: output.join('') };
    }
    throw toUsageError(error, program, flags);
  }
  if (chosen === undefined) throw new UsageError(NOTHING_TO_SERVE);
  return chosen;
}

type Choose = (command: CommandLine | ((options: ServiceOptions) => CommandLine)) => void;

function addServiceCommands(program: Command, choose: Choose): void {
  program
    .description('Serves MCP servers as OpenAPI tool servers for Open WebUI, curl and any OpenAPI client.')
    .usage('[command] [options] --config FILE\n       mcpo-ts [command] [options] -- COMMAND ARGS…')
    .allowExcessArguments(true)
    .addHelpText('after', EXAMPLES)
    .action(() => {
      rejectWords(program.args, program);
      choose((options) => ({ kind: 'serve', options }));
    });
  addServiceFlags(program);
  const addCommand = (name: string, ownUsage: string) =>
    program
      .command(name)
      .usage(`${ownUsage} --config FILE`)
      .addHelpText(
        'after',
        '\nAll options of "mcpo-ts --help" apply too; -- COMMAND ARGS… can be given in place of --config FILE.\n',
      );

  addCommand('check', '[options]')
    .description('validate the configuration and check that each command exists, without starting anything')
    .option('--start', 'also start each server, list its tools, and stop it')
    .action(({ start = false }: { start?: boolean }, check: Command) => {
      rejectWords(check.args, program);
      choose((options) => ({ kind: 'check', options, start }));
    });

  addCommand('openapi', '[server]')
    .description('print the OpenAPI document of one server, or of all')
    .argument('[server]', 'name of the server')
    .option(
      '--schema <form>',
      'portable (default): inline schemas that every client reads; exact: the unchanged schemas',
    )
    .action((server: string | undefined, { schema: schemas = 'portable' }: { schema?: string }, openapi: Command) => {
      if (schemas !== 'portable' && schemas !== 'exact') {
        throw new UsageError(`--schema must be portable or exact, and is "${schemas}".`);
      }
      rejectWords(openapi.args.slice(1), program);
      choose((options) => ({ kind: 'openapi', options, server, schemas }));
    });

  addCommand('openwebui', '[options]')
    .description("print Open WebUI's connections to the servers, ready to import")
    .option('--base-url <url>', 'where Open WebUI reaches this service, such as http://mcpo:8000')
    .option('--show-key', 'put the API key into the connections')
    .option('--split <folder>', 'write one file per server, as the Import button expects')
    .action((own: { baseUrl?: string; showKey?: boolean; split?: string }, openwebui: Command) => {
      const { baseUrl, showKey = false, split: splitDir } = own;
      if (baseUrl !== undefined && !isHttpUrl(baseUrl)) {
        throw new UsageError(`--base-url must be a URL such as http://mcpo:8000, and is "${baseUrl}".`);
      }
      rejectWords(openwebui.args, program);
      choose((options) => ({ kind: 'openwebui', options, baseUrl, showKey, splitDir }));
    });
  // Only for the list that the help shows.
  for (const [name, description] of adminGroups) program.command(name).description(description);
  program
    .command('version')
    .description("print the program's own version")
    .action(() => choose({ kind: 'version' }));
}

function rejectWords([word]: readonly string[], program: Command): void {
  if (word !== undefined) throw misplacedWord(word, program);
}

/** A word that is neither a flag nor a sub-command: mostly a server's command without `--` in front. */
function misplacedWord(word: string, program: Command): UsageError {
  const command = nearestName(
    word,
    program.commands.map((one) => one.name()),
  );
  const hint = command === undefined ? '' : ` (or did you mean "mcpo-ts ${command}"?)`;
  return new UsageError(`"${word}" is not expected here; put a server's command after --: mcpo-ts -- ${word} …${hint}`);
}

function toUsageError(error: CommanderError, program: Command, words: readonly string[]): UsageError {
  const commands = [program];
  for (const word of words) {
    const command = commands.at(-1)?.commands.find((one) => one.name() === word);
    if (command !== undefined) commands.push(command);
  }
  const firstWord = program.args[0];
  if (commands.length === 1 && firstWord !== undefined && !firstWord.startsWith('-')) {
    // `mcpo-ts uvx server --flag`: the flag is the server's, so the missing `--` is the mistake.
    return misplacedWord(firstWord, program);
  }
  const flag = /unknown option '([^'=]*)/.exec(error.message)?.[1];
  if (flag !== undefined) {
    const known = commands.flatMap(({ options }) => options.flatMap(({ long, short }) => [long, short]));
    const longNames = known.filter((name) => name?.startsWith('--') === true);
    const nearest = flag.startsWith('--') ? nearestName(flag, [...(longNames as string[]), '--help']) : undefined;
    const path = commands.map((command) => command.name()).join(' ');
    const hint = nearest === undefined ? `"${path} --help" lists all of them.` : `did you mean ${nearest}?`;
    return new UsageError(`unknown flag ${flag}; ${hint}`);
  }
  const missing = /option '([^']*)' argument missing/.exec(error.message)?.[1];
  if (missing !== undefined) return new UsageError(`${missing} needs a value.`);
  return new UsageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '));
}

/** Rejects flags that contradict each other whatever the environment says. */
function checkedOptions(given: Flags, positional: readonly string[] | undefined): ServiceOptions {
  if (given.config !== undefined) {
    if (positional !== undefined) {
      throw new UsageError('--config and a command after -- are two ways to say what to serve; keep one of them.');
    }
    if (given.header !== undefined) {
      throw new UsageError('--header is for the one server after --; in the servers file it is "headers".');
    }
    if (given.serverType !== undefined) {
      throw new UsageError('--server-type is for the one server after --; in the servers file it is "type".');
    }
  } else {
    if (given.hotReload) throw new UsageError('--hot-reload needs --config: without a file there is nothing to watch.');
    checkSingleServer(given, positional);
  }
  if ((given.sslCertfile === undefined) !== (given.sslKeyfile === undefined)) {
    throw new UsageError('--ssl-certfile and --ssl-keyfile belong together; give both or neither.');
  }
  if (given.apiKey !== undefined && given.allowUnauthenticated) {
    throw new UsageError('--api-key and --allow-unauthenticated contradict each other; keep one of them.');
  }
  const { env = new Map(), header = new Map(), allowedHosts = [] } = given;
  return { ...given, env, header, allowedHosts, positional: positional ?? [] };
}

function checkSingleServer({ serverType = 'stdio', header }: Flags, positional: readonly string[] = []): void {
  const [first = '', ...rest] = positional;
  if (serverType === 'stdio') {
    if (first.trim() === '') throw new UsageError(NOTHING_TO_SERVE);
    if (header === undefined) return;
    throw new UsageError('--header is for a remote server; a stdio server has no headers, give it --env instead.');
  }
  if (!isHttpUrl(first)) {
    const example = `mcpo-ts --type ${serverType} -- https://…`;
    throw new UsageError(`--server-type ${serverType} needs the server's URL after --: ${example}`);
  }
  if (rest.length > 0) throw new UsageError(`--server-type ${serverType} takes one URL after -- and nothing else.`);
}
