import type { LongLine } from '../process/line-splitter.ts';
import { isAlteredByParsing, outerMembers, sliceItems, sliceJson } from './raw-json.ts';

export type RpcObject = Readonly<Record<string, unknown>>;

/** A JSON-RPC 2.0 message, judged by its shape alone; the requester judges what a response holds. */
export type RpcMessage =
  | {
      readonly kind: 'result';
      readonly id: number;
      readonly message: RpcObject;
      readonly resultText: string | undefined;
    }
  | { readonly kind: 'error'; readonly id: number; readonly message: RpcObject }
  | { readonly kind: 'request' | 'notification'; readonly method: string; readonly message: RpcObject };

/**
 * Reads a text that should be a JSON-RPC message or a batch of them (MCP 2025-03-26). Returns what is one; `undefined`
 * if nothing is. A result whose digits parsing would alter keeps its text.
 */
export function readRpcMessages(text: string): readonly RpcMessage[] | undefined {
  const first = text.charCodeAt(text.search(/\S/));
  if (first !== 0x7b && first !== 0x5b) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const messages = Array.isArray(value)
    ? sliceItems(text).map((item, index) => toMessage(value[index], item))
    : [toMessage(value, text)];
  const known = messages.filter((message) => message !== undefined);
  return known.length > 0 ? known : undefined;
}

function toMessage(value: unknown, text: string): RpcMessage | undefined {
  if (!isObject(value) || value.jsonrpc !== '2.0') return undefined;
  if (typeof value.method === 'string') {
    return { kind: value.id === undefined ? 'notification' : 'request', method: value.method, message: value };
  }
  // Only numbers are ever asked with; a server that gives them back as text is understood.
  const id = typeof value.id === 'string' && value.id !== '' ? Number(value.id) : value.id;
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) return undefined;
  if (isObject(value.error)) return { kind: 'error', id, message: value };
  if (!('result' in value)) return undefined;
  return { kind: 'result', id, message: value, resultText: keptText(text) };
}

function keptText(text: string): string | undefined {
  if (!isAlteredByParsing(text)) return undefined;
  const result = sliceJson(text, ['result']);
  return result !== undefined && isAlteredByParsing(result) ? result : undefined;
}

/** Which request a message too long to be read answers: its id, `none` if it is not a response, `unknown` if unclear. */
export function findResponseId({ head, tail }: LongLine): number | 'none' | 'unknown' {
  for (const { name, start } of outerMembers(head)) {
    if (name === 'method') return 'none';
    if (name === 'id') return toId(/^"?(\d{1,15})"?[\s,}]/.exec(head.slice(start, start + 20))?.[1]);
  }
  // At the very end only the outermost object can close, so that what stands before its brace is its own member.
  return toId(/,\s*"id"\s*:\s*"?(\d{1,15})"?\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/.exec(tail)?.[1]);
}

function toId(digits: string | undefined): number | 'unknown' {
  return digits === undefined ? 'unknown' : Number(digits);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
