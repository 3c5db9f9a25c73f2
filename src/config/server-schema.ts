import { z } from 'zod';
import { confinementKeys } from './confinement.ts';
import { count, mapOf, nonEmptyText, resultImages, text, textAs, texts, toolErrorStatus } from './shapes.ts';
import { parseServerType, SERVER_TYPE_RULE } from './spellings.ts';
import { toolOverrides } from './tool-overrides.ts';
import { customUserVariable, userVariable, variableName } from './user-variables.ts';

/** The longest time that a timer of Node can wait; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

const milliseconds = z
  .int()
  .min(1, 'must be at least 1 (milliseconds).')
  .max(MAX_TIMER_MS, `is more than ${MAX_TIMER_MS}.`);
// People write ports and switches without quotes; a child process only knows texts.
const scalarText = z
  .union([text, z.number(), z.boolean()], { error: 'must be a text (a number or true/false is taken as one).' })
  .transform(String);
const textsByName = mapOf(scalarText);
/** With composed letters (NFC), as the names of tools are compared with them. */
const toolNames = texts.transform((names): ReadonlySet<string> => new Set(names.map((name) => name.normalize('NFC'))));
const headerNames = z.array(nonEmptyText.toLowerCase()).default([]);

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

/** Settings of a server that is reached by `url`. */
const remoteSettings = {
  /** A url with a user's value in it may lead to a private address. */
  allowPrivateAddresses: z.boolean().default(false),
  /** Values of users are put into the url as they are, and not percent-encoded. */
  rawUrlPlaceholders: z.boolean().default(false),
  /** Hosts to which the url may lead, as `isAllowedHost` reads them; `undefined`: the host is the admin's own text. */
  allowedHosts: texts.min(1, 'names no host; leave it out, or name one.').optional(),
};

/** The keys of a server's entry that `ServerConfig` has as they stand. */
export const settingsSchema = z.object({
  /** What people call the server, on pages, in messages and for models; `undefined`: its own title, else its name. */
  title: nonEmptyText.optional(),
  /** `/readyz` answers 503 until this server is ready. */
  required: z.boolean().default(false),
  disabledTools: toolNames.default(new Set()),
  /** `undefined`: all tools but the disabled ones. */
  enabledTools: toolNames.optional(),
  /** What callers see of a tool, by the server's own name for it. */
  tools: toolOverrides.default(new Map()),
  startTimeoutMs: milliseconds.default(30_000),
  timeoutMs: milliseconds.default(300_000),
  idleTimeoutMs: milliseconds.default(900_000),
  maxConcurrency: count.default(64),
  /** Calls of one user or key at once; `undefined`: all but a quarter of `maxConcurrency`. */
  maxConcurrencyPerUser: count.optional(),
  maxSessions: count.default(100),
  maxResultBytes: count.default(32 * 1024 * 1024),
  /** The HTTP status for a tool's own `isError`. */
  toolErrorStatus,
  /** How a result contains images and audio: as `data:` URIs, or as URLs of files that are stored for a while. */
  resultImages,
  /** Who may use it; `undefined`: everyone whose scopes allow it. */
  access: access.optional(),
  ...remoteSettings,
});

const stdioKeys = {
  args: z.array(scalarText).default([]),
  env: textsByName.default(new Map()),
  cwd: nonEmptyText.optional(),
  envFile: nonEmptyText.optional(),
  inheritEnv: z
    .union([z.literal('*'), texts], { error: 'must be a list of names, or "*" for the whole environment.' })
    .default([]),
  allowUserPlaceholdersInArgs: z.boolean().default(false),
  ...confinementKeys,
};
const remoteKeys = {
  headers: textsByName.default(new Map()),
  client_header_forwarding: z
    .strictObject({ enabled: z.boolean().default(false), whitelist: headerNames, blacklist: headerNames })
    .transform(({ enabled, ...lists }) => (enabled ? lists : undefined))
    .optional(),
};

/** The other keys, of which the transport, the user variables and the isolation are made. */
export const entrySchema = z.object({
  command: nonEmptyText.optional(),
  ...stdioKeys,
  url: nonEmptyText.optional(),
  ...remoteKeys,
  type: textAs(parseServerType, `${SERVER_TYPE_RULE}.`).optional(),
  disabled: z.boolean().default(false),
  disabled_tools: toolNames.default(new Set()),
  isolation: z.enum(['shared', 'user', 'chat']).optional(),
  userVars: mapOf(userVariable, undefined, variableName).default(new Map()),
  customUserVars: mapOf(customUserVariable, undefined, variableName).default(new Map()),
  discovery: textsByName.optional(),
  forwardCallerToken: z.boolean().default(false),
});

/** Keys that have no effect on a server of the other kind. */
export const stdioServerKeys: ReadonlySet<string> = new Set(Object.keys(stdioKeys));
export const remoteServerKeys: ReadonlySet<string> = new Set(Object.keys({ ...remoteKeys, ...remoteSettings }));

export type ServerSettings = Readonly<z.infer<typeof settingsSchema>>;
export type ServerEntry = ServerSettings & Readonly<z.infer<typeof entrySchema>>;

/** Keys that restrict something: misspelt, they would leave it open. */
export const restrictingServerKeys: ReadonlySet<string> = new Set(
  'access allowedHosts client_header_forwarding disabled disabledTools disabled_tools enabledTools isolation limits runAs sandbox'.split(
    ' ',
  ),
);
