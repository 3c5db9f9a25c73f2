import type { ServerConfig } from '../config/server-config.ts';
import { hasUserPlaceholder } from '../placeholders/resolve-template.ts';
import type { CatalogueSource } from './catalogue.ts';

/**
 * Where the list of tools that all see comes from: the service's own session (a shared one, or one with the values of
 * `discovery`), a list that an admin chose at `/admin`, a session of an admin's, or one of a user's.
 */
export type CatalogueOrigin = 'service' | 'chosen' | 'admin' | 'user';

export interface OriginatedSource {
  readonly source: CatalogueSource;
  readonly origin: CatalogueOrigin;
}

type OriginSettings = Pick<ServerConfig, 'transport' | 'isolation' | 'discovery'>;

/** The service itself lists the tools: no user's list is what all see. */
export function isListedByService({ isolation, discovery }: OriginSettings): boolean {
  return isolation === 'shared' || discovery !== undefined;
}

/**
 * Whether the first user's list may be what all see. A server with a user's value in its url, command or arguments may
 * be a different one for each user, even one that the user controls.
 */
export function trustsFirstUser(config: OriginSettings): boolean {
  const { transport } = config;
  if (isListedByService(config)) return false;
  const templates = transport.type === 'stdio' ? [transport.command, ...transport.args] : [transport.url];
  return !templates.some(hasUserPlaceholder);
}
