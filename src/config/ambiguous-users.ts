import type { AuthSettings } from '../auth/auth-settings.ts';
import type { ConfigProblem } from '../errors.ts';
import { userPlaceholders } from '../placeholders/resolve-template.ts';
import type { ServerConfig, TransportConfig } from './server-config.ts';

/**
 * A warning for each server that tells its users apart by `${user.id}` alone where several issuers name users: one
 * issuer's "42" is another person than the other's.
 */
export function ambiguousUserWarnings(servers: readonly ServerConfig[], auth: AuthSettings): readonly ConfigProblem[] {
  const issuers = [...issuersOf(auth)];
  if (issuers.length < 2) return [];
  const message = `uses \${user.id} without \${user.issuer}, and users come from several issuers (${issuers.join(', ')}): two people with the same id would be one to this server.`;
  return servers.filter(hasAmbiguousUser).map(({ name }) => ({ server: name, message }));
}

function issuersOf({ issuers, keys, openWebUi }: AuthSettings): ReadonlySet<string> {
  const { userJwtSecret, secretKey, url, trustUserHeaders } = openWebUi;
  const believesOpenWebUi = trustUserHeaders || [userJwtSecret, secretKey, url].some((one) => one !== undefined);
  return new Set([
    ...(believesOpenWebUi ? ['open-webui'] : []),
    ...issuers.map(({ issuer }) => issuer ?? 'mcpo-ts'),
    ...keys.flatMap(({ user }) => (user === undefined ? [] : [user.issuer])),
  ]);
}

function hasAmbiguousUser({ transport }: ServerConfig): boolean {
  const fields = new Set(
    templatesOf(transport)
      .flatMap(userPlaceholders)
      .map((one) => (one.kind === 'user' ? one.field : undefined)),
  );
  return fields.has('id') && !fields.has('issuer');
}

function templatesOf(transport: TransportConfig) {
  return transport.type === 'stdio'
    ? [...transport.args, ...transport.env.values()]
    : [transport.url, ...transport.headers.values()];
}
