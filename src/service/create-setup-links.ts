import type { IncomingMessage } from 'node:http';
import type { UserProfile } from '../auth/user.ts';
import type { ToUserLink } from '../http/user-links.ts';
import { LINK_LIFETIME_MS, type Vault } from '../vault/vault.ts';

/** Whose values a link sets, and the chat that it is shown in. */
type LinkOwner = UserProfile & { readonly chatId?: string | undefined };

/** Makes setup links with the host of a request, or of the public URL. */
export function createSetupLinks(vault: Pick<Vault, 'createLink'>, toUserLink: ToUserLink) {
  return {
    /** Rejects with `VaultUnavailableError`. */
    async create(user: LinkOwner, server: string, request: IncomingMessage) {
      const { issuer, subject, name, email, chatId } = user;
      // Before it is made, so that the link lasts no shorter than it says.
      const expiresAt = Date.now() + LINK_LIFETIME_MS;
      const token = await vault.createLink({ owner: { issuer, subject }, server, profile: { name, email, chatId } });
      return { url: toUserLink(`vault/link/${token}`, request), expiresAt };
    },
  };
}
