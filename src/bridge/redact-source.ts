import type { ToolDefinition } from '../mcp/session.ts';
import type { CatalogueSource } from './catalogue.ts';

/** Where a server writes for people; anything else of a definition has a meaning that must not be changed. */
const FREE_TEXTS = new Set(['title', 'description', '$comment']);
const VALUES = new Set(['default', 'examples']);

/**
 * A user's list of tools as everybody may see it: his own values are taken out of its texts. Where that changes what is
 * `known` already, the known form stays: nobody is to blank words in the document of the others by setting them as
 * his value.
 */
export function redactSource(
  source: CatalogueSource,
  known: CatalogueSource | undefined,
  redact: (text: string) => string,
): CatalogueSource {
  const names = new Set(known?.list.tools.map(({ name }) => name));
  const tools = source.list.tools.flatMap((tool): ToolDefinition[] => {
    // Under another name it could not be called.
    if (redact(tool.name) !== tool.name) return [];
    const clean = redactTexts(tool, redact, false) as ToolDefinition;
    if (clean === tool) return [tool];
    return names.has(tool.name) ? [] : [clean];
  });
  const { serverInfo, instructions } = source;
  const cleanInstructions = instructions === undefined ? undefined : redact(instructions);
  return {
    serverInfo: redactTexts(serverInfo, redact, false) as CatalogueSource['serverInfo'],
    instructions: cleanInstructions === instructions ? instructions : (known?.instructions ?? cleanInstructions),
    list: { tools, rejected: source.list.rejected },
  };
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
  // A property of the arguments may be called "title" too: there stands a schema, and no text.
  const isText = (name: string, one: unknown) => VALUES.has(name) || (FREE_TEXTS.has(name) && !isSchema(one));
  const clean = entries.map(([name, one]) => [name, redactTexts(one, redact, isFree || isText(name, one))] as const);
  return clean.some(([, one], index) => one !== entries[index]?.[1]) ? Object.fromEntries(clean) : value;
}
