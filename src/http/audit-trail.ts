import type { IncomingMessage } from 'node:http';
import { type AuditDetails, type AuditEvent, describeArguments } from '../audit/audit-event.ts';
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
  readonly #log: Pick<AuditLog, 'assertAvailable' | 'record'> | undefined;

  constructor(log: Pick<AuditLog, 'assertAvailable' | 'record'> | undefined) {
    this.#log = log;
  }

  /** To be called before anything is done. Throws `AuditUnavailableError` when it could not be recorded. */
  assertAvailable(): void {
    this.#log?.assertAvailable();
  }

  /** Adds what the log may contain of a call's arguments. */
  noteArguments(facts: RequestFacts, args: Readonly<Record<string, unknown>>, bodyBytes: number): void {
    if (this.#log !== undefined) facts.argumentDetails = describeArguments(args, bodyBytes);
  }

  /** Records an event with where its request comes from. */
  record(
    request: IncomingMessage,
    { requestId, clientAddress }: Pick<RequestFacts, 'requestId' | 'clientAddress'>,
    event: AuditEvent,
  ): void {
    if (this.#log === undefined) return;
    const userAgent = request.headers['user-agent'];
    this.#log.record({ ...event, clientIp: clientAddress, userAgent, requestId });
  }

  /** A tool call that was answered. */
  called(request: IncomingMessage, facts: RequestFacts): void {
    this.#recordRequest('call', 'success', request, facts, { ...facts.argumentDetails, status: 200 });
  }

  /** A page or document that was read by an authenticated caller. */
  loggedIn(request: IncomingMessage, facts: RequestFacts): void {
    this.#recordRequest('log_in', 'success', request, facts, {});
  }

  /** A request that ended in an error. */
  failed(request: IncomingMessage, facts: RequestFacts, error: unknown, status: number): void {
    if (this.#log === undefined) return;
    const details = { ...facts.argumentDetails, status, code: codeOf(error) };
    const isLogIn = facts.principal === undefined;
    if (isLogIn && (error instanceof UnauthenticatedError || error instanceof ForbiddenError)) {
      const resource = facts.resource ?? loggedPath(request);
      this.#recordRequest('log_in', 'failure', request, { ...facts, resource }, details);
    } else if (error instanceof ForbiddenError || error instanceof RateLimitedError) {
      this.#recordRequest('refusal', 'refused', request, facts, details);
    } else if (facts.resource !== undefined && request.method === 'POST') {
      this.#recordRequest('call', 'failure', request, facts, details);
    }
  }

  #recordRequest(
    eventType: 'call' | 'log_in' | 'refusal',
    result: 'success' | 'failure' | 'refused',
    request: IncomingMessage,
    facts: RequestFacts,
    details: AuditDetails,
  ): void {
    const { principal, resource } = facts;
    this.record(request, facts, {
      eventType,
      userId: principal && toPrincipalId(principal),
      resource,
      action: request.method ?? '',
      result,
      details: principal?.kind === 'user' && principal.keyId ? { ...details, key: principal.keyId } : details,
    });
  }
}

/** The public code of an error, for the audit log. */
export function codeOf(error: unknown): string {
  return error instanceof ServiceError ? error.code : 'internal';
}
