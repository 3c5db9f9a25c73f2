import { ToolError } from '../errors.ts';
import { CHARACTERS_BEFORE_CUT } from '../telemetry/redactor.ts';
import { sliceItems, sliceJson } from './json-slices.ts';
import { type HttpAnswer, JSON_TYPE, preferredAnswer } from './negotiated-answer.ts';
import { type KeepFile, toDataUri, toMediaUrl } from './result-media.ts';
import { isObject } from './rpc-message.ts';
import type { ToolResult } from './session.ts';

const LONE_SURROGATE = /\p{Surrogate}/u;

export interface HttpAnswerOptions {
  /** The tool declares an outputSchema: its `structuredContent` is the value. */
  readonly hasOutputSchema: boolean;
  /** The caller's `Accept` header. */
  readonly accept: string | undefined;
  /** The HTTP status of the `ToolError` for the tool's own `isError`; 500 as in mcpo if not given. */
  readonly toolErrorStatus?: number | undefined;
  /**
   * Keeps an image or audio of the result and returns the URL that stands for it; `undefined` if it cannot be kept.
   * Without this they are `data:` URIs.
   */
  readonly keepFile?: KeepFile | undefined;
}

/**
 * Maps a tool's result to the answer that a caller gets: its value unwrapped as mcpo does, or where `Accept` prefers
 * it the whole `CallToolResult` or the bytes of its one image. Throws `ToolError` for the tool's own `isError`.
 */
export function toHttpAnswer(result: ToolResult, options: HttpAnswerOptions): HttpAnswer {
  const { accept, toolErrorStatus = 500 } = options;
  if (result.isError) throw toToolError(result, toolErrorStatus);
  const isPlain = accept === undefined || accept === '*/*' || accept === JSON_TYPE;
  const preferred = isPlain ? undefined : preferredAnswer(result, accept);
  if (preferred !== undefined) return preferred;
  return { contentType: `${JSON_TYPE}; charset=utf-8`, body: toValueText(result, options) };
}

/** Its message is not redacted yet, and so not cut to what is shown. */
function toToolError({ content }: ToolResult, status: number): ToolError {
  const texts = content.map((item) => (isObject(item) && item.type === 'text' ? item.text : undefined));
  const message = texts.filter((text) => typeof text === 'string' && text !== '').join('\n');
  return new ToolError(message.slice(0, CHARACTERS_BEFORE_CUT) || 'The tool failed and did not say why.', status);
}

function toValueText(result: ToolResult, { hasOutputSchema, keepFile }: HttpAnswerOptions): string {
  const { structuredContent, content, rawText } = result;
  if (hasOutputSchema && structuredContent !== undefined && structuredContent !== null) {
    const text = rawText === undefined ? undefined : sliceJson(rawText, ['structuredContent']);
    return text ?? JSON.stringify(structuredContent);
  }
  const rawItems = rawText === undefined ? [] : sliceItems(sliceJson(rawText, ['content']) ?? '');
  const values = content.map((item, index) => toItemText(item, rawItems[index], keepFile));
  return values.length === 1 ? (values[0] ?? 'null') : `[${values.join(',')}]`;
}

/** One item as JSON text; what is of no known kind is passed on as it is. */
function toItemText(item: unknown, rawItem: string | undefined, keepFile: KeepFile | undefined): string {
  if (isObject(item)) {
    if (item.type === 'text' && typeof item.text === 'string') return toTextValue(item.text);
    if ((item.type === 'image' || item.type === 'audio') && typeof item.data === 'string') {
      return JSON.stringify(toMediaUrl(item.mimeType, item.data, keepFile));
    }
    if (item.type === 'resource_link') {
      const { type, uri, name, mimeType } = item;
      return JSON.stringify({ type, uri, name, mimeType });
    }
    if (item.type === 'resource' && isObject(item.resource)) {
      const { text, blob, mimeType } = item.resource;
      if (typeof text === 'string') return JSON.stringify(text);
      if (typeof blob === 'string') {
        const isMedia = typeof mimeType === 'string' && /^(image|audio)\//i.test(mimeType);
        return JSON.stringify(isMedia ? toMediaUrl(mimeType, blob, keepFile) : toDataUri(mimeType, blob));
      }
    }
  }
  return rawItem ?? JSON.stringify(item) ?? 'null';
}

/** Text that is JSON stands for its value, and is passed on as it was spelt; any other is a string. */
function toTextValue(text: string): string {
  if (!mayBeJson(text)) return JSON.stringify(text);
  try {
    const value: unknown = JSON.parse(text);
    return LONE_SURROGATE.test(text) ? JSON.stringify(value) : text.trim();
  } catch {
    return JSON.stringify(text);
  }
}

/** By the first character alone; a failed `JSON.parse` of prose would cost more than all the rest. */
function mayBeJson(text: string): boolean {
  return /^[ \t\r\n]*["{[\-0-9tfn]/.test(text);
}
