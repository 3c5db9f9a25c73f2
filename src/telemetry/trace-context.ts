import type { IncomingHttpHeaders } from 'node:http';

/** A position in a trace (W3C Trace Context): the span that what follows is a part of. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero. */
  readonly spanId: string;
  /** Whether the caller records the trace. */
  readonly isSampled: boolean;
  /** `tracestate`, as it came. */
  readonly state?: string | undefined;
}

/** Version, trace id, parent id, flags; later versions may append more (W3C Trace Context, section 3.2). */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?$/;
const ZERO = /^0+$/;
const SAMPLED = 1;

/** Section 3.3.1; 512 characters must be passed on, longer lists are dropped. */
const MAX_STATE_CHARACTERS = 4_096;
const MAX_STATE_MEMBERS = 32;
const STATE_MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** W3C Baggage, section 3.3: a limit that every participant must support. */
const MAX_BAGGAGE_CHARACTERS = 8_192;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const OCTETS = '[\\x21\\x23-\\x2b\\x2d-\\x3a\\x3c-\\x5b\\x5d-\\x7e]*';
const BAGGAGE_MEMBER = new RegExp(`^${TOKEN}\\s*=\\s*${OCTETS}(?:\\s*;\\s*${TOKEN}(?:\\s*=\\s*${OCTETS})?)*$`);

/**
 * The trace that a request's headers name; `undefined` where they name none or are not valid, since they are the
 * caller's. An invalid `tracestate` is dropped alone (W3C Trace Context, section 4.3).
 */
export function readTraceContext(headers: IncomingHttpHeaders): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  // Node joins a header that is sent twice with a comma, which no valid one contains.
  if (typeof traceparent !== 'string') return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = TRACEPARENT.exec(traceparent) ?? [];
  if (version === undefined || version === 'ff' || ZERO.test(traceId) || ZERO.test(spanId)) return undefined;
  if (version === '00' && rest !== undefined) return undefined;
  const isSampled = (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED;
  return { traceId, spanId, isSampled, state: readState(tracestate) };
}

/** The value of `traceparent` for a context, in the version that we know. */
export function toTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}

/** Whether a text is a list of baggage as a header has it (W3C Baggage, section 3.3.1). */
export function isBaggage(text: string): boolean {
  return text.length <= MAX_BAGGAGE_CHARACTERS && text.split(',').every((member) => BAGGAGE_MEMBER.test(member.trim()));
}

function readState(given: string | string[] | undefined): string | undefined {
  const text = Array.isArray(given) ? given.join(',') : given;
  if (text === undefined || text.length > MAX_STATE_CHARACTERS) return undefined;
  const members = text.split(',').map((member) => member.trim());
  const filled = members.filter((member) => member !== '');
  if (filled.length === 0 || members.length > MAX_STATE_MEMBERS) return undefined;
  const keys = new Set(filled.map((member) => member.slice(0, member.indexOf('='))));
  const isValid = keys.size === filled.length && filled.every((member) => STATE_MEMBER.test(member));
  return isValid ? filled.join(',') : undefined;
}
