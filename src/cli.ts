#!/usr/bin/env node
import { findAuditKey } from './audit/audit-key.ts';
import { verifyAudit } from './commands/audit.ts';
import { type CommandResult, checkCommands } from './commands/check.ts';
import { checkStart } from './commands/check-start.ts';
import { type KeyCommandResult, keyCommand } from './commands/key.ts';
import { printOpenApi } from './commands/openapi.ts';
import { openWebUiCommand } from './commands/openwebui.ts';
import { serve } from './commands/serve.ts';
import { issueToken } from './commands/token.ts';
import { type CommandLine, parseCommandLine, type ServiceOptions } from './config/arguments.ts';
import { readEnvironment } from './config/environment.ts';
import { loadSettings } from './config/load-settings.ts';
import { hasStoredApiKeys } from './db/has-stored-api-keys.ts';
import { ConfigError, formatConfigProblem, ServiceError, UsageError } from './errors.ts';
import { readVersion } from './version.ts';

/** With nothing left to do for this long, something holds the process that should not. */
const EXIT_GRACE_MS = 1_000;

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

process.exitCode = await run(process.argv.slice(2));

/** Runs one command line; returns the exit code: 0, 1 for what went wrong at run time, 2 for what was asked wrongly. */
async function run(argv: readonly string[]): Promise<number> {
  try {
    return await dispatch(parseCommandLine(argv));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const lines = error.message.split('\n').map((line) => `mcpo-ts: ${line}\n`);
    process.stderr.write(lines.join(''));
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1;
  }
}

async function dispatch(command: CommandLine): Promise<number> {
  switch (command.kind) {
    case 'serve':
      return serveUntilSignal(command.options);
    case 'help':
      process.stdout.write(command.text);
      return 0;
    case 'version':
      process.stdout.write(`${readVersion()}\n`);
      return 0;
    case 'check':
      return print(await check(command.options, command.start));
    case 'openapi':
      return print({ text: await printOpenApi(command, readEnvironment()), exitCode: 0 });
    case 'key-create':
      return printKey(await keyCommand({ action: 'create', ...command }, readEnvironment()));
    case 'key-list':
      return printKey(await keyCommand({ action: 'list' }, readEnvironment()));
    case 'key-revoke':
      return printKey(await keyCommand({ action: 'revoke', id: command.id }, readEnvironment()));
    case 'token-issue':
      return print(issue(command));
    case 'audit-verify':
      return print(await verify(command.files));
    case 'openwebui':
      return print(connections(command));
  }
}

async function check(options: ServiceOptions, start: boolean): Promise<CommandResult> {
  const environment = readEnvironment();
  const { settings, warnings } = loadSettings(options, environment, hasStoredApiKeys(environment.dataDir));
  for (const warning of warnings) process.stderr.write(`mcpo-ts: warning: ${formatConfigProblem(warning)}\n`);
  return start ? checkStart(options, environment) : checkCommands(settings);
}

function connections(command: Extract<CommandLine, { kind: 'openwebui' }>): CommandResult {
  const environment = readEnvironment();
  const { settings, secrets } = loadSettings(command.options, environment, hasStoredApiKeys(environment.dataDir));
  return openWebUiCommand(settings, secrets, command);
}

function printKey(result: KeyCommandResult): number {
  process.stderr.write(result.note);
  return print(result);
}

function issue(command: Extract<CommandLine, { kind: 'token-issue' }>): CommandResult {
  const { secret, algorithms, issuer, audience, expiry } = readEnvironment().jwt;
  return issueToken(command, { secret, algorithm: algorithms?.[0], issuer, audience, expiry });
}

function verify(files: readonly string[]): Promise<CommandResult> {
  const { auditKey: value, dataDir } = readEnvironment();
  return verifyAudit(files, findAuditKey({ value, file: undefined, dataDir }));
}

function print({ text, exitCode }: CommandResult): number {
  process.stdout.write(text);
  return exitCode;
}

/** Resolves when the service has ended, to 0: being asked to end is no failure. */
async function serveUntilSignal(options: ServiceOptions): Promise<number> {
  const asked = askedToEnd();
  const serving = await serve(options, readEnvironment());
  process.on('SIGHUP', () => void serving.reload());
  process.on('SIGUSR2', () => void serving.reopenLogs());
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
