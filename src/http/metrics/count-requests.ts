import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  BodyMemoryError,
  BodyTooLargeError,
  ForbiddenError,
  UnauthenticatedError,
  UnsupportedMediaTypeError,
} from '../../errors.ts';
import type { CallCounts, CallOutcome } from '../../telemetry/metrics/call-counts.ts';
import type { EventCounts } from '../../telemetry/metrics/event-counts.ts';
import { presentsSignedToken } from '../guards/identify.ts';
import { isVaultPath, type PathSettings, toPathname } from '../paths.ts';
import type { RequestFacts, RequestObserver } from '../request-facts.ts';
import { outcomeOf } from './call-outcome.ts';

/** What nginx calls a request whose sender left before the answer. */
const CLIENT_LEFT = 499;

/** Counts requests, calls and the credentials that they present. */
export function countRequests(
  calls: CallCounts,
  events: EventCounts,
  settings: Pick<PathSettings, 'pathPrefix'>,
): RequestObserver {
  const keys = events.count('mcpo_log_ins_total', { kind: 'key', outcome: 'success' });
  const tokens = events.count('mcpo_log_ins_total', { kind: 'token', outcome: 'success' });

  return ({ request, response }, facts) => {
    const { call, error, principal } = facts;
    calls.noteStatus(response.headersSent ? response.statusCode : CLIENT_LEFT);
    if (call !== undefined) {
      calls.note(call.server, call.tool, error === undefined ? endOf(response) : outcomeOf(error));
      calls.noteDuration(call.server, (performance.now() - facts.startedAt) / 1_000);
    }
    if (principal !== undefined && principal.kind !== 'anonymous') {
      const presentedKey = principal.kind === 'api-key' || principal.keyId !== undefined;
      (presentedKey ? keys : tokens).value += 1;
    }
    if (error !== undefined) noteFailure(request, facts);
  };

  function noteFailure(request: IncomingMessage, { call, principal, resource, error }: RequestFacts): void {
    const isCall = request.method === 'POST' && !isVaultPath(toPathname(request.url ?? '/'), 'POST', settings);
    // A server's name holds no slash.
    if (call === undefined && isCall) calls.note(resource?.split('/', 1)[0] ?? '', '', outcomeOf(error));
    const reason = refusedBody(error);
    if (reason !== undefined) events.add('mcpo_bodies_refused_total', { reason });
    if (principal === undefined && (error instanceof UnauthenticatedError || error instanceof ForbiddenError)) {
      const { authorization } = request.headers;
      const kind = authorization === undefined ? 'none' : presentsSignedToken(authorization) ? 'token' : 'key';
      events.add('mcpo_log_ins_total', { kind, outcome: 'failure' });
    }
  }
}

/** A call without an error: its answer may still have been cut off by the caller. */
function endOf(response: ServerResponse): CallOutcome {
  return response.writableFinished ? 'success' : 'cancelled';
}

function refusedBody(error: unknown): string | undefined {
  if (error instanceof BodyTooLargeError) return 'too_large';
  if (error instanceof UnsupportedMediaTypeError) return 'media_type';
  return error instanceof BodyMemoryError ? 'memory' : undefined;
}
