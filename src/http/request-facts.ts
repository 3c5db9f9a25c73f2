import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditDetails } from '../audit/audit-event.ts';
import type { Principal } from '../auth/principal.ts';
import type { UserProfile } from '../auth/user.ts';
import { ForbiddenError, SetupLinkError, UnauthenticatedError } from '../errors.ts';
import type { Trace } from '../telemetry/trace.ts';

/** What is known of a request while it is answered; filled in as it becomes known. */
export interface RequestFacts {
  readonly requestId: string;
  readonly clientAddress: string;
  /** When its headers were read, as `performance.now()` gives it. */
  readonly startedAt: number;
  /** The trace that it is a part of: its caller named one, or traces are recorded. */
  trace?: Trace;
  principal?: Principal;
  /** Who is logged in to the pages, by the cookie that came with the request. */
  visitor?: Visitor;
  /** `<server>/<tool>`, or the path of a page. */
  resource?: string;
  /** The tool that was called, once it is known and the caller may call it. */
  call?: { readonly server: string; readonly tool: string };
  /** Names and size of a call's arguments, never their values. */
  argumentDetails?: AuditDetails;
  /** What was presented to log in is wrong, expired or revoked. */
  isFailedLogIn?: boolean;
  /** Why it was not answered as asked; the pages answer their own errors, which are not here. */
  error?: unknown;
}

/** Who uses the pages. */
interface Visitor {
  /** `undefined`: an admin whose key belongs to no user. */
  readonly user: UserProfile | undefined;
  /** The API key that they logged in with, if it was one. */
  readonly keyId: string | undefined;
  /** Names the log-in, and is of no use to anyone who reads it. */
  readonly session: string;
}

/** A request with the response that carries its id. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Called once for every request, when its answer has left or its connection has closed: `response.writableFinished` says
 * which. Must not throw.
 */
export type RequestObserver = (exchange: Exchange, facts: RequestFacts) => void;

const FACTS = Symbol('facts of a request');

/** Lets the pages and failures, which are given nothing but the request, find its facts. */
export function attachFacts(request: IncomingMessage, facts: RequestFacts): void {
  (request as { [FACTS]?: RequestFacts })[FACTS] = facts;
}

/** Notes why a request was not answered as asked, and whether it was a log-in that failed. */
export function noteError(request: IncomingMessage, facts: RequestFacts, error: unknown): void {
  facts.error = error;
  if (facts.principal === undefined && isRejected(error)) facts.isFailedLogIn = isPresented(request);
}

/** Whether there was anything to be right or wrong: browsers and programs ask without it first. */
export function isPresented({ headers }: IncomingMessage): boolean {
  return headers.authorization !== undefined;
}

/** Whether an error says that the caller is not who may do this. */
export function isRejected(error: unknown): boolean {
  return [UnauthenticatedError, ForbiddenError, SetupLinkError].some((kind) => error instanceof kind);
}

/** Adds to the facts of a request what a page has found out. */
export function noteFacts(request: IncomingMessage, noted: Partial<RequestFacts>): void {
  const facts = factsOf(request);
  if (facts !== undefined) Object.assign(facts, noted);
}

/** The facts of a request; `undefined` for one that did not come through the HTTP server. */
export function factsOf(request: IncomingMessage): RequestFacts | undefined {
  return (request as { [FACTS]?: RequestFacts })[FACTS];
}
