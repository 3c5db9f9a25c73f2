import type { IncomingMessage } from 'node:http';
import type { AuditDetails } from '../audit/audit-event.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { type Principal, toPrincipalId } from '../auth/principal.ts';
import { ForbiddenError, RateLimitedError, ServiceError, UnauthenticatedError } from '../errors.ts';
import { loggedPath } from './error-handler.ts';

/** What is known of a request while it is answered; filled in as it becomes known. */
export interface RequestFacts {
  readonly requestId: string;
  readonly clientAddress: string;
  principal?: Principal;
  /** `<server>/<tool>`, or the path of a page. */
  resource?: string;
  /** Names and size of a call's arguments, never their values. */
  argumentDetails?: AuditDetails;
}

/** Records what requests did; without an audit log it does nothing. */
export class AuditTrail {
  readonly #log: AuditLog | undefined;

  constructor(log: AuditLog | undefined) {
    this.#log = log;
  }

  /** To be called before a call is made. Throws `AuditUnavailableError` when it could not be recorded. */
  assertAvailable(): void {
    this.#log?.assertAvailable();
  }

  /** A tool call that was answered. */
  called(request: IncomingMessage, facts: RequestFacts): void {
    this.#record('call', 'success', request, facts, { ...facts.argumentDetails, status: 200 });
  }

  /** A page that was read by somebody who had to say who he is. */
  loggedIn(request: IncomingMessage, facts: RequestFacts): void {
    this.#record('log_in', 'success', request, facts, {});
  }

  /** A request that ended in an error. */
  failed(request: IncomingMessage, facts: RequestFacts, error: unknown, status: number): void {
    if (this.#log === undefined) return;
    const code = error instanceof ServiceError ? error.code : 'internal';
    const details = { ...facts.argumentDetails, status, code };
    const isLogIn = facts.principal === undefined && error instanceof ServiceError;
    if (isLogIn && (error instanceof UnauthenticatedError || error instanceof ForbiddenError)) {
      this.#record(
        'log_in',
        'failure',
        request,
        { ...facts, resource: facts.resource ?? loggedPath(request) },
        details,
      );
    } else if (error instanceof ForbiddenError || error instanceof RateLimitedError) {
      this.#record('refusal', 'refused', request, facts, details);
    } else if (facts.resource !== undefined && request.method === 'POST') {
      this.#record('call', 'failure', request, facts, details);
    }
  }

  #record(
    eventType: 'call' | 'log_in' | 'refusal',
    result: 'success' | 'failure' | 'refused',
    request: IncomingMessage,
    { requestId, clientAddress, principal, resource }: RequestFacts,
    details: AuditDetails,
  ): void {
    const log = this.#log;
    if (log === undefined || log.status.state === 'closed') return;
    log.recordDone({
      eventType,
      userId: principal && toPrincipalId(principal),
      resource,
      action: request.method ?? '',
      result,
      details: principal?.kind === 'user' && principal.keyId ? { ...details, key: principal.keyId } : details,
      clientIp: clientAddress,
      userAgent: request.headers['user-agent'],
      requestId,
    });
  }
}
