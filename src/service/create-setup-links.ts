import type { IncomingMessage } from 'node:http';
import { toUserKey, type UserProfile } from '../auth/user.ts';
import type { ToUserLink } from '../http/user-links.ts';
import { LINK_LIFETIME_MS, type Vault } from '../vault/vault.ts';

/** Whose values a link sets, and the chat that it is shown in. */
type LinkOwner = UserProfile & { readonly chatId?: string | undefined };

/** Makes setup links with the host of a request, or of the public URL. */
export function createSetupLinks(vault: Pick<Vault, 'createLink' | 'profiles'>, toUserLink: ToUserLink) {
  return {
    /** Rejects with `VaultUnavailableError`. */
    async create(user: LinkOwner, server: string, request: IncomingMessage) {
      const { issuer, subject, chatId } = user;
      const owner = { issuer, subject };
      // Of a user for whom an admin asks only the id is given; their page says by name whose values it sets.
      const known = user.name || user.email ? user : (await vault.profiles(owner)).get(toUserKey(owner));
      // Before it is made, so that the link lasts no shorter than it says.
      const expiresAt = Date.now() + LINK_LIFETIME_MS;
      const token = await vault.createLink({
        owner,
        server,
        profile: { name: known?.name, email: known?.email, chatId },
      });
      return { url: toUserLink(`vault/link/${token}`, request), expiresAt };
    },
  };
}
