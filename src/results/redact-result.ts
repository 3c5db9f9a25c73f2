import { JsonRpcError } from '../errors.ts';
import { membersOf, sliceItems, sliceJson } from '../mcp/json-slices.ts';
import type { ToolResult } from '../mcp/session.ts';
import type { RedactText } from '../rules/result-redactor.ts';
import { mapJson } from './map-json.ts';

/** Members that say what something is. */
const KINDS: ReadonlySet<string> = new Set(['type', 'mimeType']);
/** Members with the bytes of images, audio and files. */
const BYTES: ReadonlySet<string> = new Set(['data', 'blob']);

/**
 * A result with every text redacted: texts of its content, of resources, of structured content, and names of members.
 * A text that is JSON stays JSON: its strings are redacted one by one, and a number that matches becomes a string. Other
 * numbers keep their digits; images, audio and the bytes of files are left as they are.
 */
export function redactResult(result: ToolResult, redact: RedactText): ToolResult {
  const { raw, rawText } = result;
  const text = rawText ?? JSON.stringify(raw);
  const clean = redactResultText(text, redact);
  if (clean === text) return result;
  const cleanRaw = JSON.parse(clean) as ToolResult['raw'];
  return {
    content: Array.isArray(cleanRaw.content) ? cleanRaw.content : [],
    structuredContent: cleanRaw.structuredContent,
    isError: result.isError,
    raw: cleanRaw,
    ...(rawText !== undefined && { rawText: clean }),
  };
}

/** The same for an error that the server itself answered with; others have no text of the server's. */
export function redactServerError(error: unknown, redact: RedactText): unknown {
  if (!(error instanceof JsonRpcError)) return error;
  const { rpcCode, message, data } = error;
  const text = data === undefined ? undefined : JSON.stringify(data);
  const clean = text === undefined ? undefined : (JSON.parse(redactJson(text, redact)) as unknown);
  return new JsonRpcError(rpcCode, redact(message), clean);
}

/** Member by member, so that items of the content are told from what looks like them. */
function redactResultText(text: string, redact: RedactText): string {
  const members: string[] = [];
  for (const { name } of membersOf(text)) {
    const value = sliceJson(text, [name]) ?? 'null';
    const clean = name === 'content' ? redactContent(value, redact) : redactJson(value, redact);
    members.push(`${JSON.stringify(name)}:${clean}`);
  }
  return `{${members.join(',')}}`;
}

function redactContent(text: string, redact: RedactText): string {
  const items = sliceItems(text).map((item) =>
    mapJson(item, {
      string: (value, name = '') => {
        if (KINDS.has(name) || BYTES.has(name)) return value;
        return name === 'text' ? redactTextValue(value, redact) : redact(value);
      },
      number: redact,
    }),
  );
  return `[${items.join(',')}]`;
}

function redactTextValue(text: string, redact: RedactText): string {
  return isJsonStructure(text) ? redactJson(text, redact) : redact(text);
}

function redactJson(text: string, redact: RedactText): string {
  return mapJson(text, { string: redact, number: redact });
}

function isJsonStructure(text: string): boolean {
  if (!/^[ \t\r\n]*["{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
