import { Command, CommanderError } from 'commander';
import { UsageError } from '../errors.ts';
import { type AdminCommand, addAdminCommands, adminGroups } from './admin-commands.ts';
import { addServiceOptions, type Flags } from './command-line-options.ts';
import { nearestName } from './nearest-name.ts';
import { isHttpUrl } from './remote-transport.ts';

/** Everything that says what to serve and how; the sub-commands that read the configuration take it too. */
export interface ServiceOptions extends Omit<Flags, 'env' | 'header' | 'allowedHosts'> {
  readonly env: ReadonlyMap<string, string>;
  readonly header: ReadonlyMap<string, string>;
  readonly allowedHosts: readonly string[];
  /** What stands after `--`: the one server's command with its arguments, or its URL. Empty with `--config`. */
  readonly positional: readonly string[];
}

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

const examples = `
Examples:
  mcpo-ts --config servers.json                          every server of the file, each at /<server>
  mcpo-ts -- npx -y @modelcontextprotocol/server-memory  one server, its tools at /
  mcpo-ts --type sse -- https://example.org/sse          one remote server
  mcpo-ts check --config servers.json                    is everything right? starts nothing

A key given as --api-key shows in the process list until the service has masked it: prefer MCPO_API_KEY or MCPO_API_KEY_FILE.
`;

const beginning =
  'Nothing to serve: give a servers file (mcpo-ts --config servers.json) or one server\'s command after -- (mcpo-ts -- npx -y @modelcontextprotocol/server-memory); "mcpo-ts --help" shows the rest.';

/**
 * Reads the arguments after the program's name; prints nothing and ends nothing.
 * Throws `UsageError` in one sentence for what is unknown, malformed or contradictory.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const dashes = argv.indexOf('--');
  const flags = dashes === -1 ? argv : argv.slice(0, dashes);
  const positional = dashes === -1 ? undefined : argv.slice(dashes + 1);

  let chosen: CommandLine | undefined;
  const output: string[] = [];
  const choose = (make: (options: ServiceOptions) => CommandLine, given: Flags) => {
    chosen = make(checkedOptions(given, positional));
  };
  if (adminGroups.has(flags[0] ?? '')) return parseAdminCommand(flags, output);
  const program = buildProgram(choose, output);
  // Only for the list that the help shows.
  for (const [name, description] of adminGroups) program.command(name).description(description);
  program
    .command('version')
    .description("print the program's own version")
    .action(() => {
      chosen = { kind: 'version' };
    });

  try {
    program.parse(flags, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.help') {
      return { kind: 'help', text: output.join('') };
    }
    throw toUsageError(error, program);
  }
  if (chosen === undefined) throw new UsageError(beginning);
  return chosen;
}

function parseAdminCommand(flags: readonly string[], output: string[]): CommandLine {
  let chosen: AdminCommand | undefined;
  const program = quiet(new Command('mcpo-ts'), output)
    .configureHelp({ showGlobalOptions: true })
    .option('--env-path <file>', 'dotenv file with variables of the service, as the service itself takes it');
  addAdminCommands(program, (command) => {
    chosen = command;
  });
  try {
    program.parse(flags, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return { kind: 'help', text: output.join('') };
    throw new UsageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '));
  }
  if (chosen === undefined) throw new UsageError(beginning);
  return { ...chosen, ...program.opts<{ envPath?: string }>() };
}

/** A program that throws instead of printing and ending. */
function quiet(program: Command, output: string[]): Command {
  return program
    .exitOverride()
    .configureOutput({ writeOut: (text) => output.push(text), writeErr: () => {} })
    .helpOption('--help', 'show this help')
    .helpCommand(false);
}

type Choose = (make: (options: ServiceOptions) => CommandLine, given: Flags) => void;

function buildProgram(choose: Choose, output: string[]): Command {
  const program = quiet(new Command('mcpo-ts'), output)
    .description('Serves MCP servers as OpenAPI tool servers for Open WebUI, curl and any OpenAPI client.')
    .usage('[command] [options] --config FILE\n       mcpo-ts [command] [options] -- COMMAND ARGS…')
    .allowExcessArguments(true)
    .addHelpText('after', examples);
  addServiceOptions(program);
  const addCommand = (name: string, ownUsage: string) =>
    program
      .command(name)
      .usage(`${ownUsage} --config FILE`)
      .addHelpText(
        'after',
        '\nAll options of "mcpo-ts --help" are taken too; -- COMMAND ARGS… can stand for --config FILE.\n',
      );
  program.action(() => {
    rejectWords(program.args, program);
    choose((options) => ({ kind: 'serve', options }), program.opts());
  });

  const check = addCommand('check', '[options]')
    .description('validate the configuration and look the commands up; starts no server')
    .option('--start', 'also start each server, list its tools, and stop it')
    .action(() => {
      const { start } = check.opts<{ start?: true }>();
      rejectWords(check.args, program);
      choose((options) => ({ kind: 'check', options, start: start === true }), program.opts());
    });

  const openapi = addCommand('openapi', '[server]')
    .description('print the OpenAPI document of one server, or of all')
    .argument('[server]', 'name of the server')
    .option('--schema <form>', 'portable (default): inline schemas that every client reads; exact: the untouched ones')
    .action((server: string | undefined) => {
      const { schema: schemas = 'portable' } = openapi.opts<{ schema?: string }>();
      if (schemas !== 'portable' && schemas !== 'exact') {
        throw new UsageError(`--schema must be portable or exact, and is "${schemas}".`);
      }
      rejectWords(openapi.args.slice(1), program);
      choose((options) => ({ kind: 'openapi', options, server, schemas }), program.opts());
    });

  const openwebui = addCommand('openwebui', '[options]')
    .description("print Open WebUI's connections to the servers, ready to import")
    .option('--base-url <url>', 'where Open WebUI reaches this service, such as http://mcpo:8000')
    .option('--show-key', 'put the API key into the connections')
    .option('--split <folder>', 'write one file per server, as the Import button wants it')
    .action(() => {
      const own = openwebui.opts<{ baseUrl?: string; showKey?: true; split?: string }>();
      if (own.baseUrl !== undefined && !isHttpUrl(own.baseUrl)) {
        throw new UsageError(`--base-url must be a URL such as http://mcpo:8000, and is "${own.baseUrl}".`);
      }
      rejectWords(openwebui.args, program);
      choose((options) => {
        const showKey = own.showKey === true;
        return { kind: 'openwebui', options, baseUrl: own.baseUrl, showKey, splitDir: own.split };
      }, program.opts());
    });
  return program;
}

function rejectWords(words: readonly string[], program: Command): void {
  const [word] = words;
  if (word !== undefined) throw misplacedWord(word, program);
}

/** A word that is no flag and no sub-command: mostly a server's command without `--` in front. */
function misplacedWord(word: string, program: Command): UsageError {
  const command = nearestName(word, commandNames(program));
  const hint = command === undefined ? '' : ` (or did you mean "mcpo-ts ${command}"?)`;
  return new UsageError(`"${word}" is not expected here; put a server's command after --: mcpo-ts -- ${word} …${hint}`);
}

function commandNames(program: Command): readonly string[] {
  return program.commands.map((command) => command.name());
}

function toUsageError(error: CommanderError, program: Command): UsageError {
  const command = program.commands.find((candidate) => candidate.name() === program.args[0]);
  const firstWord = program.args[0];
  if (command === undefined && firstWord !== undefined && !firstWord.startsWith('-')) {
    // `mcpo-ts uvx server --flag`: the flag is the server's, so the missing `--` is the fault.
    return misplacedWord(firstWord, program);
  }
  const flag = /unknown option '([^']*)'/.exec(error.message)?.[1];
  if (flag !== undefined) {
    const known = [...program.options, ...(command?.options ?? [])].flatMap((option) =>
      [option.long, option.short].filter((name) => name?.startsWith('--') === true).map(String),
    );
    const name = flag.split('=')[0] ?? flag;
    const nearest = name.startsWith('--') ? nearestName(name, [...known, '--help']) : undefined;
    const hint = nearest === undefined ? '"mcpo-ts --help" lists all of them.' : `did you mean ${nearest}?`;
    return new UsageError(`${name} is no known flag; ${hint}`);
  }
  const missing = /option '([^']*)' argument missing/.exec(error.message)?.[1];
  if (missing !== undefined) return new UsageError(`${missing} needs a value.`);
  return new UsageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '));
}

/** Refuses what contradicts itself whatever the environment says. */
function checkedOptions(given: Flags, positional: readonly string[] | undefined): ServiceOptions {
  const type = given.serverType ?? 'stdio';
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
    if (positional === undefined) throw new UsageError(beginning);
    checkSingleServer(type, positional, given);
  }
  if ((given.sslCertfile === undefined) !== (given.sslKeyfile === undefined)) {
    throw new UsageError('--ssl-certfile and --ssl-keyfile belong together; give both or none.');
  }
  if (given.apiKey !== undefined && given.allowUnauthenticated) {
    throw new UsageError('--api-key and --allow-unauthenticated contradict each other; keep one of them.');
  }
  return {
    ...given,
    env: given.env ?? new Map(),
    header: given.header ?? new Map(),
    allowedHosts: given.allowedHosts ?? [],
    positional: positional ?? [],
  };
}

function checkSingleServer(type: string, positional: readonly string[], given: Flags): void {
  const [first, ...rest] = positional;
  if (type === 'stdio') {
    if (first === undefined || first.trim() === '') throw new UsageError(beginning);
    if (given.header !== undefined) {
      throw new UsageError('--header is for a remote server; a stdio server has no headers, give it --env instead.');
    }
    return;
  }
  if (first === undefined || !isHttpUrl(first)) {
    throw new UsageError(`--server-type ${type} needs the server's URL after --: mcpo-ts --type ${type} -- https://…`);
  }
  if (rest.length > 0) {
    throw new UsageError(`--server-type ${type} takes one URL after -- and nothing else.`);
  }
}
