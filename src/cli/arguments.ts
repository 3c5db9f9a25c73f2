import { Command, CommanderError } from 'commander';
import { UsageError } from '../errors.ts';
import { addAdminCommands, adminGroups } from './admin-commands.ts';
import type { CommandLine } from './command-line.ts';
import { nothingToServe } from './nothing-to-serve.ts';
import { addServiceCommands, misplacedWord } from './service-commands.ts';

/**
 * Parses the arguments after the program's name; prints nothing and does not exit.
 * Throws `UsageError` in one sentence for arguments that are unknown, malformed or contradictory.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const dashes = argv.indexOf('--');
  const flags = dashes === -1 ? argv : argv.slice(0, dashes);
  const positional = dashes === -1 ? undefined : argv.slice(dashes + 1);

  let chosen: CommandLine | undefined;
  const choose = (command: CommandLine) => {
    chosen = command;
  };
  const output: string[] = [];
  const program = new Command('mcpo-ts')
    .exitOverride()
    .configureOutput({ writeOut: (text) => output.push(text), writeErr: () => {} })
    .helpOption('--help', 'show this help')
    .helpCommand(false);
  // In a program of their own: flags such as `--name` mean something else here than they do for the service.
  if (adminGroups.has(flags[0] ?? '')) addAdminCommands(program, choose);
  else addServiceCommands(program, positional, choose);
  try {
    program.parse(flags, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.help') {
      return { kind: 'print', text: output.join('') };
    }
    if (error.code === 'commander.version') return { kind: 'print', text: `${error.message}\n` };
    throw toUsageError(error, program);
  }
  if (chosen === undefined) throw nothingToServe();
  return chosen;
}

function toUsageError(error: CommanderError, program: Command): UsageError {
  const [word] = program.args;
  // `mcpo-ts uvx server --flag`: the flag is the server's, so the missing `--` is the mistake.
  const isCommand = word === undefined || word.startsWith('-') || program.commands.some((one) => one.name() === word);
  if (!isCommand) return misplacedWord(word, program);
  // What follows "=" may be a secret.
  const message = error.message.replace(/^error: /, '').replace(/'(-[^'=]*)=.*'/s, "'$1'");
  return new UsageError(message.replaceAll('\n', ' '));
}
