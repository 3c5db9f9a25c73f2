import { type Command, Option } from 'commander';
import type { Environment } from '../config/environment.ts';
import { type LoadedSettings, loadSettings } from '../config/load-settings.ts';
import { nearestName } from '../config/nearest-name.ts';
import { isHttpUrl } from '../config/read-remote-transport.ts';
import { loadResolved } from '../config/references.ts';
import type { Flags, ServiceOptions } from '../config/service-options.ts';
import { hasStoredApiKeys } from '../db/has-stored-api-keys.ts';
import { formatConfigProblem, UsageError } from '../errors.ts';
import { createPaint } from '../telemetry/paint.ts';
import { readVersion } from '../version.ts';
import { adminGroups } from './admin-commands.ts';
import type { CommandLine } from './command-line.ts';
import { type CommandResult, toJson } from './command-result.ts';
import type { DoctorFlags } from './doctor.ts';
import type { OpenWebUiFlags } from './openwebui.ts';
import { serversFileSchema } from './schema.ts';
import { addServiceFlags, toExaminedOptions, toServiceOptions } from './service-flags.ts';

const EXAMPLES = `
Examples:
  mcpo-ts --config servers.json                          every server of the file, each at /<server>
  mcpo-ts -- npx -y @modelcontextprotocol/server-memory  one server, its tools at /
  mcpo-ts --type sse -- https://example.org/sse          one remote server
  mcpo-ts check --config servers.json                    validate the file without starting anything

A key given as --api-key is visible in the process list until the service has masked it: prefer MCPO_API_KEY or MCPO_API_KEY_FILE.
`;

/**
 * Adds what serves, or reads the configuration of what would be served; `choose` is called with what was given.
 * `positional` are the words after `--`.
 */
export function addServiceCommands(
  program: Command,
  positional: readonly string[] | undefined,
  choose: (command: CommandLine) => void,
): void {
  const toOptions = (unexpected: readonly string[]) => {
    const [word] = unexpected;
    if (word !== undefined) throw misplacedWord(word, program);
    return toServiceOptions(program.opts(), positional);
  };
  const chooseLoaded = (
    options: ServiceOptions,
    work: (loaded: LoadedSettings, environment: Environment) => Promise<CommandResult>,
  ) =>
    choose({
      kind: 'run',
      envPath: options.envPath,
      run: async (environment) => {
        const hasStoredKeys = await hasStoredApiKeys(environment.database);
        const loaded = await loadResolved(environment, () => loadSettings(options, environment, hasStoredKeys));
        return work(loaded, environment);
      },
    });

  program
    .description('Serves MCP servers as OpenAPI tool servers for Open WebUI, curl and any OpenAPI client.')
    .usage('[command] [options] --config FILE\n       mcpo-ts [command] [options] -- COMMAND ARGS…')
    .allowExcessArguments(true)
    .addHelpText('after', EXAMPLES)
    .action(() => choose({ kind: 'serve', options: toOptions(program.args) }));
  addServiceFlags(program);
  const addCommand = (name: string, ownUsage: string) =>
    program
      .command(name)
      .allowExcessArguments(true)
      .usage(`${ownUsage} --config FILE`)
      .addHelpText(
        'after',
        '\nAll options of "mcpo-ts --help" apply too; -- COMMAND ARGS… can be given in place of --config FILE.\n',
      );

  addCommand('check', '[options]')
    .description('validate the configuration and check that each command exists, without starting anything')
    .option('--start', 'also start each server, list its tools, and stop it')
    .action(({ start }: { start?: true }, { args }: Command) => {
      const options = toOptions(args);
      chooseLoaded(options, async (loaded, environment) => {
        const { terminal } = environment;
        // Before the servers start, which may take long.
        for (const warning of loaded.warnings) {
          process.stderr.write(`mcpo-ts: warning: ${formatConfigProblem(warning)}\n`);
        }
        await (await import('./check-vault.ts')).checkVaultKey(loaded.settings, environment);
        return start
          ? (await import('./started-servers.ts')).checkStart({ options, loaded, terminal })
          : (await import('./check.ts')).checkServers(loaded.settings, createPaint(terminal.colours.out));
      });
    });

  addCommand('doctor', '[options]')
    .description('examine the configuration, the files, the connections and the running service, and say what to do')
    .option('--json', 'print the result as JSON')
    .option('--all', 'show every check, also those that found nothing')
    .addOption(
      new Option('--fail-on <state>', 'exit code 1 from this state on')
        .choices(['problem', 'warning'])
        .default('problem'),
    )
    .action((flags: DoctorFlags, { args }: Command) => {
      const isNamed = program.opts<Flags>().config !== undefined || positional !== undefined || args.length > 0;
      const options = isNamed ? toOptions(args) : toExaminedOptions(program.opts());
      choose({
        kind: 'run',
        envPath: options.envPath,
        run: async (environment) => (await import('./doctor.ts')).doctor(options, environment, flags),
      });
    });

  addCommand('openapi', '[server]')
    .description('print the OpenAPI document of one server, or of all')
    .argument('[server]', 'name of the server')
    .addOption(
      new Option('--schema <form>', 'portable: inline schemas that every client reads; exact: the unchanged schemas')
        .choices(['portable', 'exact'])
        .default('portable'),
    )
    .action((server: string | undefined, { schema }: { schema: 'portable' | 'exact' }, { args }: Command) => {
      if (server !== undefined && isServersFile(server)) throw misplacedWord(server, program);
      const options = toOptions(args.slice(1));
      chooseLoaded(options, async (loaded, { terminal }) =>
        (await import('./started-servers.ts')).printOpenApi({ options, loaded, terminal }, server, schema),
      );
    });

  addCommand('openwebui', '[options]')
    .description("print Open WebUI's connections to the servers, ready to import")
    .option('--base-url <url>', 'where Open WebUI reaches this service, such as http://mcpo:8000', toBaseUrl)
    .option('--show-key', 'put the API key into the connections')
    .option('--split <folder>', 'write one file per server, as the Import button expects')
    .action((flags: OpenWebUiFlags, { args }: Command) =>
      chooseLoaded(toOptions(args), async ({ settings, secrets }) =>
        (await import('./openwebui.ts')).openWebUiCommand(settings, secrets, flags),
      ),
    );

  // Only for the list that the help shows; `cli.ts` runs it.
  program.command('health').description('ask the running service whether it works; the exit code says it');
  // Only for that list, too.
  for (const [name, description] of adminGroups) program.command(name).description(description);
  program
    .command('schema')
    .description('print the JSON Schema of the servers file, for editors: "$schema" in the file names it')
    .action(() => choose({ kind: 'print', text: toJson(serversFileSchema()) }));
  program
    .command('version')
    .description("print the program's own version")
    .action(() => choose({ kind: 'print', text: `${readVersion()}\n` }));
}

function isServersFile(word: string): boolean {
  return /\.(jsonc?|json5|ya?ml|toml)$/i.test(word);
}

function toBaseUrl(value: string): string {
  if (isHttpUrl(value)) return value;
  throw new UsageError(`--base-url must be a URL such as http://mcpo:8000, and is "${value}".`);
}

/** A word that is neither a flag nor a sub-command: a servers file, or a server's command without `--` in front. */
export function misplacedWord(word: string, program: Command): UsageError {
  if (isServersFile(word)) {
    const command = program.commands.map((one) => one.name()).find((name) => program.args[0] === name);
    const before = command === undefined ? 'mcpo-ts' : `mcpo-ts ${command}`;
    return new UsageError(`"${word}" is not expected here; did you mean "${before} --config ${word}"?`);
  }
  const command = nearestName(
    word,
    program.commands.map((one) => one.name()),
  );
  const hint = command === undefined ? '' : ` (or did you mean "mcpo-ts ${command}"?)`;
  return new UsageError(`"${word}" is not expected here; put a server's command after --: mcpo-ts -- ${word} …${hint}`);
}
