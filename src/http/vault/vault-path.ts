import type { IncomingMessage } from 'node:http';
import type { Settings } from '../../config/settings.ts';
import { toBaseUrl } from '../base-url.ts';
import type { ClientAddress } from '../guards/client-address.ts';

const PAGES = ['vault', 'admin'];

/**
 * Whether a path is one of the pages' or of the vault's API, at the root or under the path prefix: they tell themselves
 * who asks. A `POST` to `/vault` or `/admin` itself is none: in single-server mode a tool may be called so.
 */
export function isVaultPath(
  pathname: string,
  method: string | undefined,
  { pathPrefix }: Pick<Settings, 'pathPrefix'>,
): boolean {
  return ['/', pathPrefix].some((base) =>
    PAGES.some((page) => {
      const path = base + page;
      return pathname.startsWith(`${path}/`) || (pathname === path && method !== 'POST');
    }),
  );
}

/** The setup link of a token: under the admin's own URL of the service, else under what the request says. */
export function toSetupUrl(
  request: IncomingMessage,
  token: string,
  { publicUrl, rootPath, pathPrefix }: Pick<Settings, 'publicUrl' | 'rootPath' | 'pathPrefix'>,
  client: ClientAddress,
): string {
  return `${publicUrl ?? toBaseUrl(request, client, rootPath)}${pathPrefix}vault/link/${token}`;
}
