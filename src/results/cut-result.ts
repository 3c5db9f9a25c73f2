import { ResultTooLargeError } from '../errors.ts';
import { sliceJson } from '../mcp/json-slices.ts';
import { isObject } from '../mcp/rpc-message.ts';
import type { ToolResult } from '../mcp/session.ts';

/** Arguments by which tools are asked for less, or for another part. */
const PART_ARGUMENTS =
  'limit max_results maxResults max_items maxItems max_length maxLength max_bytes maxBytes max_lines maxLines max_tokens maxTokens max_chars maxChars page page_size pageSize per_page perPage offset cursor skip take top top_k topK head tail first last size lines start_index startIndex start_line startLine end_line endLine start end from to range fields columns depth max_depth maxDepth'.split(
    ' ',
  );
const MAX_ARGUMENTS_NAMED = 4;

/**
 * The beginning of a result that is too large: whole items as long as they fit into `maxBytes`, then the beginning of a
 * text, then a sentence that says what was cut and how to ask for less. Structured content becomes a text, since no part
 * of it would fit its schema.
 */
export function cutResult(result: ToolResult, maxBytes: number, hasOutputSchema: boolean, advice: string): ToolResult {
  const items = toItems(result, hasOutputSchema);
  const totalBytes = items.reduce((sum: number, item) => sum + bytesOf(item), 0);
  const content: unknown[] = [];
  let left = maxBytes;
  let leftOut = 0;
  let isCut = false;
  for (const item of items) {
    const bytes = bytesOf(item);
    if (bytes <= left && !isCut) {
      content.push(item);
      left -= bytes;
      continue;
    }
    const text = isCut || left <= 0 ? undefined : textOf(item);
    if (text === undefined) {
      leftOut += 1;
      continue;
    }
    content.push({ type: 'text', text: beginningOf(text, left) });
    isCut = true;
  }
  const what = [
    isCut ? ' This is its beginning.' : '',
    leftOut > 0 ? ` ${leftOut} of ${items.length} items ${leftOut === 1 ? 'is' : 'are'} left out.` : '',
  ];
  const sentence = `[The result has ${totalBytes} bytes, and ${maxBytes} are allowed.${what.join('')} ${advice}]`;
  const last = content.at(-1);
  if (isCut && isObject(last)) content[content.length - 1] = { ...last, text: `${last.text}\n\n${sentence}` };
  else content.push({ type: 'text', text: sentence });
  return { content, isError: false, raw: { content } };
}

/** How a caller asks a tool for less: one sentence, which names its own arguments for that. */
export function adviceFor(inputSchema: unknown): string {
  const properties = isObject(inputSchema) && isObject(inputSchema.properties) ? inputSchema.properties : {};
  const names = PART_ARGUMENTS.filter((name) => Object.hasOwn(properties, name)).slice(0, MAX_ARGUMENTS_NAMED);
  if (names.length === 0) return 'Ask for less, such as a smaller part or a narrower search.';
  return `Ask for less, or for another part, with ${names.map((name) => `"${name}"`).join(', ')}.`;
}

/** The error with advice. */
export function withAdvice(error: ResultTooLargeError, inputSchema: unknown): ResultTooLargeError {
  return new ResultTooLargeError(`${error.message} ${adviceFor(inputSchema)}`, { cause: error });
}

function toItems({ content, structuredContent, rawText }: ToolResult, hasOutputSchema: boolean): readonly unknown[] {
  if (hasOutputSchema && structuredContent !== undefined && structuredContent !== null) {
    const text = rawText === undefined ? undefined : sliceJson(rawText, ['structuredContent']);
    return [{ type: 'text', text: text ?? JSON.stringify(structuredContent) }];
  }
  return content;
}

/** As the answer has it, or a little more. */
function bytesOf(item: unknown): number {
  return Buffer.byteLength(JSON.stringify(textOf(item) ?? item) ?? '');
}

function textOf(item: unknown): string | undefined {
  if (!isObject(item)) return undefined;
  if (item.type === 'text') return typeof item.text === 'string' ? item.text : undefined;
  const { resource } = item;
  return isObject(resource) && typeof resource.text === 'string' ? resource.text : undefined;
}

/** As much of a text as takes so many bytes as a JSON string, without half a character. */
function beginningOf(text: string, maxBytes: number): string {
  let bytes = 2;
  let end = 0;
  for (const character of text) {
    bytes += bytesOfCharacter(character.codePointAt(0) ?? 0);
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function bytesOfCharacter(code: number): number {
  if (code < 0x20) return '\b\t\n\f\r'.includes(String.fromCharCode(code)) ? 2 : 6;
  if (code === 0x22 || code === 0x5c) return 2;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  if (code >= 0xd800 && code <= 0xdfff) return 6;
  return code < 0x10000 ? 3 : 4;
}
