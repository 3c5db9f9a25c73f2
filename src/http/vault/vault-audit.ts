import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditDetails, AuditEvent } from '../../audit/audit-event.ts';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { UserId } from '../../auth/user.ts';
import { ServiceError } from '../../errors.ts';
import { loggedPath } from '../error-handler.ts';
import type { ClientAddress } from '../guards/client-address.ts';

export type SecretAction = 'set' | 'remove' | 'erase' | 'test';

/** What was done to a user's secrets, or tried. */
export interface SecretChange {
  readonly action: SecretAction;
  readonly owner: UserId;
  /** `undefined`: everything of the owner. */
  readonly server?: string;
  readonly name?: string;
  /** What came in its way; `undefined` when it was done. */
  readonly error?: unknown;
  readonly details?: AuditDetails;
}

/** Who did it, and by which request. */
export interface Actor {
  /** As `toPrincipalId` names him. */
  readonly id: string | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Records what happens at the pages and the vault's API; without an audit log it does nothing. */
export interface VaultAudit {
  /** To be called before secrets are changed. Throws `AuditUnavailableError` when it could not be recorded. */
  assertAvailable(): void;
  secretChanged(actor: Actor, change: SecretChange): void;
  /** `open_link` or `log_in`. */
  loggedIn(actor: Actor, action: LogInAction): void;
  logInFailed(actor: Actor, action: LogInAction, error: unknown): void;
  /** An admin restarted a server. */
  restarted(actor: Actor, server: string): void;
  /** An admin made the tools of a user's session those that all see. */
  toolsChosen(actor: Actor, server: string): void;
  /** Somebody who is known asked for what he may not do. */
  refused(actor: Actor, error: unknown): void;
}

export type LogInAction = 'log_in' | 'open_link' | 'request';

/** Names a user in the audit log, as `toPrincipalId` does. */
export function toUserId({ issuer, subject }: UserId): string {
  return `user:${issuer.length}:${issuer}:${subject}`;
}

/** Makes it over the audit log. */
export function createVaultAudit(
  log: Pick<AuditLog, 'assertAvailable' | 'recordDone' | 'status'> | undefined,
  client: Pick<ClientAddress, 'addressOf'>,
): VaultAudit {
  const record = ({ id, request, response }: Actor, event: Omit<AuditEvent, 'userId'>): void => {
    if (log === undefined || log.status.state === 'closed') return;
    const requestId = response.getHeader('X-Request-Id');
    log.recordDone({
      ...event,
      userId: id,
      clientIp: client.addressOf(request),
      userAgent: request.headers['user-agent'],
      requestId: typeof requestId === 'string' ? requestId : undefined,
    });
  };
  return {
    assertAvailable: () => log?.assertAvailable(),
    secretChanged: (actor, { action, owner, server, name, error, details }) =>
      record(actor, {
        eventType: 'secret_change',
        action,
        resource: server === undefined ? undefined : name === undefined ? server : `${server}/${name}`,
        result: error === undefined ? 'success' : 'failure',
        subjectId: toUserId(owner),
        details: { on_behalf: actor.id !== toUserId(owner), ...details, ...codeOf(error) },
      }),
    loggedIn: (actor, action) => record(actor, { eventType: 'log_in', action, resource: 'vault', result: 'success' }),
    logInFailed: (actor, action, error) =>
      record(actor, {
        eventType: 'log_in',
        action,
        resource: loggedPath({ url: originalUrlOf(actor.request) }),
        result: 'failure',
        details: codeOf(error),
      }),
    restarted: (actor, server) =>
      record(actor, { eventType: 'reload', action: 'restart', resource: server, result: 'success' }),
    toolsChosen: (actor, server) =>
      record(actor, { eventType: 'tool_definition_change', action: 'choose', resource: server, result: 'success' }),
    refused: (actor, error) =>
      record(actor, {
        eventType: 'refusal',
        action: actor.request.method ?? '',
        resource: 'vault',
        result: 'refused',
        details: codeOf(error),
      }),
  };
}

/** Express changes `url` on the way. */
function originalUrlOf(request: IncomingMessage): string | undefined {
  return (request as { readonly originalUrl?: string }).originalUrl ?? request.url;
}

function codeOf(error: unknown): AuditDetails {
  if (error === undefined) return {};
  return { code: error instanceof ServiceError ? error.code : 'internal' };
}
