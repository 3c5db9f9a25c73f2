import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditEvent } from '../../audit/audit-event.ts';
import type { UserId } from '../../auth/user.ts';
import { type AuditTrail, codeOf } from '../audit-trail.ts';
import { loggedPath } from '../error-handler.ts';
import type { ClientAddress } from '../guards/client-address.ts';

/** Who did something, and by which request. */
export interface Actor {
  /** As `toPrincipalId` names them; `undefined` before a log-in. */
  readonly id: string | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export type LogInAction = 'log_in' | 'open_link' | 'request';

/** Records what happens at the pages and the vault's API. */
export class PageAudit {
  readonly #trail: AuditTrail;
  readonly #client: Pick<ClientAddress, 'addressOf'>;

  constructor(trail: AuditTrail, client: Pick<ClientAddress, 'addressOf'>) {
    this.#trail = trail;
    this.#client = client;
  }

  /** To be called before secrets are changed. Throws `AuditUnavailableError` when it could not be recorded. */
  assertAvailable(): void {
    this.#trail.assertAvailable();
  }

  record({ id, request, response }: Actor, event: Omit<AuditEvent, 'userId'>): void {
    const requestId = String(response.getHeader('X-Request-Id') ?? '');
    const clientAddress = this.#client.addressOf(request);
    this.#trail.record(request, { requestId, clientAddress }, { ...event, userId: id });
  }

  logInFailed(actor: Actor, action: LogInAction, error: unknown): void {
    const resource = loggedPath(actor.request);
    this.record(actor, { eventType: 'log_in', action, resource, result: 'failure', details: { code: codeOf(error) } });
  }

  /** A known caller requested something that they may not do. */
  refused(actor: Actor, error: unknown): void {
    const action = actor.request.method ?? '';
    const details = { code: codeOf(error) };
    this.record(actor, { eventType: 'refusal', action, resource: 'vault', result: 'refused', details });
  }
}

/** Names a user in the audit log, as `toPrincipalId` does. */
export function toAuditedUser({ issuer, subject }: UserId): string {
  return `user:${issuer.length}:${issuer}:${subject}`;
}
