import type { AuditEvent } from '../audit/audit-event.ts';
import type { AuthSettings } from '../auth/auth-settings.ts';
import { authSecrets } from '../config/resolve-auth.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { ConfigError, formatConfigProblem } from '../errors.ts';
import { toPublicProblems } from '../servers/reload-result.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';

/** What a hot reload takes over. */
interface ChangedConfiguration {
  readonly servers: readonly ServerConfig[];
  readonly auth: AuthSettings;
  readonly secrets: readonly string[];
}

export interface ReloadDependencies {
  readonly registry: ServerRegistry;
  readonly authentication: { update(settings: AuthSettings): Promise<void> };
  readonly redactor: Redactor;
  readonly logger: Logger;
  readonly record: (event: AuditEvent) => void;
}

export interface Reload {
  /**
   * Uses a changed configuration and reports it in the log and on the start page. Rejects with `ConfigError`, having
   * changed nothing, when an issuer's keys cannot be used.
   */
  apply(changed: ChangedConfiguration): Promise<void>;
  /** Uses changed secrets of the authentication; `variable` names the one that has changed. Rejects as `apply` does. */
  authenticate(settings: AuthSettings, variable: string): Promise<void>;
  /** Reports, in the log and on the start page, why a changed configuration was rejected. */
  refuse(error: unknown): void;
}

/** Applies changed configurations and reports each one as a log line and an audit event. */
export function createReload(dependencies: ReloadDependencies): Reload {
  const { registry, authentication, redactor, logger, record } = dependencies;
  return {
    async apply({ servers, auth, secrets }) {
      redactor.add([...secrets, ...authSecrets(auth)]);
      await authentication.update(auth);
      const change = registry.apply(servers);
      registry.noteReload({ kind: 'applied', at: Date.now(), change });
      logger.info('configuration reloaded', { ...change });
      record({ eventType: 'reload', action: 'reload', result: 'success', details: { ...change } });
    },
    async authenticate(settings, variable) {
      redactor.add(authSecrets(settings));
      await authentication.update(settings);
      record({ eventType: 'key_change', action: 'replace', resource: variable, result: 'success' });
    },
    refuse(error) {
      const reasons = error instanceof ConfigError ? error.problems.map(formatConfigProblem) : [String(error)];
      const problems = toPublicProblems(error).map((problem) => redactor.redact(problem));
      registry.noteReload({ kind: 'refused', at: Date.now(), problems });
      logger.error('the configuration was not reloaded; the previous configuration stays in use', { reasons });
      record({ eventType: 'reload', action: 'reload', result: 'failure', details: { problems: problems.length } });
    },
  };
}
