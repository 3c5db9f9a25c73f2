import type { IncomingMessage } from 'node:http';
import type { UserProfile } from '../auth/user.ts';
import type { ClientAddress } from '../http/guards/client-address.ts';
import { toAbsoluteUrl, type UrlSettings } from '../http/urls.ts';
import { LINK_LIFETIME_MS, type Vault } from '../vault/vault.ts';

/** Makes setup links with the host of a request, or of the public URL. */
export function createSetupLinks(vault: Pick<Vault, 'createLink'>, settings: UrlSettings, client: ClientAddress) {
  return {
    /** Rejects with `VaultUnavailableError`. */
    async create({ issuer, subject, name, email }: UserProfile, server: string, request: IncomingMessage) {
      // Before it is made, so that the link lasts no shorter than it says.
      const expiresAt = Date.now() + LINK_LIFETIME_MS;
      const token = await vault.createLink({ owner: { issuer, subject }, server, profile: { name, email } });
      return { url: toAbsoluteUrl(`vault/link/${token}`, request, settings, client), expiresAt };
    },
  };
}
