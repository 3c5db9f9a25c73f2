import { NotFoundError } from '../errors.ts';
import type { Catalogue, CatalogueTool } from './catalogue.ts';
import { connectToolName } from './connect-tool.ts';
import { findBySpelling } from './find-tool.ts';
import type { RegisteredServer } from './registered-server.ts';
import type { ServerLease } from './server-lease.ts';
import type { Caller } from './user-values.ts';

/** What a call means. The lease, of the caller's own session, is to be released whatever becomes of the call. */
export type ResolvedTool =
  | { readonly kind: 'tool'; readonly name: string; readonly tool: CatalogueTool; readonly lease?: ServerLease }
  | { readonly kind: 'connect'; readonly name: string; readonly catalogue: Catalogue; readonly lease: ServerLease };

/**
 * Finds the tool that a caller means, in the list of the session that the call will run on. While a server is on its
 * way its tools may be unknown, or be those of the last run, so this waits first.
 * Throws `NotFoundError` for an unknown tool and the errors of `RegisteredServer.acquire`.
 */
export async function resolveTool(
  server: RegisteredServer,
  name: string,
  caller: Caller,
  signal: AbortSignal,
): Promise<ResolvedTool> {
  if (server.isShared) {
    await server.whenOpen(signal);
    const { catalogue } = server;
    if (catalogue === undefined) throw server.unavailable();
    const tool = findBySpelling(catalogue.tools, name);
    if (tool !== undefined) return { kind: 'tool', name: tool.definition.name, tool };
    throw unknownTool(server.name);
  }
  const lease = await server.acquire(caller, signal);
  try {
    const catalogue = lease.catalogueOf(await lease.open(signal));
    if (catalogue === undefined) throw server.unavailable();
    const tool = findBySpelling(catalogue.tools, name);
    if (tool !== undefined) return { kind: 'tool', name: tool.definition.name, tool, lease };
    if (name === connectToolName(server.name)) return { kind: 'connect', name, catalogue, lease };
    throw unknownTool(server.name);
  } catch (error) {
    lease.release();
    throw error;
  }
}

function unknownTool(server: string): NotFoundError {
  return new NotFoundError(`Server "${server}" has no tool of this name; see its openapi.json for those it has.`);
}
