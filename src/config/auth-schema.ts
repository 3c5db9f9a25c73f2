import { z } from 'zod';
import type { ApiKeyRecord, ClaimNames } from '../auth/auth-settings.ts';
import { DEFAULT_USER_SCOPES, matchesName, parseScope, SCOPE_FORMS } from '../auth/scope.ts';
import type { ConfigPlace } from './config-report.ts';
import { httpUrl, mapOf, nonEmptyText, oneOrMore, texts } from './shapes.ts';
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
    id: z
      .string()
      .regex(/^[\w.-]{1,64}$/, 'may contain letters, digits, "_", "." and "-" only, 64 at most.')
      .describe('Name of the key, for the log.'),
    hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of the key as 64 hex digits.')
      .toLowerCase()
      .describe('SHA-256 of the key, as `mcpo-ts key create --config-entry` prints it.'),
    scopes: scopes.default(['call', 'docs']).describe('What the key allows.'),
    user: z
      .union([
        nonEmptyText.transform((subject) => ({ issuer: 'open-webui', subject })),
        z.strictObject({
          issuer: nonEmptyText.describe('Issuer of the user id.'),
          subject: nonEmptyText.describe('The user id.'),
        }),
      ])
      .optional()
      .describe('The user whom the key identifies: the id in Open WebUI, or issuer and subject.'),
    assertsUser: z
      .boolean()
      .default(false)
      .describe('Its holder may say for which user they call, as Open WebUI does.'),
    expires: z.iso
      .datetime({ offset: true, error: 'must be a time such as 2030-01-31T00:00:00Z.' })
      .optional()
      .describe('When the key ends, such as `2030-01-31T00:00:00Z`.'),
  })
  .transform(({ expires, user, ...rest }): ApiKeyRecord => {
    const expiresAt = expires === undefined ? undefined : Date.parse(expires);
    return { ...rest, user, expiresAt, lastUsedAt: undefined, createdAt: 0 };
  });

/** As OpenID Connect names them, where it does. */
const claims = z.strictObject({
  subject: nonEmptyText.default('sub').describe('Claim with the user id.'),
  email: nonEmptyText.default('email').describe('Claim with the e-mail address.'),
  name: nonEmptyText.default('name').describe('Claim with the name.'),
  username: nonEmptyText.default('preferred_username').describe('Claim with the name that the user logs in with.'),
  role: nonEmptyText.default('role').describe('Claim with the role.'),
  groups: nonEmptyText.default('groups').describe('Claim with the groups; a dot leads into an object.'),
  scope: nonEmptyText.default('scope').describe('Claim with the scopes.'),
});

export const DEFAULT_CLAIMS: ClaimNames = claims.parse({});

const issuer = z
  .strictObject({
    issuer: nonEmptyText.describe('URL of the issuer, exactly as its tokens name it.'),
    audience: z
      .union([nonEmptyText.transform((one) => [one]), texts], { error: 'must be a text or a list of texts.' })
      .optional()
      .describe('The `aud` of tokens that are meant for this service; `"*"` accepts tokens for any.'),
    scopes: scopesByName.describe('What scopes of its tokens allow here, by their name there.'),
    defaultScopes: scopes.default([...DEFAULT_USER_SCOPES]).describe('What all of its users may do.'),
    algorithms: z
      .array(algorithm)
      .min(1, 'names no algorithm.')
      .optional()
      .describe('Algorithms of signatures that are accepted.'),
    secret: nonEmptyText.optional().describe('Secret that its tokens are signed with.'),
    publicKey: nonEmptyText.optional().describe('Public key (PEM) that its tokens are verified with.'),
    publicKeyFile: nonEmptyText.optional().describe('File with that public key.'),
    jwksUri: httpUrl.optional().describe('URL of its key set; unset, and without a secret or key: found by discovery.'),
    claims: claims.prefault({}).describe('Names of claims in its tokens.'),
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
  )
  .meta({ required: ['issuer', 'audience'] });

const isHttpsOrLoopback = (text: string) =>
  /^https:\/\/[^/?#@]+(?:\/[^?#]*)?$/i.test(text) ||
  /^http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?(?:\/[^?#]*)?$/i.test(text);

/** An OpenID provider at which people log in to `/vault` and `/admin`. */
const logIn = z
  .strictObject({
    issuer: httpUrl
      .refine(
        isHttpsOrLoopback,
        'must be an https URL without credentials, "?" and "#"; http works on this machine only.',
      )
      .describe("The exact `iss` of the provider's tokens; https, except on this machine."),
    clientId: nonEmptyText.describe('The id of the client that is registered there.'),
    clientSecret: nonEmptyText
      .optional()
      .describe(
        'The secret of the client; may be `${env:NAME}` or `${file:/path}`. Only a single provider may have none.',
      ),
    clientSecretFile: nonEmptyText.optional().describe('A file with the secret of the client.'),
    scopes: z
      .array(nonEmptyText.regex(/^[\x21\x23-\x5B\x5D-\x7E]+$/, 'must be one scope, without spaces.'))
      .default(['openid', 'profile', 'email'])
      .describe('The scopes that are requested; `openid` always is.'),
    title: nonEmptyText.optional().describe('The name on the button; the host of the issuer by default.'),
  })
  .refine(
    ({ clientSecret, clientSecretFile }) => clientSecret === undefined || clientSecretFile === undefined,
    'has "clientSecret" and "clientSecretFile"; keep one.',
  );

/** `auth` of the servers file. Unknown keys are errors here: a misspelt restriction would restrict nothing. */
export const authSchema = z.strictObject({
  keys: z.array(key).default([]).describe('API keys beside those in the database.'),
  issuers: z.array(issuer).default([]).describe('Issuers whose tokens are accepted.'),
  login: oneOrMore(logIn).describe('OpenID providers at which people log in to the pages: one, or a list.'),
  identity: z
    .strictObject({
      linkBy: z
        .enum(['none', 'email-verified', 'oidc-sub'], { error: 'must be "none", "email-verified" or "oidc-sub".' })
        .default('none')
        .describe(
          'What makes the identities of Open WebUI and of token issuers one person: a verified e-mail address, or the OIDC subject that Open WebUI names.',
        ),
      issuer: nonEmptyText
        .optional()
        .describe('With `oidc-sub`: the issuer whose subjects Open WebUI names; needed where several are configured.'),
      provider: nonEmptyText
        .default('oidc')
        .describe('With `oidc-sub`: the name of that provider in Open WebUI, such as `oidc`, `google` or `microsoft`.'),
    })
    .prefault({})
    .describe('When two identities are one person.'),
  roles: scopesByName.describe('Scopes that users with a role have in addition, by role.'),
  groups: scopesByName.describe('Scopes that users in a group have in addition, by group.'),
  allowedHosts: z
    .array(z.string().refine((host) => parseHostNames(host)?.length === 1, HOST_NAMES_RULE))
    .default([])
    .describe('Further hosts under which the service is reached.'),
  openWebUi: z
    .strictObject({
      cookie: z
        .boolean()
        .default(false)
        .describe('Accept the session of a browser at Open WebUI on the pages, after a question.'),
      headers: z
        .strictObject({
          userJwt: headerName.default('x-openwebui-user-jwt').describe('Header with the signed token about the user.'),
          userId: headerName.default('x-openwebui-user-id').describe('Header with the user id.'),
          userEmail: headerName.default('x-openwebui-user-email').describe('Header with the e-mail address.'),
          userName: headerName.default('x-openwebui-user-name').describe('Header with the name.'),
          userRole: headerName.default('x-openwebui-user-role').describe('Header with the role.'),
          userGroups: headerName.default('x-openwebui-user-groups').describe('Header with the names of the groups.'),
          userGroupIds: headerName.default('x-openwebui-user-group-ids').describe('Header with the ids of the groups.'),
          chatId: headerName.default('x-openwebui-chat-id').describe('Header with the id of the chat.'),
          messageId: headerName.default('x-openwebui-message-id').describe('Header with the id of the message.'),
        })
        .prefault({})
        .describe('Names of the headers in which Open WebUI says who calls.'),
    })
    .prefault({})
    .describe('What comes from Open WebUI.'),
});

export type AuthFile = z.infer<typeof authSchema>;

/** Warns of scopes for servers that the file does not have: otherwise only a rejected call would show it. */
export function warnOfUnknownServers(auth: AuthFile, servers: readonly string[], place: ConfigPlace): void {
  const check = (granted: readonly string[], at: ConfigPlace) => {
    for (const [index, text] of granted.entries()) {
      const scope = parseScope(text);
      if (scope === undefined || !('server' in scope) || servers.some((server) => matchesName(scope.server, server)))
        continue;
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
