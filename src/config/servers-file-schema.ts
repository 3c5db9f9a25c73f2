import { z } from 'zod';
import { accessSchema, auditSchema, authSchema, rateLimitSchema, vaultSchema } from './auth-schema.ts';
import { limitsSchema, runAsSchema, sandboxSchema } from './confinement.ts';
import { parseServerType, serverTypeSpellings } from './server-type.ts';

/** The longest time that a timer of Node can wait; a longer one would fire at once. */
const maxTimerMs = 2_147_483_647;

const text = z.string();
const nonEmptyText = z.string().min(1, 'is empty.');
const milliseconds = z
  .int()
  .min(1, 'must be at least 1 (milliseconds).')
  .max(maxTimerMs, `is more than ${maxTimerMs}.`);
const count = z.int().min(1, 'must be at least 1.');
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL.' });

// People write ports and switches without quotes; a child process only knows texts.
const scalarText = z
  .union([z.string(), z.number(), z.boolean()], { error: 'must be a text (a number or true/false is taken as one).' })
  .transform(String);
const names = z.array(nonEmptyText);
/** A `Map`, because the keys are the admin's own and may be `__proto__`. */
const textsByName = z.preprocess(toMap, z.map(z.string(), scalarText, { error: mustBeObject }));

const status = z
  .int()
  .refine((value) => value === 200 || (value >= 400 && value <= 599), 'must be 200 or an HTTP status from 400 to 599.');

const resultImages = z.enum(['data', 'url'], { error: 'must be "data" or "url".' });

const serverType = text.transform((spelling, context) => {
  const type = parseServerType(spelling);
  if (type !== undefined) return type;
  context.addIssue({ code: 'custom', message: `must be one of ${serverTypeSpellings.join(', ')}.` });
  return z.NEVER;
});

const choice = z
  .union([text, z.object({ value: text, label: text.optional() })], {
    error: 'must be a text or {"value": …, "label": …}.',
  })
  .transform((given) => (typeof given === 'string' ? { value: given, label: given } : labelled(given)));
const choices = z.array(choice).min(1, 'must hold at least one choice.');

export const userVariableSchema = z.object({
  title: nonEmptyText.optional(),
  description: text.optional(),
  required: z.boolean().default(true),
  sensitive: z.boolean().default(true),
  default: text.optional(),
  choices: choices.optional(),
  pattern: nonEmptyText.optional(),
  helpUrl: httpUrl.optional(),
});

/** LibreChat's declaration of the same thing. */
export const customUserVariableSchema = z.object({
  title: nonEmptyText.optional(),
  description: text.optional(),
});

/** VS Code's declaration of the same thing, at the top level of the file. */
export const inputSchema = z.object({
  id: z.string().regex(/^[A-Za-z0-9_.-]+$/, 'may hold letters, digits, "_", "." and "-" only.'),
  type: z.enum(['promptString', 'pickString'], {
    error: 'must be "promptString" or "pickString"; other inputs need VS Code itself.',
  }),
  description: text.optional(),
  password: z.boolean().optional(),
  default: text.optional(),
  options: choices.optional(),
});

export const serverSchema = z.object({
  command: nonEmptyText.optional(),
  args: z.array(scalarText).default([]),
  env: textsByName.default(new Map()),
  cwd: nonEmptyText.optional(),
  envFile: nonEmptyText.optional(),
  type: serverType.optional(),
  url: nonEmptyText.optional(),
  headers: textsByName.default(new Map()),
  disabled: z.boolean().default(false),
  disabledTools: names.default([]),
  disabled_tools: names.default([]),
  enabledTools: names.optional(),
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
  userVars: z.preprocess(toMap, z.map(z.string(), z.unknown(), { error: mustBeObject })).default(new Map()),
  customUserVars: z.preprocess(toMap, z.map(z.string(), z.unknown(), { error: mustBeObject })).default(new Map()),
  discovery: textsByName.optional(),
  client_header_forwarding: z
    .strictObject({ enabled: z.boolean().default(false), whitelist: names.default([]), blacklist: names.default([]) })
    .optional(),
  inheritEnv: z
    .union([z.literal('*'), names], { error: 'must be a list of names, or "*" for the whole environment.' })
    .default([]),
  allowUserPlaceholdersInArgs: z.boolean().default(false),
  forwardCallerToken: z.boolean().default(false),
  allowPrivateAddresses: z.boolean().default(false),
  rawUrlPlaceholders: z.boolean().default(false),
  allowedHosts: z.array(nonEmptyText).min(1, 'names no host; leave it out, or name one.').optional(),
  toolErrorStatus: status.optional(),
  resultImages: resultImages.optional(),
  access: accessSchema.optional(),
  runAs: runAsSchema.optional(),
  sandbox: sandboxSchema.optional(),
  limits: limitsSchema.optional(),
});

export type ServerEntry = z.infer<typeof serverSchema>;

/** What stands beside the servers and is in use. */
export const fileSchema = z.object({
  operationIds: z.enum(['server', 'mcpo', 'tool']).default('server'),
  toolErrorStatus: status.default(500),
  resultImages: resultImages.default('data'),
  auth: authSchema.optional(),
  rateLimit: rateLimitSchema.optional(),
  audit: auditSchema.optional(),
  vault: vaultSchema.optional(),
});

/** Keys that hold servers: mcpo's and VS Code's. */
export const serverListKeys = ['mcpServers', 'servers'] as const;
/** Keys that close something: misspelt, they would leave it open. */
export const restrictingServerKeys: ReadonlySet<string> = new Set([
  'access',
  'allowedHosts',
  'client_header_forwarding',
  'disabled',
  'disabledTools',
  'disabled_tools',
  'enabledTools',
  'isolation',
  'limits',
  'redactResults',
  'rules',
  'runAs',
  'sandbox',
]);
export const restrictingFileKeys: ReadonlySet<string> = new Set(['audit', 'auth', 'rateLimit', 'vault']);
export const unsupportedServerKeys: ReadonlySet<string> = new Set(['oauth']);
/** For editors; it says nothing about a server. */
export const ignoredFileKeys: ReadonlySet<string> = new Set(['$schema']);

function labelled(given: { value: string; label?: string | undefined }): { value: string; label: string } {
  return { value: given.value, label: given.label ?? given.value };
}

function toMap(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : value;
}

function mustBeObject(issue: { code?: string | undefined }): string | undefined {
  return issue.code === 'invalid_type' ? 'must be an object.' : undefined;
}
