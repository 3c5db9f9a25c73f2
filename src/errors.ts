/**
 * Every failure that a caller or an admin can meet, one class each.
 * `code` is stable and may be relied on; `message` is public: one sentence, no stack, no path of the host, no secret.
 */
export abstract class ServiceError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The command line contradicts itself or names something unknown. The process exits with 2. */
export class UsageError extends ServiceError {
  readonly code = 'usage';
}

/** One thing that is wrong in the servers file, the environment or a flag. */
export interface ConfigProblem {
  readonly message: string;
  readonly file?: string | undefined;
  /** 1-based. */
  readonly line?: number | undefined;
  readonly server?: string | undefined;
  readonly key?: string | undefined;
}

/** The configuration cannot be used; holds every problem found, not just the first. The process exits with 2. */
export class ConfigError extends ServiceError {
  readonly code = 'config_invalid';

  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(formatConfigProblem).join('\n'));
  }
}

/** `file:line: server "name", key "key": message`, leaving out what is not known. */
export function formatConfigProblem(problem: ConfigProblem): string {
  const place = problem.file === undefined ? '' : `${problem.file}${problem.line ? `:${problem.line}` : ''}: `;
  const names = [
    problem.server === undefined ? '' : `server "${problem.server}"`,
    problem.key === undefined ? '' : `key "${problem.key}"`,
  ].filter(Boolean);
  return `${place}${names.length > 0 ? `${names.join(', ')}: ` : ''}${problem.message}`;
}

/** The port cannot be listened on. The process exits with 1. */
export class ListenError extends ServiceError {
  readonly code = 'listen_failed';
}

/** No usable credentials were presented, or the server needs a user and none is known: 401. */
export class UnauthenticatedError extends ServiceError {
  readonly code = 'unauthenticated';

  constructor(
    message: string,
    readonly challenge: string,
  ) {
    super(message);
  }
}

/** Credentials were presented and are wrong, or do not allow this: 403. */
export class ForbiddenError extends ServiceError {
  readonly code = 'forbidden';
}

/** No such server, tool or page: 404. */
export class NotFoundError extends ServiceError {
  readonly code = 'not_found';
}

/** 405 with `Allow`. */
export class MethodNotAllowedError extends ServiceError {
  readonly code = 'method_not_allowed';

  constructor(
    message: string,
    readonly allow: readonly string[],
  ) {
    super(message);
  }
}

/** One entry of FastAPI's 422 body. */
export interface ValidationIssue {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input?: unknown;
}

/** The body is not JSON, or the arguments do not match the tool's inputSchema: 422 in FastAPI's shape. */
export class InvalidArgumentsError extends ServiceError {
  readonly code = 'arguments_invalid';

  constructor(readonly issues: readonly ValidationIssue[]) {
    super(issues[0]?.msg ?? 'The arguments are not valid.');
  }
}

/** 415. */
export class UnsupportedMediaTypeError extends ServiceError {
  readonly code = 'unsupported_media_type';
}

/** 413. */
export class BodyTooLargeError extends ServiceError {
  readonly code = 'body_too_large';
}

/** The body did not arrive in time: 408. */
export class BodyTimeoutError extends ServiceError {
  readonly code = 'body_timeout';
}

/** The server is starting, failed, or full: 503 with `Retry-After`. */
export class ServerUnavailableError extends ServiceError {
  readonly code = 'server_unavailable';
  readonly detail: string | undefined;

  constructor(
    message: string,
    readonly retryAfterSeconds: number,
    options?: ErrorOptions & {
      /** For admins only: what the server or its process said, without secrets. */
      readonly detail?: string | undefined;
    },
  ) {
    super(message, options);
    this.detail = options?.detail;
  }
}

/** The session ended while the call ran; the tool may have run: 502, and never tried again by the service. */
export class ConnectionLostError extends ServiceError {
  readonly code = 'connection_lost';
}

/** The call's deadline passed and the cancel notification was sent: 504. */
export class DeadlineError extends ServiceError {
  readonly code = 'deadline_exceeded';
}

/** The caller left and the call was cancelled; the answer is never read. */
export class CallCancelledError extends ServiceError {
  readonly code = 'call_cancelled';
}

/** The result is larger than the server's `maxResultBytes`: 502; the session lives on. */
export class ResultTooLargeError extends ServiceError {
  readonly code = 'result_too_large';
}

/** The tool itself said `isError`; the message is its own text. `status` is the server's `toolErrorStatus`. */
export class ToolError extends ServiceError {
  readonly code = 'tool_error';

  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** The server answered with a JSON-RPC error (JSON-RPC 2.0, section 5.1). */
export class JsonRpcError extends ServiceError {
  readonly code = 'json_rpc_error';

  constructor(
    readonly rpcCode: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
  }
}

/** A session could not be opened. `message` is the public reason, a sentence of ours, shown as the server's state. */
export class SessionOpenError extends ServiceError {
  readonly code = 'session_open_failed';

  constructor(
    message: string,
    /** For admins only: what the server or its process said, without secrets. */
    readonly detail?: string | undefined,
  ) {
    super(message);
  }
}

/** A value that a placeholder stands for may not be used: it holds CR, LF or NUL. */
export class PlaceholderValueError extends ServiceError {
  readonly code = 'placeholder_value_invalid';
}

/** The server has forgotten the session (streamable HTTP 404): the call did not run and may be sent on a new one. */
export class SessionExpiredError extends ServiceError {
  readonly code = 'session_expired';
}

/** The server refused the credentials that it was given (HTTP 401 or 403): the call did not run. */
export class CredentialsRefusedError extends ServiceError {
  readonly code = 'credentials_refused';

  constructor(
    message: string,
    /** Where the user can set other credentials, if they are the user's own. */
    readonly setupUrl?: string,
  ) {
    super(message);
  }
}

/** The server needs values that the calling user has not set: 428, with a link to set them. */
export class UserVariablesMissingError extends ServiceError {
  readonly code = 'user_variables_missing';

  constructor(
    message: string,
    /** Names of the user variables. */
    readonly missing: readonly string[],
    readonly setupUrl: string | undefined,
  ) {
    super(message);
  }
}

/** A value that a user variable may not have: wrong pattern, no choice, a line break, too long: 422. */
export class UserVariableValueError extends ServiceError {
  readonly code = 'value_invalid';
}

/** The values were tried and the server did not work with them, so they were not kept: 422. */
export class UserVariableTestError extends ServiceError {
  readonly code = 'test_failed';
}

/** No key of the keyring decrypts a stored secret; the secret is kept: 503. */
export class SecretUnreadableError extends ServiceError {
  readonly code = 'secret_unreadable';

  constructor(
    message: string,
    readonly setupUrl?: string,
  ) {
    super(message);
  }
}

/** The vault cannot be read or written now: 503 with `Retry-After`. */
export class VaultUnavailableError extends ServiceError {
  readonly code = 'vault_unavailable';
  readonly retryAfterSeconds = 5;
}

/** A setup link that was used, is too old, or never was: 410. */
export class SetupLinkError extends ServiceError {
  readonly code = 'setup_link_invalid';
}

/** The database cannot be opened or used. */
export class DatabaseError extends ServiceError {
  readonly code = 'database_failed';
}

/** More requests than a limit allows, or log-ins that failed too often: 429 with `Retry-After`. */
export class RateLimitedError extends ServiceError {
  readonly code = 'rate_limited';

  constructor(
    message: string,
    readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}

/** The audit log is required and cannot be written, so nothing that must be audited is done: 503 with `Retry-After`. */
export class AuditUnavailableError extends ServiceError {
  readonly code = 'audit_unavailable';
  readonly retryAfterSeconds = 5;
}
