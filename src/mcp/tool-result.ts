import { ToolError } from '../errors.ts';
import { CHARACTERS_BEFORE_CUT } from '../telemetry/redactor.ts';
import { parseAccept, qualityOf } from './accept.ts';
import { displayableType, imageType } from './media-type.ts';
import { sliceItems, sliceJson } from './raw-json.ts';
import { isObject } from './rpc-message.ts';
import type { ToolResult } from './session.ts';

const JSON_TYPE = 'application/json';
const MCP_TYPE = 'application/vnd.mcp+json';
const IMAGE_TYPE = /^image\/[a-z0-9][a-z0-9.+-]{0,60}$/;
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

/** The bytes of an image or audio. */
export interface ResultFile {
  readonly bytes: Buffer;
  /** The media type under which a browser may show it; `undefined` if it may only be downloaded. */
  readonly displayType: string | undefined;
}

export type KeepFile = (file: ResultFile) => string | undefined;

export interface HttpAnswer {
  readonly contentType: string;
  readonly body: string | Buffer;
}

/**
 * Maps a tool's result to the answer that a caller gets: its value unwrapped as mcpo does, or where `Accept` prefers
 * it the whole `CallToolResult` or the bytes of its one image. Throws `ToolError` for the tool's own `isError`.
 */
export function toHttpAnswer(result: ToolResult, options: HttpAnswerOptions): HttpAnswer {
  const { accept, toolErrorStatus = 500 } = options;
  if (result.isError) throw toToolError(result, toolErrorStatus);
  const ranges = accept === undefined || accept === '*/*' || accept === JSON_TYPE ? [] : parseAccept(accept);
  if (ranges.length > 0) {
    const jsonQuality = qualityOf(ranges, JSON_TYPE) ?? 0;
    const mcpQuality = ranges.find(({ type }) => type === MCP_TYPE)?.quality ?? 0;
    if (mcpQuality > 0 && mcpQuality >= jsonQuality) return { contentType: MCP_TYPE, body: wholeResult(result) };
    const image = onlyImage(result.content);
    if (image !== undefined) {
      const named = ranges.filter(({ type }) => type !== '*/*');
      if ((qualityOf(named, image.contentType) ?? 0) > jsonQuality) return image;
    }
  }
  return { contentType: `${JSON_TYPE}; charset=utf-8`, body: toValueText(result, options) };
}

/** Its message is not redacted yet, and so not cut to what is shown. */
function toToolError({ content }: ToolResult, status: number): ToolError {
  const texts = content.map((item) => (isObject(item) && item.type === 'text' ? item.text : undefined));
  const message = texts.filter((text) => typeof text === 'string' && text !== '').join('\n');
  return new ToolError(message.slice(0, CHARACTERS_BEFORE_CUT) || 'The tool failed and did not say why.', status);
}

function wholeResult({ raw, rawText }: ToolResult): string {
  return rawText ?? JSON.stringify(raw);
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

/** Where the bytes are: at the URL under which they are kept, else in the URL itself. */
function toMediaUrl(mimeType: unknown, base64: string, keepFile: KeepFile | undefined): string {
  const url = keepFile === undefined ? undefined : keep(mimeType, base64, keepFile);
  return url ?? toDataUri(mimeType, base64);
}

function keep(mimeType: unknown, base64: string, keepFile: KeepFile): string | undefined {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length === 0 ? undefined : keepFile({ bytes, displayType: displayableType(bytes, mimeType) });
}

function toDataUri(mimeType: unknown, base64: string): string {
  return `data:${typeof mimeType === 'string' ? mimeType : 'application/octet-stream'};base64,${base64}`;
}

function onlyImage(content: readonly unknown[]): HttpAnswer | undefined {
  const images = content.filter((item) => isObject(item) && item.type === 'image');
  const [image] = images;
  if (images.length !== 1 || !isObject(image) || typeof image.data !== 'string') return undefined;
  const body = Buffer.from(image.data, 'base64');
  const claimed = typeof image.mimeType === 'string' ? image.mimeType.toLowerCase() : '';
  const contentType = imageType(body) ?? claimed;
  return IMAGE_TYPE.test(contentType) ? { contentType, body } : undefined;
}
