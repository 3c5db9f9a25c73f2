import { NotFoundError } from '../errors.ts';
import type { Catalogue, CatalogueTool } from './catalogue.ts';
import { connectToolName } from './connect-tool.ts';
import type { Lease } from './lease.ts';
import type { Server } from './server.ts';
import type { Caller } from './user-values.ts';

/** What a call means. The lease, of the session that was asked for its tools, is to be released in any case. */
export type ResolvedTool =
  | { readonly kind: 'tool'; readonly name: string; readonly tool: CatalogueTool; readonly lease?: Lease }
  | { readonly kind: 'connect'; readonly name: string; readonly catalogue: Catalogue; readonly lease: Lease };

/**
 * Finds the tool that a caller means, in the list of the session that the call will run on. While a server starts, its
 * tools may be unknown, or be those of the last run, so this waits first.
 * Throws `NotFoundError` for an unknown tool and the errors of `Server.acquire`.
 */
export async function resolveTool(
  server: Server,
  name: string,
  caller: Caller,
  signal: AbortSignal,
): Promise<ResolvedTool> {
  const lease = await server.acquire(caller, signal);
  try {
    await lease.open(signal);
    const { catalogue } = lease;
    if (catalogue === undefined) throw server.unavailable();
    const tool = findBySpelling(catalogue.tools, name);
    if (tool !== undefined) return { kind: 'tool', name: tool.definition.name, tool, lease };
    if (!server.isShared && name === connectToolName(server.name)) return { kind: 'connect', name, catalogue, lease };
    throw new NotFoundError(`Server "${server.name}" has no tool of this name; see its openapi.json for those it has.`);
  } catch (error) {
    lease.release();
    throw error;
  }
}

/**
 * The tool that a URL means although it does not spell the name as the server does: composed or decomposed letters
 * (Unicode Standard Annex 15), and `+` for a space, as in forms. No two tools of a catalogue match one such spelling.
 */
export function findBySpelling<Tool>(tools: ReadonlyMap<string, Tool>, name: string): Tool | undefined {
  const exact = tools.get(name);
  if (exact !== undefined) return exact;
  for (const spelling of spellingsOf(name)) {
    const tool = tools.get(spelling) ?? tools.get(spelling.normalize('NFC')) ?? tools.get(spelling.normalize('NFD'));
    if (tool !== undefined) return tool;
  }
  return undefined;
}

/** The names that a tool found by this name may have, apart from composed or decomposed letters. */
export function spellingsOf(name: string): readonly string[] {
  return name.includes('+') ? [name, name.replaceAll('+', ' ')] : [name];
}
