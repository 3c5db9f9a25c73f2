import type { Redact } from '../telemetry/redactor.ts';

/** `audit_log` is about the log itself: what it found at start, lost or removed. */
type AuditEventType =
  | 'call'
  | 'log_in'
  | 'log_out'
  | 'session_ended'
  | 'refusal'
  | 'secret_change'
  | 'key_change'
  | 'process_start'
  | 'reload'
  | 'configuration_change'
  | 'identity_link'
  | 'tool_definition_change'
  | 'audit_log';

/** What `audit.pseudonymise` replaces. */
export type PseudonymKind = 'user' | 'address' | 'session';

type AuditResult = 'success' | 'failure' | 'refused';

/** Facts beside an event. Never arguments, results or values of secrets. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | null | undefined | readonly string[]>>;

/** What happened, as the rooms report it; the log adds the time. Absent fields are `null` in the line. */
export interface AuditEvent {
  readonly eventType: AuditEventType;
  /** Who: the principal's id. */
  readonly userId?: string | undefined;
  /** The user whose data it is about, if that is not who did it: an id like `userId`. */
  readonly subjectId?: string | undefined;
  /** On what, such as `time/get_current_time`; must not name a user. */
  readonly resource?: string | undefined;
  readonly action: string;
  readonly result: AuditResult;
  readonly details?: AuditDetails | undefined;
  readonly clientIp?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly requestId?: string | undefined;
  /** The log-in to the pages by which it was done, or the chat that a call belongs to. */
  readonly sessionId?: string | undefined;
}

/** How texts are changed before they are written. */
export interface AuditTexts {
  /** Removes known secrets, and only then cuts. */
  readonly redact: Redact;
  /** Replaces a user's id, an address, or the id of a session. */
  pseudonym(kind: PseudonymKind, value: string): string;
}

const MAX_TEXT_CHARACTERS = 512;
const MAX_USER_AGENT_CHARACTERS = 256;
const MAX_DETAILS_CHARACTERS = 4_096;
const MAX_NAMES = 50;
const MAX_NAME_CHARACTERS = 100;

// JSON escapes the control characters below U+0020 itself; these break lines or steer terminals too.
const CONTROL = /[\u007f-\u009f\u2028\u2029]/g;

/** The JSON object of an event, on one line and of bounded length whatever its texts are. */
export function toAuditBody(event: AuditEvent, time: number, { redact, pseudonym }: AuditTexts): string {
  const text = (value: string | undefined, maxCharacters = MAX_TEXT_CHARACTERS): string | null =>
    value === undefined ? null : redact(value, maxCharacters);
  const body = JSON.stringify({
    timestamp: new Date(time).toISOString(),
    event_type: event.eventType,
    user_id: event.userId === undefined ? null : text(pseudonym('user', event.userId)),
    ...(event.subjectId === undefined ? {} : { subject_id: text(pseudonym('user', event.subjectId)) }),
    resource: text(event.resource),
    action: text(event.action),
    result: event.result,
    details: event.details === undefined ? null : toDetails(event.details, redact),
    client_ip: event.clientIp === undefined ? null : text(pseudonym('address', event.clientIp)),
    user_agent: text(event.userAgent, MAX_USER_AGENT_CHARACTERS),
    request_id: text(event.requestId),
    session_id: event.sessionId === undefined ? null : text(pseudonym('session', event.sessionId)),
  });
  return body.replace(CONTROL, escapeCharacter);
}

/** All that the log may contain of a call's arguments: the names, which the log cuts, and their size. */
export function describeArguments(args: Readonly<Record<string, unknown>>, bodyBytes: number): AuditDetails {
  const names = Object.keys(args);
  return {
    argument_names: names.slice(0, MAX_NAMES),
    argument_count: names.length,
    argument_bytes: bodyBytes,
  };
}

function toDetails(details: AuditDetails, redact: AuditTexts['redact']): unknown {
  const entries: [string, unknown][] = [];
  let characters = 0;
  for (const [name, value] of Object.entries(details)) {
    if (value === undefined) continue;
    const cleaned = cleanValue(value, redact);
    characters += name.length + JSON.stringify(cleaned).length;
    if (characters > MAX_DETAILS_CHARACTERS) return { is_cut: true, ...Object.fromEntries(entries) };
    entries.push([name, cleaned]);
  }
  return Object.fromEntries(entries);
}

function cleanValue(value: NonNullable<AuditDetails[string]> | null, redact: AuditTexts['redact']): unknown {
  if (typeof value === 'string') return redact(value, MAX_TEXT_CHARACTERS);
  if (value === null || typeof value !== 'object') return value;
  return value.slice(0, MAX_NAMES).map((item) => redact(item, MAX_NAME_CHARACTERS));
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The code of a system error, whose own message contains the path; else the message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
