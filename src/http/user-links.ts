import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Logger } from '../telemetry/logger.ts';
import type { ClientAddress } from './guards/client-address.ts';
import { toAbsoluteUrl, type UrlSettings } from './urls.ts';

/** Hosts that were warned of; who calls can send any. */
const MAX_WARNINGS = 5;

/** Makes the absolute URL of a path under the prefix, such as `vault/link/<token>`, for a person's browser. */
export type ToUserLink = (path: string, request: IncomingMessage) => string;

/** Makes links for users; warns once of each host that the service is called by and that no browser reaches. */
export function createUserLinks(
  settings: UrlSettings,
  client: ClientAddress,
  logger: Pick<Logger, 'warn'>,
): ToUserLink {
  const warned = new Set<string>();
  return (path, request) => {
    if (settings.publicUrl === undefined) {
      const host = client.hostOf(request);
      if (host !== undefined && !isBrowserHost(host) && !warned.has(host) && warned.size < MAX_WARNINGS) {
        warned.add(host);
        logger.warn(
          "a link for a user has the request's host, which their browser cannot reach; set MCPO_PUBLIC_URL to the address that users open",
          { host },
        );
      }
    }
    return toAbsoluteUrl(path, request, settings, client);
  };
}

/**
 * Whether a browser on another machine may reach a `Host`, with or without a port: not a bare name, as of a container,
 * and not one that only a cluster resolves. Loopback names count as reachable: they work on this machine.
 */
export function isBrowserHost(host: string): boolean {
  const name = host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
  if (name.startsWith('[') || isIP(name) !== 0 || name === 'localhost') return true;
  return name.includes('.') && !/\.(internal|svc|cluster\.local)$/.test(name);
}

/** Ids of chats that Open WebUI stores; one of a temporary chat leads nowhere. */
const CHAT_ID = /^[A-Za-z0-9][\w-]{0,63}$/;

/**
 * The address of a chat in Open WebUI, or of Open WebUI itself where the chat is not known. `undefined` if it is not known
 * where users reach it. The id is what a caller has sent.
 */
export function toChatLink(openWebUiPublicUrl: string | undefined, chatId: string | undefined): string | undefined {
  if (openWebUiPublicUrl === undefined) return undefined;
  return chatId !== undefined && CHAT_ID.test(chatId) ? `${openWebUiPublicUrl}/c/${chatId}` : `${openWebUiPublicUrl}/`;
}
