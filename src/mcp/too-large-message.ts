import { ResultTooLargeError } from '../errors.ts';
import type { LongLine } from '../process/line-splitter.ts';
import { membersOf } from './json-slices.ts';
import type { PendingRequests } from './pending-requests.ts';

/** Which request a message answers: its id, `none` if it is not a response, `unknown` if unclear. */
type ResponseId = number | 'none' | 'unknown';

/**
 * Fails the request that a message too large to be read answers; where that is unclear, the one that is due, or the only
 * one that waits. Returns what is clear.
 */
export function failTooLarge(
  pending: PendingRequests,
  line: LongLine,
  maxResultBytes: number,
  dueId = pending.onlyId,
): ResponseId {
  const found = findResponseId(line);
  const id = found === 'unknown' ? dueId : found;
  if (typeof id === 'number') pending.fail(id, toResultTooLarge(pending.server, maxResultBytes));
  return found;
}

/** Reads the id from the two ends that are left of a message. */
export function findResponseId({ head, tail }: LongLine): ResponseId {
  for (const { name, start } of membersOf(head)) {
    if (name === 'method') return 'none';
    if (name === 'id') return toId(/^"?(\d{1,15})"?[\s,}]/.exec(head.slice(start, start + 20))?.[1]);
  }
  // At the very end only the outermost object can close, so that what stands before its brace is its own member.
  return toId(/,\s*"id"\s*:\s*"?(\d{1,15})"?\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/.exec(tail)?.[1]);
}

function toId(digits: string | undefined): ResponseId {
  return digits === undefined ? 'unknown' : Number(digits);
}

export function toResultTooLarge(server: string, maxResultBytes: number): ResultTooLargeError {
  return new ResultTooLargeError(
    `The result of server "${server}" is larger than ${maxResultBytes} bytes (maxResultBytes) and was thrown away.`,
  );
}
