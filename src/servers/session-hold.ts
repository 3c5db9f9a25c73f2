import type { Session } from '../mcp/session.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { Catalogue } from './catalogue.ts';

/** How long a call waits for a session that is being opened before it is asked to come back. */
export const START_WAIT_MS = 8_000;

/** What a generation gives a call: its shared session, or a hold on the caller's own. */
export interface SessionHold {
  /** Returns the open session, waiting for one that is being opened. Throws `ServiceError`s. */
  open(signal: AbortSignal): Promise<Session>;
  /** The list of tools by which calls on the session are judged; `undefined` before it is read and after the end. */
  readonly catalogue: Catalogue | undefined;
  /** Takes configured secrets and the caller's own values out of a text. */
  readonly redact: Redact;
  /** The call ran. */
  noteUse(tool: string): void;
  /** What a caller may see of a failed call: no secrets, and for refused credentials the place where they are set. */
  toPublicError(error: unknown): Promise<unknown>;
  /** Follows every hold, in `finally`. Idempotent. */
  release(): void;
}
