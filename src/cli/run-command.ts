import { findAuditKey } from '../audit/audit-key.ts';
import type { CommandLine } from '../config/arguments.ts';
import { ANY_AUDIENCE } from '../config/auth-schema.ts';
import type { Environment } from '../config/environment.ts';
import { loadSettings } from '../config/load-settings.ts';
import { hasStoredApiKeys } from '../db/has-stored-api-keys.ts';
import { formatConfigProblem } from '../errors.ts';
import { verifyAudit } from './audit.ts';
import { type CommandResult, checkServers } from './check.ts';
import { checkStart } from './check-start.ts';
import { keyCommand } from './key.ts';
import { printOpenApi } from './openapi.ts';
import { openWebUiCommand } from './openwebui.ts';
import { issueToken } from './token.ts';
import { vaultCommand } from './vault.ts';

/** Every command but those that serve, or that say something of the program itself. */
export type OneTimeCommand = Exclude<CommandLine, { kind: 'serve' | 'help' | 'version' }>;

export interface OneTimeResult extends CommandResult {
  /** For the person, on standard error. */
  readonly note?: string;
}

/** Runs one sub-command. Throws the `ServiceError`s of what it does. */
export async function runCommand(command: OneTimeCommand, environment: Environment): Promise<OneTimeResult> {
  switch (command.kind) {
    case 'check': {
      const { settings, warnings } = await load(command, environment);
      const note = warnings.map((warning) => `mcpo-ts: warning: ${formatConfigProblem(warning)}\n`).join('');
      const result = command.start ? await checkStart(command.options, environment) : await checkServers(settings);
      return { ...result, note };
    }
    case 'openapi':
      return { text: await printOpenApi(command, environment), exitCode: 0 };
    case 'openwebui': {
      const { settings, secrets } = await load(command, environment);
      return openWebUiCommand(settings, secrets, command);
    }
    case 'key-create':
      return keyCommand({ action: 'create', ...command }, environment);
    case 'key-list':
      return keyCommand({ action: 'list' }, environment);
    case 'key-revoke':
      return keyCommand({ action: 'revoke', id: command.id }, environment);
    case 'token-issue': {
      const { secret, algorithms, issuer, audiences, expiry } = environment.jwt;
      // Any of them will do; `*` is none.
      const audience = audiences.find((one) => one !== ANY_AUDIENCE);
      const { allowsWeakSecret } = command;
      return issueToken(command, { secret, allowsWeakSecret, algorithm: algorithms?.[0], issuer, audience, expiry });
    }
    case 'vault':
      return vaultCommand(command.command, environment);
    case 'audit-verify': {
      const { auditKey: value, dataDir, databaseUrl } = environment;
      const key = findAuditKey({ value, file: undefined, dataDir });
      return verifyAudit(command.files, key, { dataDir, databaseUrl });
    }
  }
}

async function load(command: Extract<CommandLine, { kind: 'check' | 'openwebui' }>, environment: Environment) {
  return loadSettings(command.options, environment, await hasStoredApiKeys(environment));
}
