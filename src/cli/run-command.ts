import { findAuditKey } from '../audit/audit-keys.ts';
import type { Environment } from '../config/environment.ts';
import { loadSettings, vaultKeyOf } from '../config/load-settings.ts';
import { hasStoredApiKeys } from '../db/has-stored-api-keys.ts';
import { formatConfigProblem } from '../errors.ts';
import type { CommandLine } from './arguments.ts';
import { verifyAudit } from './audit.ts';
import { checkServers } from './check.ts';
import type { CommandResult } from './command-result.ts';
import { keyCommand } from './key.ts';
import { openWebUiCommand } from './openwebui.ts';
import { checkStart, printOpenApi } from './started-servers.ts';
import { issueToken } from './token.ts';
import { vaultCommand } from './vault.ts';

/** Every command except those that serve or describe the program itself. */
export type OneTimeCommand = Exclude<CommandLine, { kind: 'serve' | 'help' | 'version' }>;

/** Runs one sub-command. Throws its `ServiceError`s. */
export async function runCommand(command: OneTimeCommand, environment: Environment): Promise<CommandResult> {
  const { database } = environment;
  switch (command.kind) {
    case 'key':
      return keyCommand(command.command, database);
    case 'token-issue':
      return issueToken(command.request, environment);
    case 'vault':
      return vaultCommand(command.command, database, vaultKeyOf(environment));
    case 'audit-verify': {
      const key = findAuditKey({ value: environment.secrets.MCPO_AUDIT_KEY, dataDir: database.dataDir });
      return verifyAudit(command.files, key, database);
    }
  }
  const loaded = loadSettings(command.options, environment, await hasStoredApiKeys(database));
  switch (command.kind) {
    case 'check': {
      const note = loaded.warnings.map((warning) => `mcpo-ts: warning: ${formatConfigProblem(warning)}\n`).join('');
      const result = command.start ? await checkStart(command, loaded) : await checkServers(loaded.settings);
      return { ...result, note };
    }
    case 'openapi':
      return printOpenApi(command, loaded);
    case 'openwebui':
      return openWebUiCommand(loaded.settings, loaded.secrets, command);
  }
}
