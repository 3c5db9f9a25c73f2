import type { AuditEvent } from '../audit/audit-event.ts';
import type { AuthSettings } from '../auth/auth-settings.ts';
import type { Authentication } from '../auth/open-authentication.ts';
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

/** How a running service takes over what has changed. */
export type Reload = ReturnType<typeof createReload>;

/** Each change is reported as a log line and an audit event. */
export function createReload(
  registry: ServerRegistry,
  authentication: Pick<Authentication, 'update'>,
  redactor: Redactor,
  logger: Logger,
  record: (event: AuditEvent) => void,
) {
  return {
    /**
     * Uses a changed configuration, which the start page shows too. Rejects with `ConfigError`, having changed nothing,
     * when an issuer's keys cannot be used.
     */
    async apply({ servers, auth, secrets }: ChangedConfiguration): Promise<void> {
      redactor.add([...secrets, ...authSecrets(auth)]);
      await authentication.update(auth);
      const change = registry.apply(servers);
      registry.lastReload = { kind: 'applied', at: Date.now(), change };
      logger.info('configuration reloaded', { ...change });
      record({ eventType: 'reload', action: 'reload', result: 'success', details: { ...change } });
    },

    /** Uses changed values of the servers file's references. */
    useSecrets(servers: readonly ServerConfig[], secrets: readonly string[]): void {
      redactor.add(secrets);
      const { changed } = registry.apply(servers);
      if (changed.length === 0) return;
      logger.info('servers get changed secrets', { servers: changed });
      for (const server of changed) {
        record({ eventType: 'key_change', action: 'replace', resource: `server/${server}`, result: 'success' });
      }
    },

    /** Uses changed secrets of the authentication; `variable` names the one that has changed. Rejects as `apply` does. */
    async authenticate(settings: AuthSettings, variable: string): Promise<void> {
      redactor.add(authSecrets(settings));
      await authentication.update(settings);
      record({ eventType: 'key_change', action: 'replace', resource: variable, result: 'success' });
    },

    /** Reports, also on the start page, why a changed configuration was rejected. */
    refuse(error: unknown): void {
      const reasons = error instanceof ConfigError ? error.problems.map(formatConfigProblem) : [String(error)];
      const problems = toPublicProblems(error).map((problem) => redactor.redact(problem));
      registry.lastReload = { kind: 'refused', at: Date.now(), problems };
      logger.error('the configuration was not reloaded; the previous configuration stays in use', { reasons });
      record({ eventType: 'reload', action: 'reload', result: 'failure', details: { problems: problems.length } });
    },
  };
}
