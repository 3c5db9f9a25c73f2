import { z } from 'zod';
import { DEFAULT_USER_SCOPES } from '../auth/scope.ts';
import { ALLOWED_HOST_RULE, parseAllowedHosts } from './allowed-hosts.ts';
import { parseRate, RATE_RULE } from './rate.ts';

export const ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
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

export type JwtAlgorithm = (typeof ALGORITHMS)[number];

const text = z.string().min(1, 'is empty.');
const texts = z.array(text);
const textOrTexts = z.union([text.transform((one) => [one]), texts], { error: 'must be a text or a list of texts.' });
const textsByName = z.preprocess(
  (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : value,
  z.map(z.string(), texts, { error: 'must be an object that maps a name to a list of scopes.' }),
);
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL.' });
const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]+$/, 'must be the name of a header.')
  .toLowerCase();

export const algorithm = z.enum(ALGORITHMS, { error: `must be one of ${ALGORITHMS.join(', ')}.` });

/** As an issuer's `audience`: whoever its tokens were issued for, they are accepted here. */
export const ANY_AUDIENCE = '*';

const NO_AUDIENCE =
  'needs "audience", the value of "aud" in tokens that are meant for this service; without it a token for any other service of the issuer would be accepted, which "*" permits.';

const key = z.strictObject({
  id: z.string().regex(/^[\w.-]{1,64}$/, 'may hold letters, digits, "_", "." and "-" only, 64 at most.'),
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of the key as 64 hex digits.')
    .toLowerCase(),
  scopes: texts.default(['call', 'docs']),
  user: z
    .union([
      text.transform((subject) => ({ issuer: 'open-webui', subject })),
      z.strictObject({ issuer: text, subject: text }),
    ])
    .optional(),
  assertsUser: z.boolean().default(false),
  expires: z.iso.datetime({ offset: true, error: 'must be a time such as 2030-01-31T00:00:00Z.' }).optional(),
});

const issuer = z
  .strictObject({
    issuer: text,
    audience: textOrTexts.optional(),
    scopes: textsByName.default(new Map()),
    defaultScopes: texts.default([...DEFAULT_USER_SCOPES]),
    algorithms: z.array(algorithm).min(1, 'names no algorithm.').optional(),
    secret: text.optional(),
    publicKey: text.optional(),
    publicKeyFile: text.optional(),
    jwksUri: httpUrl.optional(),
    claims: z
      .strictObject({ subject: text, email: text, name: text, role: text, groups: text, scope: text })
      .partial()
      .default({}),
  })
  .refine(
    ({ secret, publicKey, publicKeyFile, jwksUri }) =>
      [secret, publicKey, publicKeyFile, jwksUri].filter((source) => source !== undefined).length <= 1,
    'has more than one of "secret", "publicKey", "publicKeyFile" and "jwksUri"; keep one, or none for discovery.',
  )
  .refine(({ audience }) => audience !== undefined && audience.length > 0, { error: NO_AUDIENCE })
  .refine(({ audience = [] }) => audience.length === 1 || !audience.includes(ANY_AUDIENCE), {
    error: 'has "*" beside other values in "audience"; keep one of the two.',
  });

/** `auth` of the servers file. Unknown keys are errors here: a misspelt restriction must not pass as none. */
export const authSchema = z.strictObject({
  keys: z.array(key).default([]),
  issuers: z.array(issuer).default([]),
  roles: textsByName.default(new Map()),
  groups: textsByName.default(new Map()),
  /** Hosts under which the service is reached, beside those that it knows by itself. */
  allowedHosts: z
    .array(z.string().refine((host) => parseAllowedHosts(host)?.length === 1, ALLOWED_HOST_RULE))
    .default([]),
  openWebUi: z
    .strictObject({
      headers: z
        .strictObject({
          userJwt: headerName,
          userId: headerName,
          userEmail: headerName,
          userName: headerName,
          userRole: headerName,
          chatId: headerName,
        })
        .partial()
        .default({}),
    })
    .default({ headers: {} }),
});

export type AuthFile = z.infer<typeof authSchema>;

/** `audit` of the servers file. */
export const auditSchema = z.strictObject({
  required: z.boolean().default(false),
  pseudonymise: z.boolean().default(false),
  retentionDays: z.int().min(1, 'must be at least 1.').optional(),
});

/** `vault` of the servers file; the variables win over it. */
export const vaultSchema = z.strictObject({
  lastFour: z.boolean().optional(),
  maxSessions: z.int().min(1, 'must be at least 1.').optional(),
  maxSessionsPerUser: z.int().min(1, 'must be at least 1.').optional(),
});

/** `rateLimit` of the servers file; the variables win over it. */
const rate = text.transform((value, context) => {
  const parsed = parseRate(value);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: RATE_RULE });
  return z.NEVER;
});

export const rateLimitSchema = z.strictObject({ calls: rate.optional(), authFailures: rate.optional() });

/** Who may use a server or a tool; a user whom any of the lists names may. An empty list is a list: it names nobody. */
const accessLists = { roles: texts.optional(), users: texts.optional(), groups: texts.optional() };
const hasList = ({ roles, users, groups }: { roles?: unknown; users?: unknown; groups?: unknown }): boolean =>
  [roles, users, groups].some((list) => list !== undefined);

const toolAccess = z
  .strictObject(accessLists)
  .refine(
    hasList,
    'names nobody and restricts nothing; give it "roles", "users" or "groups", or leave it out. An empty list means nobody.',
  );

/** `access` of a server. */
export const accessSchema = z
  .strictObject({
    ...accessLists,
    tools: z
      .preprocess(
        (value) =>
          typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : value,
        z.map(z.string(), toolAccess, {
          error: 'must be an object that maps a tool to who may use it.',
        }),
      )
      .default(new Map()),
  })
  .refine(
    (access) => hasList(access) || access.tools.size > 0,
    'restricts nothing; give it "roles", "users", "groups" or "tools", or leave it out. An empty list means nobody.',
  );

export type AuditFile = z.infer<typeof auditSchema>;
export type RateLimitFile = z.infer<typeof rateLimitSchema>;
export type VaultFile = z.infer<typeof vaultSchema>;
