import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditDetails } from '../audit/audit-event.ts';
import type { Principal } from '../auth/principal.ts';
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
  /** `<server>/<tool>`, or the path of a page. */
  resource?: string;
  /** The tool that was called, once it is known and the caller may call it. */
  call?: { readonly server: string; readonly tool: string };
  /** Names and size of a call's arguments, never their values. */
  argumentDetails?: AuditDetails;
  /** Why it was not answered as asked; the pages answer their own errors, which are not here. */
  error?: unknown;
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
