/**
 * Every failure that a caller or an admin can meet, one class each.
 * `code` is stable and may be relied on; `message` is public: one sentence, no stack, no path of the host, no secret.
 */
export abstract class ServiceError extends Error {
  abstract readonly code: string;
  /** Of the HTTP answer. */
  abstract readonly status: number;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** What an error says, for a log of our own: not for what may hold values of others. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The base of a class of failures with this code and HTTP status. */
function failure<const Code extends string>(code: Code, status = 500) {
  return class extends ServiceError {
    readonly code: Code = code;
    readonly status: number = status;
  };
}

/** The command line contradicts itself or names something unknown. The process exits with 2. */
export class UsageError extends failure('usage') {}

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
export class ConfigError extends failure('config_invalid') {
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

/** A backup cannot be written, read or restored. The process exits with 1. */
export class BackupError extends failure('backup_failed') {}

/** The port cannot be listened on. The process exits with 1. */
export class ListenError extends failure('listen_failed') {}

/** No usable credentials were presented, or the server needs a user and none is known. */
export class UnauthenticatedError extends failure('unauthenticated', 401) {
  constructor(
    message: string,
    readonly challenge: string,
  ) {
    super(message);
  }
}

/** Credentials were presented and are wrong, or do not allow this. */
export class ForbiddenError extends failure('forbidden', 403) {}

/** An argument breaks a rule of the servers file; the message never has its value. */
export class ArgumentForbiddenError extends failure('argument_forbidden', 403) {
  constructor(
    message: string,
    /** As the caller spells it. */
    readonly argument: string,
    /** `<tool pattern>: <argument>.<key>`, for admins. */
    readonly rule: string,
  ) {
    super(message);
  }

  /** For the log. */
  get detail(): string {
    return `rule ${this.rule}`;
  }
}

/** No such server, tool or page. */
export class NotFoundError extends failure('not_found', 404) {}

/** Nothing is stored or known of the user whom an admin names: a misspelt id looks like this. */
export class UserUnknownError extends failure('user_unknown', 404) {}

/** Answered with `Allow`. */
export class MethodNotAllowedError extends failure('method_not_allowed', 405) {
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

/** The body is not JSON, or the arguments do not match the tool's inputSchema. Answered in FastAPI's shape. */
export class InvalidArgumentsError extends failure('arguments_invalid', 422) {
  constructor(readonly issues: readonly ValidationIssue[]) {
    super(issues[0]?.msg ?? 'The arguments are not valid.');
  }
}

/** A field of a page's form holds something that cannot be used. */
export class FormValueError extends failure('form_value', 422) {}

/** The body is not of a media type that is read. */
export class UnsupportedMediaTypeError extends failure('unsupported_media_type', 415) {}

/** The body is larger than what is read. */
export class BodyTooLargeError extends failure('body_too_large', 413) {}

/** The server is starting, failed, or full; answered with `Retry-After`. */
export class ServerUnavailableError extends failure('server_unavailable', 503) {
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

/** The bodies of other requests take all the memory that there is for bodies. */
export class BodyMemoryError extends ServerUnavailableError {}

/** The session ended while the call ran; the tool may have run. Never tried again by the service. */
export class ConnectionLostError extends failure('connection_lost', 502) {}

/** The call's deadline passed and the cancel notification was sent. */
export class DeadlineError extends failure('deadline_exceeded', 504) {}

/** The caller left and the call was cancelled; the answer is never read. */
export class CallCancelledError extends failure('call_cancelled', 499) {}

/** The result is larger than the server's `maxResultBytes`; the session lives on. */
export class ResultTooLargeError extends failure('result_too_large', 502) {}

/** The tool itself said `isError`; the message is its own text. `status` is the server's `toolErrorStatus`. */
export class ToolError extends failure('tool_error') {
  constructor(
    message: string,
    override readonly status: number,
  ) {
    super(message);
  }
}

/** The server answered with a JSON-RPC error (JSON-RPC 2.0, section 5.1). */
export class JsonRpcError extends failure('json_rpc_error') {
  constructor(
    readonly rpcCode: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
  }
}

/** A session could not be opened. `message` is the public reason, a sentence of ours, shown as the server's state. */
export class SessionOpenError extends failure('session_open_failed') {
  constructor(
    message: string,
    /** For admins only: what the server or its process said, without secrets. */
    readonly detail?: string | undefined,
  ) {
    super(message);
  }
}

/** A value that a placeholder stands for may not be used: it holds CR, LF or NUL. */
export class PlaceholderValueError extends failure('placeholder_value_invalid', 422) {}

/** The server has forgotten the session (streamable HTTP 404): the call did not run and may be sent on a new one. */
export class SessionExpiredError extends failure('session_expired', 502) {}

/** The server refused the credentials that it was given (HTTP 401 or 403): the call did not run. */
export class CredentialsRefusedError extends failure('credentials_refused', 502) {
  constructor(
    message: string,
    /** Where the user can set other credentials, if they are the user's own. */
    readonly setupUrl?: string | undefined,
    /** What the server answered. */
    readonly httpStatus?: number | undefined,
  ) {
    super(message);
  }
}

/** The server needs values that the calling user has not set; answered with a link to set them. */
export class UserVariablesMissingError extends failure('user_variables_missing', 428) {
  constructor(
    message: string,
    /** Names of the user variables. */
    readonly missing: readonly string[],
    readonly setupUrl: string | undefined,
  ) {
    super(message);
  }
}

/** A value that a user variable may not have: wrong pattern, no choice, a line break, too long. */
export class UserVariableValueError extends failure('value_invalid', 422) {
  constructor(
    message: string,
    /** The name of the variable, if it is one's. */
    readonly variable?: string,
  ) {
    super(message);
  }
}

/** The values were tried and the server did not work with them, so they were not kept. */
export class UserVariableTestError extends failure('test_failed', 422) {}

/** No key of the keyring decrypts a stored secret; the secret is kept. */
export class SecretUnreadableError extends failure('secret_unreadable', 503) {
  constructor(
    message: string,
    readonly setupUrl?: string,
  ) {
    super(message);
  }
}

/** The vault cannot be read or written now; answered with `Retry-After`. */
export class VaultUnavailableError extends failure('vault_unavailable', 503) {
  readonly retryAfterSeconds = 5;
}

/** The KMS that wraps the vault's key is away or refuses it. The message is for admins; a start that fails exits with 1. */
export class KeyServiceError extends failure('key_service_failed', 503) {}

/** A setup link that was used, is too old, or never was. */
export class SetupLinkError extends failure('setup_link_invalid', 410) {}

/** A change of the servers file that may not or cannot be made; nothing was written. The message is for admins. */
export class EditRefusedError extends failure('edit_refused', 422) {}

/** The servers file is not what it was when the change was shown; nothing was written. */
export class EditConflictError extends failure('edit_conflict', 409) {}

/** The database cannot be opened or used. */
export class DatabaseError extends failure('database_failed') {}

/** More requests than a limit allows, or log-ins that failed too often; answered with `Retry-After`. */
export class RateLimitedError extends failure('rate_limited', 429) {
  constructor(
    message: string,
    readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}

/** The audit log is required and cannot be written, so nothing that must be audited is done; answered with `Retry-After`. */
export class AuditUnavailableError extends failure('audit_unavailable', 503) {
  readonly retryAfterSeconds = 5;
}
