import { NotFoundError } from '../errors.ts';
import type { Catalogue, CatalogueTool } from './catalogue.ts';
import { connectToolName } from './connect-tool.ts';
import { findBySpelling } from './find-tool.ts';
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
