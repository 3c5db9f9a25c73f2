import { accessTokenOf } from '../auth/authenticator.ts';
import type { CallerValues } from '../http/tool-call/tool-route.ts';
import type { ToUserLink } from '../http/user-links.ts';
import { userPlaceholders } from '../placeholders/resolve-template.ts';
import { placeholdersOf } from '../servers/user-values.ts';
import { createSetupLinks } from './create-setup-links.ts';
import type { LazyVault } from './lazy-vault.ts';

/** The vault is opened by the first caller whose values are asked for. */
export function createCallerValues(vault: LazyVault, toUserLink: ToUserLink): CallerValues {
  return async (request, principal, server) => {
    const needsToken = [...placeholdersOf(server), ...[...server.callMeta.values()].flatMap(userPlaceholders)].some(
      (one) => one.kind === 'user' && one.field === 'jwt',
    );
    const signer = needsToken ? await vault.tokenSigner() : undefined;
    return {
      variables: async (owner, name) => (await vault.openForCall()).values(owner, name),
      userJwt: (user, audience) => signer?.sign(user, audience) ?? '',
      callerToken: accessTokenOf(principal, request),
      setupUrl: async (user, serverName) => {
        const links = createSetupLinks(await vault.openForCall(), toUserLink);
        return (await links.create(user, serverName, request)).url;
      },
    };
  };
}
