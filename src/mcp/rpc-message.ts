import { JsonRpcError } from '../errors.ts';
import { CHARACTERS_BEFORE_CUT } from '../telemetry/redactor.ts';
import { isAlteredByParsing } from './exact-numbers.ts';
import { sliceItems, sliceJson } from './json-slices.ts';

export type RpcObject = Readonly<Record<string, unknown>>;

/** A JSON-RPC 2.0 message, judged by its shape alone; the requester judges what a response holds. */
export type RpcMessage =
  | {
      readonly kind: 'result';
      readonly id: number;
      readonly message: RpcObject;
      /** Given where parsing would alter the result's digits. */
      readonly resultText: string | undefined;
    }
  | { readonly kind: 'error'; readonly id: number; readonly message: RpcObject }
  | { readonly kind: 'request' | 'notification'; readonly method: string; readonly message: RpcObject };

/**
 * Reads a text that should be a JSON-RPC message or a batch of them (MCP 2025-03-26). Returns what is one; `undefined`
 * if nothing is.
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
  const resultText = isAlteredByParsing(text) ? sliceJson(text, ['result']) : undefined;
  const isNeeded = resultText !== undefined && isAlteredByParsing(resultText);
  return { kind: 'result', id, message: value, resultText: isNeeded ? resultText : undefined };
}

/**
 * The server's own error (JSON-RPC 2.0, section 5.1), mended where it breaks the specification. Its texts are not redacted
 * yet, and so not cut to what is shown.
 */
export function toJsonRpcError(error: unknown): JsonRpcError {
  const { code, message, data } = isObject(error) ? error : {};
  return new JsonRpcError(
    typeof code === 'number' && Number.isInteger(code) ? code : -32603,
    typeof message === 'string' && message !== ''
      ? message.slice(0, CHARACTERS_BEFORE_CUT)
      : 'The server gave an error without a message.',
    data,
  );
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
