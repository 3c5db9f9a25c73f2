import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ServerConfig } from '../config/server-config.ts';
import type { CatalogueSource } from './catalogue.ts';
import { isListedByService, type OriginatedSource, trustsFirstUser } from './catalogue-origin.ts';
import type { ToolChanges } from './tool-changes.ts';

const tool = z.looseObject({
  name: z.string(),
  inputSchema: z.union([z.record(z.string(), z.unknown()), z.boolean()]),
});
const kept = z.object({
  settings: z.string(),
  // Absent in what earlier versions stored.
  origin: z.enum(['service', 'chosen', 'admin', 'user']).optional(),
  serverInfo: z.object({ name: z.string(), title: z.string().optional(), version: z.string() }),
  instructions: z.string().optional(),
  tools: z.array(tool),
  rejected: z.array(z.object({ name: z.string(), reason: z.string() })),
});

/** Keeps lists of tools over restarts; may fail, which costs nothing else. */
export interface CatalogueKeeper {
  /** Keeps a server's list, and gives back what was kept before; `undefined` when nothing was, or it cannot be read. */
  keep(server: string, content: string): Promise<string | undefined>;
  /** Gives every server that has told no tools yet what was kept for it; does so once. */
  restore(): Promise<void>;
  /** Told when a server's definitions are not what they were, in this run or the last. */
  changed(server: string, changes: ToolChanges & { readonly tools: number }): void;
}

/** Where nothing is kept. */
export const NO_KEEPER: CatalogueKeeper = {
  keep: async () => undefined,
  restore: async () => undefined,
  changed: () => undefined,
};

/** What is kept of a server's list of tools, so that its document is there at once after a restart. */
export function toKeptCatalogue({ source, origin }: OriginatedSource, config: ServerConfig): string {
  const { serverInfo, instructions, list } = source;
  return JSON.stringify({ settings: settingsDigest(config), origin, serverInfo, instructions, ...list });
}

/**
 * Reads what was kept; `undefined` when it was kept for other settings of the server, is not readable, or came from a
 * session whose list is not what all see with these settings.
 */
export function fromKeptCatalogue(text: string, config: ServerConfig): OriginatedSource | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { success, data } = kept.safeParse(value);
  if (!success || data.settings !== settingsDigest(config)) return undefined;
  const { serverInfo, instructions, tools, rejected } = data;
  const origin = data.origin ?? (isListedByService(config) ? 'service' : 'user');
  if (origin === 'user' && (data.origin === undefined || !trustsFirstUser(config))) return undefined;
  const list = { tools: tools as CatalogueSource['list']['tools'], rejected };
  return { source: { serverInfo, instructions, list }, origin };
}

/** Which server it is; what only says who calls it, such as headers and environment, does not count. */
function settingsDigest({ transport }: ServerConfig): string {
  const identity =
    transport.type === 'stdio' ? [transport.command, transport.args, transport.cwd] : [transport.type, transport.url];
  return createHash('sha256').update(JSON.stringify(identity)).digest('base64url');
}
