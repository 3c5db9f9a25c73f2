import type { ToolDefinition } from '../mcp/session.ts';
import type { CatalogueSource } from './catalogue.ts';

/** Where a server writes for people; anything else of a definition has a meaning that must not be changed. */
const FREE_TEXTS = new Set(['title', 'description', '$comment']);
const VALUES = new Set(['default', 'examples']);

/**
 * A user's list of tools as all users may see it: the user's own values are taken out of its texts. Where what is
 * `known` already would read the same without these values, the known form stays: no user can blank words in the
 * document of the others by setting them as a value.
 */
export function redactSource(
  source: CatalogueSource,
  known: CatalogueSource | undefined,
  redact: (text: string) => string,
): CatalogueSource {
  const knownTools = new Map(known?.list.tools.map((tool) => [tool.name, tool]));
  const tools = source.list.tools.flatMap((tool): ToolDefinition[] => {
    // Under another name it could not be called.
    if (redact(tool.name) !== tool.name) return [];
    const clean = redactTexts(tool, redact, false) as ToolDefinition;
    const before = knownTools.get(tool.name);
    if (clean === tool || before === undefined) return [clean];
    return [isSame(redactTexts(before, redact, false), clean) ? before : clean];
  });
  const { serverInfo, instructions } = source;
  const cleanInfo = redactTexts(serverInfo, redact, false) as CatalogueSource['serverInfo'];
  const cleanInstructions = instructions === undefined ? undefined : redact(instructions);
  const keepsInfo = known !== undefined && isSame(redactTexts(known.serverInfo, redact, false), cleanInfo);
  const keepsInstructions = known?.instructions !== undefined && redact(known.instructions) === cleanInstructions;
  return {
    serverInfo: keepsInfo ? known.serverInfo : cleanInfo,
    instructions: keepsInstructions ? known.instructions : cleanInstructions,
    list: { tools, rejected: source.list.rejected },
  };
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function isSchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The same object where nothing was found. */
function redactTexts(value: unknown, redact: (text: string) => string, isFree: boolean): unknown {
  if (typeof value === 'string') return isFree ? redact(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => redactTexts(item, redact, isFree));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  const entries = Object.entries(value);
  // An argument may be called "title" too: its value is a schema, not a text.
  const isText = (name: string, one: unknown) => VALUES.has(name) || (FREE_TEXTS.has(name) && !isSchema(one));
  const clean = entries.map(([name, one]) => [name, redactTexts(one, redact, isFree || isText(name, one))] as const);
  return clean.some(([, one], index) => one !== entries[index]?.[1]) ? Object.fromEntries(clean) : value;
}
