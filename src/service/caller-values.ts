import { accessTokenOf } from '../auth/authenticator.ts';
import type { Settings } from '../config/settings.ts';
import type { ClientAddress } from '../http/guards/client-address.ts';
import type { CallerValues } from '../http/tool-call/tool-route.ts';
import { placeholdersOf } from '../servers/user-values.ts';
import { createSetupLinks } from './create-setup-links.ts';
import type { LazyVault } from './lazy-vault.ts';

/** The vault is opened by the first caller whose values are asked for. */
export function createCallerValues(vault: LazyVault, settings: Settings, client: ClientAddress): CallerValues {
  return async (request, principal, server) => {
    const needsToken = placeholdersOf(server).some((one) => one.kind === 'user' && one.field === 'jwt');
    const signer = needsToken ? await vault.tokenSigner() : undefined;
    return {
      variables: async (owner, name) => (await vault.openForCall()).values(owner, name),
      userJwt: (user, audience) => signer?.sign(user, audience) ?? '',
      callerToken: accessTokenOf(principal, request),
      setupUrl: async (user, serverName) => {
        const links = createSetupLinks(await vault.openForCall(), settings, client);
        return (await links.create(user, serverName, request)).url;
      },
    };
  };
}
