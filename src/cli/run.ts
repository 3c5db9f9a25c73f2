import { readEnvironment } from '../config/environment.ts';
import { staysInProcess, takeEnvironment } from '../config/environment-variables.ts';
import { toSecretSources } from '../config/resolve-secret-sources.ts';
import { startErrorFormat } from '../config/terminal.ts';
import { ConfigError, ServiceError, UsageError } from '../errors.ts';
import { hideOwnMemory, type OwnMemory } from '../process/own-memory.ts';
import { SecretReferences } from '../secret-sources/secret-references.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { Redactor } from '../telemetry/redactor.ts';
import { parseCommandLine } from './arguments.ts';
import type { CommandLine } from './command-line.ts';
import type { ProcessEvents } from './process-events.ts';
import type { ReadEnvironment } from './running-configuration.ts';
import { serve } from './serve.ts';
import type { ServiceSignals } from './service-signals.ts';

/** If the process still runs after this long with nothing left to do, something holds it that should not. */
const EXIT_GRACE_MS = 1_000;

/** Runs one command line; returns the exit code: 0, 1 for a run-time failure, 2 for a usage or configuration error. */
export async function run(argv: readonly string[], signals: ServiceSignals, events: ProcessEvents): Promise<number> {
  // Before the variables are taken out of the process. Sub-commands are read by people, on a pipe too.
  const isStart = !/^[a-z]/.test(argv[0] ?? '');
  const log = isStart && startErrorFormat() === 'json' ? createStartLog() : undefined;
  try {
    const command = parseCommandLine(argv);
    if (command.kind === 'serve') {
      if (log !== undefined) events.logTo(log);
    } else {
      signals.release();
      events.release();
    }
    return await dispatch(command, signals, events);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    for (const line of error.message.split('\n')) {
      if (log === undefined) process.stderr.write(`mcpo-ts: ${line}\n`);
      else log.error(line, { code: error.code });
    }
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1;
  }
}

/** For what is logged before the configuration, and with it every secret, is known. */
function createStartLog(): Logger {
  return createLogger({ level: 'info', format: 'json', redactor: new Redactor() });
}

async function dispatch(command: CommandLine, signals: ServiceSignals, events: ProcessEvents): Promise<number> {
  switch (command.kind) {
    case 'serve': {
      const { read, references, ownMemory } = takeOwnEnvironment(command.options.envPath);
      await serve({ options: command.options, readEnvironment: read, references, ownMemory, signals, events });
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
  readonly references: SecretReferences;
  readonly ownMemory: OwnMemory;
} {
  const variables = takeEnvironment();
  const ownMemory = hideOwnMemory(staysInProcess, process.argv.slice(2));
  const references = new SecretReferences();
  const read: ReadEnvironment = (onRead) => {
    const environment = readEnvironment(variables, { envPath, onRead });
    references.configure(toSecretSources(environment));
    return { ...environment, references };
  };
  return { read, references, ownMemory };
}
