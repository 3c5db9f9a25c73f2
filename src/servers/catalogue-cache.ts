import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ServerConfig } from '../config/server-config.ts';
import type { CatalogueSource } from './catalogue.ts';
import { isListedByService, type OriginatedSource, trustsFirstUser } from './catalogue-origin.ts';

const tool = z.looseObject({
  name: z.string(),
  inputSchema: z.union([z.record(z.string(), z.unknown()), z.boolean()]),
});
const cached = z.object({
  settings: z.string(),
  // Absent in what earlier versions stored.
  origin: z.enum(['service', 'chosen', 'admin', 'user']).optional(),
  serverInfo: z.object({ name: z.string(), title: z.string().optional(), version: z.string() }),
  instructions: z.string().optional(),
  tools: z.array(tool),
  rejected: z.array(z.object({ name: z.string(), reason: z.string() })),
});

/** Stores lists of tools over restarts, as text; failures are logged and not thrown. */
export interface CatalogueCache {
  /** What was stored for a server; `undefined` if nothing was, or it cannot be read. */
  load(server: string): Promise<string | undefined>;
  /** Stores a server's list, and returns what was stored before. */
  save(server: string, content: string): Promise<string | undefined>;
}

/** Stores nothing. */
export const NO_CACHE: CatalogueCache = { load: async () => undefined, save: async () => undefined };

/** What is stored of a server's list of tools, so that its document is there at once after a restart. */
export function toCachedCatalogue({ source, origin }: OriginatedSource, config: ServerConfig): string {
  const { serverInfo, instructions, list } = source;
  return JSON.stringify({ settings: settingsDigest(config), origin, serverInfo, instructions, ...list });
}

/**
 * Reads what was stored; `undefined` if it was stored for other settings of the server, is not readable, or came from a
 * session whose list is not what all see with these settings.
 */
export function fromCachedCatalogue(text: string, config: ServerConfig): OriginatedSource | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { success, data } = cached.safeParse(value);
  if (!success || data.settings !== settingsDigest(config)) return undefined;
  const { serverInfo, instructions, tools, rejected } = data;
  const origin = data.origin ?? (isListedByService(config) ? 'service' : 'user');
  if (origin === 'user' && (data.origin === undefined || !trustsFirstUser(config))) return undefined;
  const list = { tools: tools as CatalogueSource['list']['tools'], rejected };
  return { source: { serverInfo, instructions, list }, origin };
}

/** Which server it is; what only identifies the caller, such as headers and environment, does not count. */
function settingsDigest({ transport }: ServerConfig): string {
  const identity =
    transport.type === 'stdio' ? [transport.command, transport.args, transport.cwd] : [transport.type, transport.url];
  return createHash('sha256').update(JSON.stringify(identity)).digest('base64url');
}
