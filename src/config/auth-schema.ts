import { z } from 'zod';
import type { ApiKeyRecord, ClaimNames } from '../auth/auth-settings.ts';
import { DEFAULT_USER_SCOPES, matchesName, parseScope, SCOPE_FORMS } from '../auth/scope.ts';
import type { ConfigPlace } from './config-report.ts';
import { httpUrl, mapOf, nonEmptyText, texts } from './shapes.ts';
import { HOST_NAMES_RULE, parseHostNames } from './spellings.ts';

export const HMAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
export const ASYMMETRIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
] as const;
const ALGORITHMS = [...HMAC_ALGORITHMS, ...ASYMMETRIC_ALGORITHMS] as const;

export type JwtAlgorithm = (typeof ALGORITHMS)[number];

export const algorithm = z.enum(ALGORITHMS, { error: `must be one of ${ALGORITHMS.join(', ')}.` });

/** As an issuer's `audience`: its tokens are accepted whatever their audience. */
export const ANY_AUDIENCE = '*';

/** What "audience" is for, in messages about its absence. */
export const AUDIENCE_RULE =
  'the value of "aud" in tokens that are meant for this service; without it a token for any other service of the issuer would be accepted';

const scopes = z.array(
  nonEmptyText.refine((text) => parseScope(text) !== undefined, {
    error: ({ input }) => `"${input}" is not a scope; the forms are ${SCOPE_FORMS}.`,
  }),
);
const scopesByName = mapOf(scopes, 'must be an object that maps a name to a list of scopes.').default(new Map());
const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]+$/, 'must be the name of a header.')
  .toLowerCase();

const key = z
  .strictObject({
    id: z.string().regex(/^[\w.-]{1,64}$/, 'may contain letters, digits, "_", "." and "-" only, 64 at most.'),
    hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of the key as 64 hex digits.')
      .toLowerCase(),
    scopes: scopes.default(['call', 'docs']),
    user: z
      .union([
        nonEmptyText.transform((subject) => ({ issuer: 'open-webui', subject })),
        z.strictObject({ issuer: nonEmptyText, subject: nonEmptyText }),
      ])
      .optional(),
    assertsUser: z.boolean().default(false),
    expires: z.iso.datetime({ offset: true, error: 'must be a time such as 2030-01-31T00:00:00Z.' }).optional(),
  })
  .transform(({ expires, user, ...rest }): ApiKeyRecord => {
    const expiresAt = expires === undefined ? undefined : Date.parse(expires);
    return { ...rest, user, expiresAt, lastUsedAt: undefined, createdAt: 0 };
  });

/** As OpenID Connect names them, where it does. */
const claims = z.strictObject({
  subject: nonEmptyText.default('sub'),
  email: nonEmptyText.default('email'),
  name: nonEmptyText.default('name'),
  username: nonEmptyText.default('preferred_username'),
  role: nonEmptyText.default('role'),
  groups: nonEmptyText.default('groups'),
  scope: nonEmptyText.default('scope'),
});

export const DEFAULT_CLAIMS: ClaimNames = claims.parse({});

const issuer = z
  .strictObject({
    issuer: nonEmptyText,
    audience: z
      .union([nonEmptyText.transform((one) => [one]), texts], { error: 'must be a text or a list of texts.' })
      .optional(),
    scopes: scopesByName,
    defaultScopes: scopes.default([...DEFAULT_USER_SCOPES]),
    algorithms: z.array(algorithm).min(1, 'names no algorithm.').optional(),
    secret: nonEmptyText.optional(),
    publicKey: nonEmptyText.optional(),
    publicKeyFile: nonEmptyText.optional(),
    jwksUri: httpUrl.optional(),
    claims: claims.prefault({}),
  })
  .refine(
    ({ secret, publicKey, publicKeyFile, jwksUri }) =>
      [secret, publicKey, publicKeyFile, jwksUri].filter((source) => source !== undefined).length <= 1,
    'has more than one of "secret", "publicKey", "publicKeyFile" and "jwksUri"; keep one, or none for discovery.',
  )
  .refine(({ audience = [] }) => audience.length > 0, `needs "audience", ${AUDIENCE_RULE}, which "*" permits.`)
  .refine(
    ({ audience = [] }) => audience.length <= 1 || !audience.includes(ANY_AUDIENCE),
    'has "*" beside other values in "audience"; keep one of the two.',
  );

/** `auth` of the servers file. Unknown keys are errors here: a misspelt restriction would restrict nothing. */
export const authSchema = z.strictObject({
  keys: z.array(key).default([]),
  issuers: z.array(issuer).default([]),
  roles: scopesByName,
  groups: scopesByName,
  /** Further hosts under which the service is reached. */
  allowedHosts: z.array(z.string().refine((host) => parseHostNames(host)?.length === 1, HOST_NAMES_RULE)).default([]),
  openWebUi: z
    .strictObject({
      headers: z
        .strictObject({
          userJwt: headerName.default('x-openwebui-user-jwt'),
          userId: headerName.default('x-openwebui-user-id'),
          userEmail: headerName.default('x-openwebui-user-email'),
          userName: headerName.default('x-openwebui-user-name'),
          userRole: headerName.default('x-openwebui-user-role'),
          userGroups: headerName.default('x-openwebui-user-groups'),
          userGroupIds: headerName.default('x-openwebui-user-group-ids'),
          chatId: headerName.default('x-openwebui-chat-id'),
          messageId: headerName.default('x-openwebui-message-id'),
        })
        .prefault({}),
    })
    .prefault({}),
});

export type AuthFile = z.infer<typeof authSchema>;

/** Warns of scopes for servers that the file does not have: otherwise only a rejected call would show it. */
export function warnOfUnknownServers(auth: AuthFile, servers: readonly string[], place: ConfigPlace): void {
  const check = (granted: readonly string[], at: ConfigPlace) => {
    for (const [index, text] of granted.entries()) {
      const scope = parseScope(text);
      if (scope?.kind !== 'call' || servers.some((server) => matchesName(scope.server, server))) continue;
      at.at(index).warning(`the scope "${text}" is for a server that is not in this file, so it allows nothing.`);
    }
  };
  for (const [index, one] of auth.keys.entries()) check(one.scopes, place.at('keys', index, 'scopes'));
  for (const [index, one] of auth.issuers.entries()) {
    const at = place.at('issuers', index);
    check(one.defaultScopes, at.at('defaultScopes'));
    for (const [scope, granted] of one.scopes) check(granted, at.at('scopes', scope));
  }
  for (const name of ['roles', 'groups'] as const) {
    for (const [member, granted] of auth[name]) check(granted, place.at(name, member));
  }
}
