import { SessionOpenError } from '../errors.ts';
import { isObject } from './rpc-message.ts';
import type { RejectedTool, ToolDefinition, ToolList } from './session.ts';

const MAX_PAGES = 1_000;
const MAX_TOOLS = 10_000;
const MAX_NAME_CHARACTERS = 512;
const SHOWN_NAME_CHARACTERS = 80;

/**
 * Reads all pages of `tools/list` and judges them tool by tool, so that a malformed one costs no other.
 * Throws `SessionOpenError` if the pages do not come to an end, and what `readPage` throws.
 */
export async function listTools(readPage: (cursor: string | undefined) => Promise<unknown>): Promise<ToolList> {
  const tools = new Map<string, ToolDefinition>();
  const rejected: RejectedTool[] = [];
  const cursors = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await readPage(cursor);
    if (!isObject(page) || !Array.isArray(page.tools)) {
      throw new SessionOpenError('its answer to tools/list holds no list of tools');
    }
    for (const item of page.tools) takeTool(item, tools, rejected);
    if (tools.size + rejected.length > MAX_TOOLS) throw new SessionOpenError(`it lists more than ${MAX_TOOLS} tools`);
    cursor = typeof page.nextCursor === 'string' && page.nextCursor !== '' ? page.nextCursor : undefined;
    if (cursor !== undefined && cursors.has(cursor))
      throw new SessionOpenError('its pages of tools/list go in a circle');
    if (cursor !== undefined) cursors.add(cursor);
    if (cursors.size >= MAX_PAGES) throw new SessionOpenError(`its tools/list has more than ${MAX_PAGES} pages`);
  } while (cursor !== undefined);
  return { tools: [...tools.values()], rejected };
}

function takeTool(item: unknown, tools: Map<string, ToolDefinition>, rejected: RejectedTool[]): void {
  if (!isObject(item)) {
    rejected.push({ name: '(no name)', reason: 'it is not an object' });
    return;
  }
  const { name } = item;
  if (typeof name !== 'string' || name === '') {
    rejected.push({ name: '(no name)', reason: 'it has no name' });
    return;
  }
  const reject = (reason: string) => rejected.push({ name: name.slice(0, SHOWN_NAME_CHARACTERS), reason });
  if (name.length > MAX_NAME_CHARACTERS) {
    reject(`its name is longer than ${MAX_NAME_CHARACTERS} characters`);
    return;
  }
  if (tools.has(name)) {
    reject('another tool of this server has the same name');
    return;
  }
  const inputSchema = item.inputSchema ?? { type: 'object' };
  if (!isObject(inputSchema)) {
    reject('its inputSchema is not an object');
    return;
  }
  const { title, description, annotations, outputSchema } = item;
  tools.set(name, {
    name,
    inputSchema,
    ...(typeof title === 'string' ? { title } : {}),
    ...(typeof description === 'string' ? { description } : {}),
    ...(isObject(annotations) ? { annotations } : {}),
    // An outputSchema that is not an object describes nothing: the tool works as if it had none.
    ...(isObject(outputSchema) ? { outputSchema } : {}),
  });
}
