import {
  ConnectionLostError,
  CredentialsRefusedError,
  JsonRpcError,
  ServerUnavailableError,
  ServiceError,
  SessionExpiredError,
} from '../errors.ts';
import { lostConnection, PING } from './pending-requests.ts';

interface UpstreamFacts {
  readonly status?: number | undefined;
  /** What the body said, if it was a JSON-RPC error. */
  readonly rpcError?: JsonRpcError | undefined;
  readonly retryAfterSeconds?: number | undefined;
  /** The server no longer knows the session. */
  readonly isSessionGone?: boolean | undefined;
  /** No connection was made for it, on purpose: what was asked did not run. */
  readonly isNotSent?: boolean | undefined;
  /** No connection could be made for it: what was asked did not run, and may be asked again. */
  readonly isUnreached?: boolean | undefined;
}

/** An exchange with an HTTP server that failed. Holds no platform error: those print URLs and header values. */
export class UpstreamError extends Error {
  constructor(
    /** A public fragment: `the connection was refused`. */
    readonly reason: string,
    readonly facts: UpstreamFacts = {},
  ) {
    super(reason);
    this.name = 'UpstreamError';
  }

  /** The server answered, and refused: what was asked did not run. */
  get isRefusal(): boolean {
    const { status } = this.facts;
    return status !== undefined && status >= 400 && status < 500;
  }

  get isCredentialProblem(): boolean {
    return this.facts.status === 401 || this.facts.status === 403;
  }
}

/** What a failed exchange means to the request that it carried. */
export function toCallError(server: string, error: unknown, method: string): ServiceError {
  if (error instanceof ServiceError) return error;
  if (!(error instanceof UpstreamError)) return lostConnection(server, 'the answer could not be read', method);
  const { reason } = error;
  const { status, rpcError, retryAfterSeconds, isSessionGone, isNotSent, isUnreached } = error.facts;
  if (isSessionGone)
    return new SessionExpiredError(`Server "${server}" no longer knows the session; the call did not run.`);
  if (isUnreached) {
    return new ServerUnavailableError(`Server "${server}" cannot be reached: ${reason}; nothing was sent.`, 5);
  }
  if (isNotSent) return new ConnectionLostError(`Server "${server}" was not asked: ${reason}.`);
  if (error.isCredentialProblem) return credentialsRefused(server, status);
  if (rpcError !== undefined) return rpcError;
  if (status === 429 || status === 503) {
    return new ServerUnavailableError(`Server "${server}" is busy (HTTP ${status}).`, retryAfterSeconds ?? 5);
  }
  // Whatever else an HTTP server answers to a ping, it is there; of a gateway that says nothing.
  if (method === PING && status !== undefined && status < 502)
    return new JsonRpcError(-32603, `It answered HTTP ${status}.`);
  if (error.isRefusal) return new ConnectionLostError(`Server "${server}" refused the request: ${reason}.`);
  return lostConnection(server, reason, method);
}

const NETWORK_REASONS = new Map([
  ['ECONNREFUSED', 'the connection was refused'],
  ['ECONNRESET', 'the connection was reset'],
  ['EPIPE', 'the connection was reset'],
  ['ETIMEDOUT', 'the connection timed out'],
  ['ENOTFOUND', 'its host name could not be resolved'],
  ['EAI_AGAIN', 'its host name could not be resolved just now'],
  ['EHOSTUNREACH', 'its host cannot be reached'],
  ['ENETUNREACH', 'its network cannot be reached'],
]);

/** An error of a connection that was not made. */
export function toUnreachedError(error: unknown): UpstreamError {
  return error instanceof UpstreamError
    ? error
    : new UpstreamError(toNetworkError(error).reason, { isUnreached: true });
}

/** Turns node's own error into a public fragment, by its code alone. */
export function toNetworkError(error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string' || !/^[A-Z0-9_]{1,60}$/.test(code)) return new UpstreamError('the connection failed');
  const known = NETWORK_REASONS.get(code);
  if (known !== undefined) return new UpstreamError(known);
  if (code.startsWith('HPE_')) return new UpstreamError(`it does not speak HTTP properly (${code})`);
  if (/CERT|TLS|SSL|SIGNED|ISSUER|SIGNATURE/.test(code)) {
    return new UpstreamError(`its TLS certificate or connection was not accepted (${code})`);
  }
  return new UpstreamError(`the connection failed (${code})`);
}

export function credentialsRefused(server: string, status: number | undefined): CredentialsRefusedError {
  return new CredentialsRefusedError(`Server "${server}" refused the credentials (HTTP ${status}).`, undefined, status);
}
