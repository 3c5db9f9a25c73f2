import type { AuditEvent } from '../audit/audit-event.ts';
import type { RefusingLimit } from '../rate-limit/open-limits.ts';
import type { SessionDependencies } from '../servers/session-dependencies.ts';
import type { EventCounts } from '../telemetry/metrics/event-counts.ts';
import type { VaultOptions } from '../vault/vault.ts';

type StoreUse = NonNullable<VaultOptions['onStoreUse']>;

/** The operations of the vault's store that people and calls cause; the others are the vault's own housekeeping. */
const VAULT_OPERATIONS: ReadonlyMap<Parameters<StoreUse>[0], string> = new Map([
  ['get', 'read'],
  ['put', 'set'],
  ['remove', 'remove'],
  ['erase', 'erase'],
  ['addLink', 'create_link'],
  ['useLink', 'redeem_link'],
] as const);

export type EventNotes = ReturnType<typeof countEvents>;

/** Counts what the parts of the service report: each function is given to the one that calls it. */
export function countEvents(counts: EventCounts) {
  for (const limit of ['calls', 'log_ins', 'address'] as const) counts.count('mcpo_rate_limited_total', { limit });
  for (const limit of ['max', 'address']) counts.count('mcpo_connections_refused_total', { limit });
  for (const reason of ['too_large', 'media_type', 'memory']) counts.count('mcpo_bodies_refused_total', { reason });
  for (const outcome of ['success', 'failure']) counts.count('mcpo_config_reloads_total', { outcome });
  for (const kind of ['key', 'token', 'none', 'page', 'link', 'vault_api']) {
    counts.count('mcpo_log_ins_total', { kind, outcome: 'failure' });
  }

  return {
    onLimited: (limit: RefusingLimit) => counts.add('mcpo_rate_limited_total', { limit }),

    onConnectionRefused: (limit: 'max' | 'address') => counts.add('mcpo_connections_refused_total', { limit }),

    onStoreUse: ((method, isDone) => {
      const operation = VAULT_OPERATIONS.get(method);
      const outcome = isDone ? 'success' : 'unavailable';
      if (operation !== undefined) counts.add('mcpo_vault_operations_total', { operation, outcome });
    }) satisfies StoreUse,

    noteRestart: (server: string) => counts.add('mcpo_server_restarts_total', { server }),

    noteOpening(
      { server, signal }: Parameters<SessionDependencies['openSession']>[0],
      opening: ReturnType<SessionDependencies['openSession']>,
    ): void {
      const noteStart = (outcome: string) => counts.add('mcpo_session_starts_total', { server, outcome });
      opening.then(
        ({ closed }) => {
          noteStart('success');
          void closed.then(({ isClosed, isForgotten }) => {
            const cause = isClosed ? 'closed' : isForgotten ? 'forgotten' : 'lost';
            counts.add('mcpo_session_ends_total', { server, cause });
          });
        },
        () => noteStart(signal.aborted ? 'cancelled' : 'failure'),
      );
    },

    /** An event of the audit log that is not about a request outside the pages; those have an observer. */
    onAuditEvent({ eventType, action, result }: AuditEvent): void {
      if (eventType === 'log_in') {
        const kind = action === 'open_link' ? 'link' : action === 'request' ? 'vault_api' : 'page';
        counts.add('mcpo_log_ins_total', { kind, outcome: result === 'success' ? 'success' : 'failure' });
      } else if (eventType === 'reload' && action === 'reload') {
        counts.add('mcpo_config_reloads_total', { outcome: result === 'success' ? 'success' : 'failure' });
      }
    },
  };
}
