import type { AuthSettings, IdentitySettings, IssuerSettings } from '../auth/auth-settings.ts';
import type { ConfigProblem } from '../errors.ts';
import type { AuthFile } from './auth-schema.ts';

/** Combines `auth.identity` with the issuers that are configured. What cannot be used is added to `problems`. */
export function resolveIdentity(
  file: AuthFile,
  issuers: readonly IssuerSettings[],
  problems: ConfigProblem[],
): IdentitySettings {
  const { linkBy, issuer: named, provider } = file.identity;
  if (linkBy !== 'oidc-sub') return { linkBy, issuer: undefined, provider };
  // A secret makes no OpenID provider: whoever has it can name any subject.
  const known = issuers.flatMap(({ issuer, keySource }) => (keySource.kind === 'secret' ? [] : (issuer ?? [])));
  const providers = [...new Set([...known, ...file.login.map(({ issuer }) => issuer)])];
  const problem = (message: string) => void problems.push({ key: 'auth.identity', message });
  if (providers.length === 0) {
    problem(
      '"oidc-sub" needs the identity provider that Open WebUI uses: add it to "auth.login" or "auth.issuers", or set JWT_ISSUER.',
    );
  } else if (named === undefined && providers.length > 1) {
    problem(`has to name the "issuer" that Open WebUI uses, because there are several: ${providers.join(', ')}.`);
  } else if (named !== undefined && !providers.includes(named)) {
    problem(`names the issuer "${named}", which is not configured; it may be ${providers.join(', ')}.`);
  }
  return { linkBy, issuer: named ?? providers[0], provider };
}

/** What an admin must know where identities are linked. */
export function identityWarnings({ identity, openWebUi }: AuthSettings): readonly ConfigProblem[] {
  const key = 'auth.identity';
  switch (identity.linkBy) {
    case 'none':
      return [];
    case 'email-verified': {
      const message =
        'links identities by e-mail address. Open WebUI does not verify addresses: let nobody sign up or change their address there who has not proved that it is theirs, because they would get the values of its owner.';
      return [{ key, message }];
    }
    case 'oidc-sub': {
      if (openWebUi.url !== undefined && openWebUi.apiKey !== undefined) return [];
      const message =
        'needs to ask Open WebUI which subject its users have at the identity provider: set MCPO_OPENWEBUI_URL, and MCPO_OPENWEBUI_API_KEY to the API key of an admin of Open WebUI. Until then nobody is linked.';
      return [{ key, message }];
    }
  }
}
