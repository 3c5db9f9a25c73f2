import { type CommandLine, parseCommandLine, type ServiceOptions } from '../config/arguments.ts';
import { readEnvironment } from '../config/environment.ts';
import { staysInProcess, takeEnvironment } from '../config/take-environment.ts';
import { ConfigError, ServiceError, UsageError } from '../errors.ts';
import { hideOwnMemory, type OwnMemory } from '../process/own-memory.ts';
import { readVersion } from '../version.ts';
import type { OneTimeCommand } from './run-command.ts';
import { type ReadEnvironment, serve } from './serve.ts';
import type { ServiceSignals } from './service-signals.ts';

/** With nothing left to do for this long, something holds the process that should not. */
const EXIT_GRACE_MS = 1_000;

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** Runs one command line; returns the exit code: 0, 1 for what went wrong at run time, 2 for what was asked wrongly. */
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
    case 'serve':
      return serveUntilSignal(command.options, signals);
    case 'help':
      process.stdout.write(command.text);
      return 0;
    case 'version':
      process.stdout.write(`${readVersion()}\n`);
      return 0;
    default: {
      // Loaded only for them: the service does not wait for what it does not use.
      const { runCommand } = await import('./run-command.ts');
      const { read } = takeOwnEnvironment(envPathOf(command));
      const { text, exitCode, note = '' } = await runCommand(command, read());
      process.stderr.write(note);
      process.stdout.write(text);
      return exitCode;
    }
  }
}

/** Takes the environment and hides it, before there is any child process that could look at it. */
function takeOwnEnvironment(envPath: string | undefined): {
  readonly read: ReadEnvironment;
  readonly ownMemory: OwnMemory;
} {
  const variables = takeEnvironment();
  const ownMemory = hideOwnMemory(staysInProcess, process.argv.slice(2));
  return { read: (onRead) => readEnvironment(variables, { envPath, onRead }), ownMemory };
}

function envPathOf(command: OneTimeCommand): string | undefined {
  return 'options' in command ? command.options.envPath : command.envPath;
}

/** Resolves when the service has ended, to 0: being asked to end is no failure. */
async function serveUntilSignal(options: ServiceOptions, signals: ServiceSignals): Promise<number> {
  const asked = askedToEnd();
  const { read, ownMemory } = takeOwnEnvironment(options.envPath);
  const serving = await serve(options, read, ownMemory);
  signals.handle({ SIGHUP: () => serving.reload(), SIGUSR2: () => void serving.reopenLogs() });
  const signal = await asked;
  serving.logger.info(`${signal}: running calls may finish; a second signal ends at once`);
  await serving.stop();
  setTimeout(() => process.exit(0), EXIT_GRACE_MS).unref();
  return 0;
}

/** Resolves at the first signal to end; the second one ends the process at once, child processes included. */
function askedToEnd(): Promise<string> {
  return new Promise((resolve) => {
    let isEnding = false;
    for (const [signal, number] of Object.entries(SIGNAL_NUMBERS)) {
      process.on(signal, () => {
        if (isEnding) process.exit(128 + number);
        isEnding = true;
        resolve(signal);
      });
    }
  });
}
