import type { AuthSettings } from '../auth/auth-settings.ts';
import { OWN_ISSUER } from '../auth/claims.ts';
import { OPEN_WEBUI_ISSUER } from '../auth/user.ts';
import type { ConfigProblem } from '../errors.ts';
import { userPlaceholders } from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import type { ServerConfig, TransportConfig } from './server-config.ts';

/**
 * A warning for each server that identifies its users by `${user.id}` alone where several issuers name users: one
 * issuer's "42" is not the other's.
 */
export function ambiguousUserWarnings(servers: readonly ServerConfig[], auth: AuthSettings): readonly ConfigProblem[] {
  const { userJwtSecret, secretKey, url, trustUserHeaders } = auth.openWebUi;
  const believesOpenWebUi = trustUserHeaders || [userJwtSecret, secretKey, url].some((one) => one !== undefined);
  const issuers = new Set([
    ...(believesOpenWebUi ? [OPEN_WEBUI_ISSUER] : []),
    ...auth.issuers.map(({ issuer }) => issuer ?? OWN_ISSUER),
    ...auth.keys.flatMap(({ user }) => user?.issuer ?? []),
  ]);
  if (issuers.size < 2) return [];
  const message = `uses \${user.id} without \${user.issuer}, and users come from several issuers (${[...issuers].join(', ')}): two people with the same id would be one to this server.`;
  const isAmbiguous = ({ transport }: ServerConfig) => {
    const fields = templatesOf(transport)
      .flatMap(userPlaceholders)
      .map((one) => (one.kind === 'user' ? one.field : undefined));
    return fields.includes('id') && !fields.includes('issuer');
  };
  return servers.filter(isAmbiguous).map(({ name }) => ({ server: name, message }));
}

/** The strings of a server in which users' values may be. */
export function templatesOf(transport: TransportConfig): readonly Template[] {
  return transport.type === 'stdio'
    ? [...transport.args, ...transport.env.values()]
    : [transport.url, ...transport.headers.values()];
}
