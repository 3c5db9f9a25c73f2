import { parseDuration } from './duration.ts';

/** At most `limit` in a window of time. */
export interface Rate {
  readonly limit: number;
  readonly windowMs: number;
}

const MAX_WINDOW_MS = 24 * 3_600_000;
const MAX_LIMIT = 1_000_000_000;

/** Ends a message about a malformed rate. */
export const RATE_RULE = 'must be a number and a time such as 6000/1m (s, m or h, a day at most), or off.';

/** The form of a rate, for a JSON Schema. */
export const RATE_PATTERN = '^\\s*(?:[oO][fF][fF]|\\d{1,10}\\s*/\\s*\\d{0,6}\\s*[smhSMH])\\s*$';

/** Reads `6000/1m`; `off` means no limit. Returns `undefined` for anything else. */
export function parseRate(text: string): Rate | 'off' | undefined {
  const trimmed = text.trim().toLowerCase();
  if (trimmed === 'off') return 'off';
  const [, limitText, timeText, unit = ''] = /^(\d{1,10})\s*\/\s*(\d{0,6})\s*([smh])$/.exec(trimmed) ?? [];
  const limit = Number(limitText);
  const windowMs = (parseDuration((timeText || '1') + unit) ?? 0) * 1_000;
  const isUsable = limit >= 1 && limit <= MAX_LIMIT && windowMs > 0 && windowMs <= MAX_WINDOW_MS;
  return isUsable ? { limit, windowMs } : undefined;
}
