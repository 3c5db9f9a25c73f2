import type { AuditEvent } from '../audit/audit-event.ts';
import type { ApiKeyRecord } from '../auth/auth-settings.ts';
import { type RegistryChange, toPublicProblems } from '../bridge/reload-result.ts';
import type { ServerRegistry } from '../bridge/server-registry.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { ConfigError, formatConfigProblem } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';

/** What a hot reload takes over. */
export interface ChangedConfiguration {
  readonly servers: readonly ServerConfig[];
  readonly keys: readonly ApiKeyRecord[];
  readonly secrets: readonly string[];
}

export interface ReloadDependencies {
  readonly registry: ServerRegistry;
  readonly ring: { replace(source: 'file', keys: readonly ApiKeyRecord[]): void };
  readonly redactor: Redactor;
  readonly logger: Logger;
  readonly record: (event: AuditEvent) => void;
  /** Called when there are servers whose kept list of tools was not looked for yet. */
  readonly onNewServers: () => void;
}

export interface Reload {
  /** Takes over a changed configuration; tells the log and the start page. */
  apply(changed: ChangedConfiguration): void;
  /** Tells the log and the start page why a changed configuration is not taken over. */
  refuse(error: unknown): void;
}

/** What a changed configuration comes to, told as one event each. */
export function createReload(dependencies: ReloadDependencies): Reload {
  const { registry, ring, redactor, logger, record, onNewServers } = dependencies;
  return {
    apply({ servers, keys, secrets }) {
      redactor.add(secrets);
      ring.replace('file', keys);
      const change = registry.apply(servers);
      if (change.added.length > 0 || change.changed.length > 0) onNewServers();
      registry.noteReload({ kind: 'applied', at: Date.now(), change });
      logger.info('configuration reloaded', { ...change });
      record({ eventType: 'reload', action: 'reload', result: 'success', details: toDetails(change) });
    },
    refuse(error) {
      const reasons = error instanceof ConfigError ? error.problems.map(formatConfigProblem) : [String(error)];
      const problems = toPublicProblems(error).map((problem) => redactor.redact(problem));
      registry.noteReload({ kind: 'refused', at: Date.now(), problems });
      logger.error('the configuration was not reloaded; the one before goes on', { reasons });
      record({ eventType: 'reload', action: 'reload', result: 'failure', details: { problems: problems.length } });
    },
  };
}

function toDetails({ added, changed, removed }: RegistryChange) {
  return { added, changed, removed };
}
