import { type AuditDetails, type AuditEvent, describeArguments } from '../audit/audit-event.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { toPrincipalId } from '../auth/principal.ts';
import { ArgumentForbiddenError, ForbiddenError, RateLimitedError, ServiceError } from '../errors.ts';
import type { ClientAddress } from './guards/client-address.ts';
import { loggedPath } from './paths.ts';
import { type Exchange, factsOf, isPresented, isRejected, noteFacts, type RequestFacts } from './request-facts.ts';

/** Who did something, and by which request. */
export interface Actor extends Exchange {
  /** As `toPrincipalId` names them; `undefined` before a log-in. */
  readonly id: string | undefined;
}

/** Records in the audit log what requests did. */
export class AuditTrail {
  readonly #log: Pick<AuditLog, 'assertAvailable' | 'record'>;
  readonly #client: Pick<ClientAddress, 'addressOf'>;

  constructor(log: Pick<AuditLog, 'assertAvailable' | 'record'>, client: Pick<ClientAddress, 'addressOf'>) {
    this.#log = log;
    this.#client = client;
  }

  /** To be called before anything is done. Throws `AuditUnavailableError` when it could not be recorded. */
  assertAvailable(): void {
    this.#log.assertAvailable();
  }

  record({ id, request, response }: Actor, event: Omit<AuditEvent, 'userId'>): void {
    this.#log.record({
      ...event,
      userId: id,
      sessionId: factsOf(request)?.visitor?.session,
      clientIp: this.#client.addressOf(request),
      userAgent: request.headers['user-agent'],
      requestId: String(response.getHeader('X-Request-Id') ?? ''),
    });
  }

  /** Adds what the log may contain of a call's arguments. */
  noteArguments(facts: RequestFacts, args: Readonly<Record<string, unknown>>, bodyBytes: number): void {
    facts.argumentDetails = describeArguments(args, bodyBytes);
  }

  /** A tool call that was answered. */
  called(exchange: Exchange, facts: RequestFacts): void {
    this.#recordRequest('call', 'success', exchange, facts, { ...facts.argumentDetails, status: 200 });
  }

  /** A page or document that was read by an authenticated caller. */
  loggedIn(exchange: Exchange, facts: RequestFacts): void {
    this.#recordRequest('log_in', 'success', exchange, facts, {});
  }

  /** A tool call or a document that ended in an error. */
  failed(exchange: Exchange, facts: RequestFacts, error: unknown, status: number): void {
    const { request } = exchange;
    const details = { ...facts.argumentDetails, status, code: codeOf(error) };
    if (facts.principal === undefined && isRejected(error)) {
      const resource = facts.resource ?? loggedPath(request);
      const presented = facts.isFailedLogIn ? undefined : false;
      this.#recordRequest('log_in', 'failure', exchange, { ...facts, resource }, { ...details, presented });
    } else if (error instanceof ArgumentForbiddenError) {
      const { argument, rule } = error;
      this.#recordRequest('refusal', 'refused', exchange, facts, { ...details, argument, rule });
    } else if (error instanceof ForbiddenError || error instanceof RateLimitedError) {
      this.#recordRequest('refusal', 'refused', exchange, facts, details);
    } else if (facts.resource !== undefined && request.method === 'POST') {
      this.#recordRequest('call', 'failure', exchange, facts, details);
    }
  }

  /** A log-in to the pages or the vault's API that failed. Recorded only if what was presented is the reason. */
  logInFailed(exchange: Exchange, action: 'log_in' | 'open_link' | 'request', error: unknown): void {
    if (!isRejected(error)) return;
    const { request } = exchange;
    const resource = loggedPath(request);
    const isFailedLogIn = action !== 'request' || isPresented(request);
    noteFacts(request, { isFailedLogIn });
    const details = { code: codeOf(error), presented: isFailedLogIn ? undefined : false };
    this.record({ ...exchange, id: undefined }, { eventType: 'log_in', action, resource, result: 'failure', details });
  }

  /** A known caller of the pages or the vault's API requested something that they may not do. */
  refused(actor: Actor, error: unknown): void {
    const action = actor.request.method ?? '';
    const details = { code: codeOf(error) };
    this.record(actor, { eventType: 'refusal', action, resource: 'vault', result: 'refused', details });
  }

  #recordRequest(
    eventType: 'call' | 'log_in' | 'refusal',
    result: 'success' | 'failure' | 'refused',
    { request }: Exchange,
    { principal, resource, clientAddress, requestId, trace }: RequestFacts,
    facts: AuditDetails,
  ): void {
    const traced = trace === undefined ? facts : { ...facts, trace_id: trace.context.traceId };
    this.#log.record({
      eventType,
      userId: principal && toPrincipalId(principal),
      clientIp: clientAddress,
      userAgent: request.headers['user-agent'],
      resource,
      action: request.method ?? '',
      result,
      requestId,
      sessionId: principal?.kind === 'user' ? principal.chatId : undefined,
      details: principal?.kind === 'user' && principal.keyId ? { ...traced, key: principal.keyId } : traced,
    });
  }
}

/** The public code of an error, for the audit log. */
export function codeOf(error: unknown): string {
  return error instanceof ServiceError ? error.code : 'internal';
}
