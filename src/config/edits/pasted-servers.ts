import { ConfigError, EditRefusedError } from '../../errors.ts';
import { parseJsonDocument } from '../json-document.ts';
import { isObject } from '../shapes.ts';
import { isRegistryServer, type RegistryOffer, readRegistryServer } from './registry-server.ts';
import { toVariableName } from './variable-name.ts';

type Entry = Readonly<Record<string, unknown>>;

/** What a pasted text means. */
export type Pasted =
  /** `name` is `undefined` for an entry that came without one. */
  | {
      readonly kind: 'entries';
      readonly entries: readonly { readonly name: string | undefined; readonly entry: Entry }[];
    }
  /** A `server.json` of the MCP registry: the ways to reach or start its server. */
  | { readonly kind: 'registry'; readonly name: string; readonly offers: readonly RegistryOffer[] };

const SOURCE = 'the pasted text';

/**
 * Reads a snippet as servers' documentation has it: `mcpServers`, VS Code's `servers` with its `inputs`, one entry with or
 * without its name and braces, or a `server.json`; comments, trailing commas and a Markdown fence are accepted.
 * Throws `EditRefusedError`.
 */
export function readPasted(text: string): Pasted {
  const value = parse(text.replace(/^\s*```\w*\s*\n([\s\S]*?)\n\s*```\s*$/, '$1'));
  // As the registry's API answers: the server beside what the registry knows of it.
  const server = isObject(value.server) && isRegistryServer(value.server) ? value.server : value;
  if (isRegistryServer(server)) return readRegistryServer(server);
  const settings = isObject(value.mcp) ? value.mcp : value;
  const list = [settings.mcpServers, settings.servers, settings['mcp.servers']].find(isObject);
  const entries = list === undefined ? readBare(value) : readList(list);
  const inputs = settings.inputs;
  return { kind: 'entries', entries: entries.map(({ name, entry }) => ({ name, entry: withInputs(entry, inputs) })) };
}

function readList(list: Entry) {
  const entries = Object.entries(list).map(([name, entry]) => {
    if (!isObject(entry)) throw new EditRefusedError(`"${name}" is not an object with "command" or "url".`);
    return { name, entry };
  });
  if (entries.length === 0) throw new EditRefusedError('The pasted text has no server.');
  return entries;
}

function readBare(value: Entry) {
  if ('command' in value || 'url' in value) return [{ name: undefined, entry: value }];
  const isEntries = Object.values(value).every((one) => isObject(one) && ('command' in one || 'url' in one));
  if (isEntries) return readList(value);
  throw new EditRefusedError(
    'The pasted text has no server: paste an "mcpServers" object, one entry with "command" or "url", or a server.json of the MCP registry.',
  );
}

/** `"jira": { … }` without the braces around it is how many pages show an entry. */
function parse(text: string): Entry {
  if (text.trim() === '') throw new EditRefusedError('Paste the configuration of a server first.');
  for (const source of /^\s*"[^"\n]*"\s*:/.test(text) ? [`{${text}}`] : [text]) {
    try {
      const { value } = parseJsonDocument(source, SOURCE);
      if (isObject(value)) return value;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const [problem] = error.problems;
      const place = problem?.line === undefined ? '' : `, line ${problem.line}`;
      throw new EditRefusedError(`The pasted text is not valid JSON${place}: ${problem?.message ?? ''}`);
    }
  }
  throw new EditRefusedError('The pasted text is not an object in braces.');
}

/** VS Code's inputs that the entry names become its user variables: at the top level they would be every server's. */
function withInputs(entry: Entry, inputs: unknown): Entry {
  if (!Array.isArray(inputs)) return entry;
  const userVars: Record<string, unknown> = { ...(isObject(entry.userVars) ? entry.userVars : {}) };
  let text = JSON.stringify(entry);
  for (const input of inputs) {
    if (!isObject(input) || typeof input.id !== 'string' || !text.includes(`\${input:${input.id}}`)) continue;
    const name = toVariableName(input.id);
    text = text.replaceAll(`\${input:${input.id}}`, () => `\${${name}}`);
    const { description, default: given, options, password, type } = input;
    userVars[name] = {
      ...(typeof description === 'string' && { description }),
      sensitive: type !== 'pickString' && password === true,
      ...(typeof given === 'string' && { default: given }),
      ...(type === 'pickString' && Array.isArray(options) && { choices: options }),
    };
  }
  return Object.keys(userVars).length === 0 ? entry : { ...(JSON.parse(text) as Entry), userVars };
}
