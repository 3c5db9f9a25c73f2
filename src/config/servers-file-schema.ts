import { z } from 'zod';
import { authSchema } from './auth-schema.ts';
import { limitsSchema, runAsSchema, sandboxSchema } from './confinement.ts';
import { parseRate, RATE_RULE } from './rate.ts';
import { httpUrl, mapOf, nonEmptyText, textAs, texts } from './shapes.ts';
import { parseServerType, SERVER_TYPE_RULE } from './spellings.ts';

/** The longest time that a timer of Node can wait; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

const text = z.string();
const milliseconds = z
  .int()
  .min(1, 'must be at least 1 (milliseconds).')
  .max(MAX_TIMER_MS, `is more than ${MAX_TIMER_MS}.`);
const count = z.int().min(1, 'must be at least 1.');
const rate = textAs(parseRate, RATE_RULE);
const status = z
  .int()
  .refine((value) => value === 200 || (value >= 400 && value <= 599), 'must be 200 or an HTTP status from 400 to 599.');
const resultImages = z.enum(['data', 'url'], { error: 'must be "data" or "url".' });
// People write ports and switches without quotes; a child process only knows texts.
const scalarText = z
  .union([text, z.number(), z.boolean()], { error: 'must be a text (a number or true/false is taken as one).' })
  .transform(String);
const textsByName = mapOf(scalarText);

const choice = z
  .union([text, z.object({ value: text, label: text.optional() })], {
    error: 'must be a text or {"value": …, "label": …}.',
  })
  .transform((given) => {
    const { value, label = value } = typeof given === 'string' ? { value: given } : given;
    return { value, label };
  });
const choices = z.array(choice).min(1, 'must contain at least one choice.');

export const userVariableSchema = z.object({
  title: nonEmptyText.optional(),
  description: text.optional(),
  required: z.boolean().optional(),
  sensitive: z.boolean().optional(),
  default: text.optional(),
  choices: choices.optional(),
  pattern: nonEmptyText.optional(),
  helpUrl: httpUrl.optional(),
});

/** LibreChat's declaration of the same thing. */
export const customUserVariableSchema = userVariableSchema.pick({ title: true, description: true });

/** VS Code's declaration of the same thing, at the top level of the file. */
export const inputSchema = z.object({
  id: text.regex(/^[A-Za-z0-9_.-]+$/, 'may contain letters, digits, "_", "." and "-" only.'),
  type: z.enum(['promptString', 'pickString'], {
    error: 'must be "promptString" or "pickString"; other inputs need VS Code itself.',
  }),
  description: text.optional(),
  password: z.boolean().optional(),
  default: text.optional(),
  options: choices.optional(),
});

/** Who may use a server or a tool: a user whom any of the lists names. */
const accessLists = { roles: texts.optional(), users: texts.optional(), groups: texts.optional() };
const hasList = ({ roles, users, groups }: { roles?: unknown; users?: unknown; groups?: unknown }): boolean =>
  [roles, users, groups].some((list) => list !== undefined);
const toolAccess = z
  .strictObject(accessLists)
  .refine(
    hasList,
    'names nobody and restricts nothing; give it "roles", "users" or "groups", or leave it out. An empty list means nobody.',
  );
const access = z
  .strictObject({
    ...accessLists,
    tools: mapOf(toolAccess, 'must be an object that maps a tool to who may use it.').default(new Map()),
  })
  .refine(
    (lists) => hasList(lists) || lists.tools.size > 0,
    'restricts nothing; give it "roles", "users", "groups" or "tools", or leave it out. An empty list means nobody.',
  );

export const serverSchema = z.object({
  command: nonEmptyText.optional(),
  args: z.array(scalarText).default([]),
  env: textsByName.default(new Map()),
  cwd: nonEmptyText.optional(),
  envFile: nonEmptyText.optional(),
  type: textAs(parseServerType, `${SERVER_TYPE_RULE}.`).optional(),
  url: nonEmptyText.optional(),
  headers: textsByName.default(new Map()),
  disabled: z.boolean().default(false),
  disabledTools: texts.default([]),
  disabled_tools: texts.default([]),
  enabledTools: texts.optional(),
  startTimeoutMs: milliseconds.default(30_000),
  timeoutMs: milliseconds.default(300_000),
  idleTimeoutMs: milliseconds.default(900_000),
  maxConcurrency: count.default(64),
  maxConcurrencyPerUser: count.optional(),
  maxSessions: count.default(100),
  maxResultBytes: count.default(32 * 1024 * 1024),
  isolation: z.enum(['shared', 'user', 'chat']).optional(),
  required: z.boolean().default(false),
  // Entries are read one by one in user-variables.ts, so that each problem names its variable.
  userVars: mapOf(z.unknown()).default(new Map()),
  customUserVars: mapOf(z.unknown()).default(new Map()),
  discovery: textsByName.optional(),
  client_header_forwarding: z
    .strictObject({ enabled: z.boolean().default(false), whitelist: texts.default([]), blacklist: texts.default([]) })
    .optional(),
  inheritEnv: z
    .union([z.literal('*'), texts], { error: 'must be a list of names, or "*" for the whole environment.' })
    .default([]),
  allowUserPlaceholdersInArgs: z.boolean().default(false),
  forwardCallerToken: z.boolean().default(false),
  allowPrivateAddresses: z.boolean().default(false),
  rawUrlPlaceholders: z.boolean().default(false),
  allowedHosts: texts.min(1, 'names no host; leave it out, or name one.').optional(),
  toolErrorStatus: status.optional(),
  resultImages: resultImages.optional(),
  access: access.optional(),
  runAs: runAsSchema.optional(),
  sandbox: sandboxSchema.optional(),
  limits: limitsSchema.optional(),
});

export type ServerEntry = z.infer<typeof serverSchema>;

/** The settings beside the servers. Variables win over `rateLimit` and `vault`. */
export const fileSchema = z.object({
  operationIds: z.enum(['server', 'mcpo', 'tool']).default('server'),
  toolErrorStatus: status.default(500),
  resultImages: resultImages.default('data'),
  auth: authSchema.optional(),
  rateLimit: z.strictObject({ calls: rate.optional(), authFailures: rate.optional() }).optional(),
  audit: z
    .strictObject({
      required: z.boolean().default(false),
      pseudonymise: z.boolean().default(false),
      retentionDays: count.optional(),
    })
    .optional(),
  vault: z
    .strictObject({
      lastFour: z.boolean().optional(),
      maxSessions: count.optional(),
      maxSessionsPerUser: count.optional(),
    })
    .optional(),
});

/** Keys that contain the servers: mcpo's and VS Code's. */
export const serverListKeys = ['mcpServers', 'servers'] as const;
/** Keys that restrict something: misspelt, they would leave it open. */
export const restrictingServerKeys: ReadonlySet<string> = new Set(
  'access allowedHosts client_header_forwarding disabled disabledTools disabled_tools enabledTools isolation limits runAs sandbox'.split(
    ' ',
  ),
);
export const restrictingFileKeys: ReadonlySet<string> = new Set(['audit', 'auth', 'rateLimit', 'vault']);
