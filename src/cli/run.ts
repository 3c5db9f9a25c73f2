import { readEnvironment } from '../config/environment.ts';
import { staysInProcess, takeEnvironment } from '../config/environment-variables.ts';
import { ConfigError, ServiceError, UsageError } from '../errors.ts';
import { hideOwnMemory, type OwnMemory } from '../process/own-memory.ts';
import { parseCommandLine } from './arguments.ts';
import type { CommandLine } from './command-line.ts';
import type { ReadEnvironment } from './running-configuration.ts';
import { serve } from './serve.ts';
import type { ServiceSignals } from './service-signals.ts';

/** If the process still runs after this long with nothing left to do, something holds it that should not. */
const EXIT_GRACE_MS = 1_000;

/** Runs one command line; returns the exit code: 0, 1 for a run-time failure, 2 for a usage or configuration error. */
export async function run(argv: readonly string[], signals: ServiceSignals): Promise<number> {
  try {
    const command = parseCommandLine(argv);
    if (command.kind !== 'serve') signals.release();
    return await dispatch(command, signals);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const lines = error.message.split('\n').map((line) => `mcpo-ts: ${line}\n`);
    process.stderr.write(lines.join(''));
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1;
  }
}

async function dispatch(command: CommandLine, signals: ServiceSignals): Promise<number> {
  switch (command.kind) {
    case 'serve': {
      const { read, ownMemory } = takeOwnEnvironment(command.options.envPath);
      await serve(command.options, read, ownMemory, signals);
      setTimeout(() => process.exit(0), EXIT_GRACE_MS).unref();
      return 0;
    }
    case 'print':
      process.stdout.write(command.text);
      return 0;
    case 'run': {
      const { read } = takeOwnEnvironment(command.envPath);
      const { text, exitCode, note = '' } = await command.run(read());
      process.stderr.write(note);
      process.stdout.write(text);
      return exitCode;
    }
  }
}

/** Takes the environment and hides it, before there is any child process that could read it. */
function takeOwnEnvironment(envPath: string | undefined): {
  readonly read: ReadEnvironment;
  readonly ownMemory: OwnMemory;
} {
  const variables = takeEnvironment();
  const ownMemory = hideOwnMemory(staysInProcess, process.argv.slice(2));
  return { read: (onRead) => readEnvironment(variables, { envPath, onRead }), ownMemory };
}
