import { z } from 'zod';
import { argumentRules } from './argument-rules.ts';
import { confinementKeys } from './confinement.ts';
import { redactedResults } from './redacted-results.ts';
import {
  count,
  mapOf,
  nonEmptyText,
  resultImages,
  spellingsOf,
  text,
  textAs,
  texts,
  toolErrorStatus,
} from './shapes.ts';
import { parseServerType, SERVER_TYPE_RULE, serverTypeNames } from './spellings.ts';
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
const accessLists = {
  roles: texts.optional().describe('Roles that are allowed, such as `admin`.'),
  users: texts.optional().describe('Ids of users that are allowed, as their issuer gives them.'),
  groups: texts.optional().describe('Groups that are allowed.'),
};
const hasList = ({ roles, users, groups }: { roles?: unknown; users?: unknown; groups?: unknown }): boolean =>
  [roles, users, groups].some((list) => list !== undefined);
const toolAccess = z
  .strictObject(accessLists)
  .refine(
    hasList,
    'names nobody and restricts nothing; give it "roles", "users" or "groups", or leave it out. An empty list means nobody.',
  )
  .meta({ anyOf: Object.keys(accessLists).map((key) => ({ required: [key] })) });
const access = z
  .strictObject({
    ...accessLists,
    tools: mapOf(toolAccess, 'must be an object that maps a tool to who may use it.')
      .default(new Map())
      .describe('Lists for single tools, by their own name, in which `*` stands for any characters.'),
  })
  .refine(
    (lists) => hasList(lists) || lists.tools.size > 0,
    'restricts nothing; give it "roles", "users", "groups" or "tools", or leave it out. An empty list means nobody.',
  )
  .meta({ anyOf: [...Object.keys(accessLists), 'tools'].map((key) => ({ required: [key] })) });

/** Settings of a server that is reached by `url`. */
const remoteSettings = {
  /** A url with a user's value in it may lead to a private address. */
  allowPrivateAddresses: z
    .boolean()
    .default(false)
    .describe("A `url` that contains a user's value may lead to a private address."),
  /** Values of users are put into the url as they are, and not percent-encoded. */
  rawUrlPlaceholders: z
    .boolean()
    .default(false)
    .describe("Users' values are put into `url` as they are, and not percent-encoded."),
  /** Hosts to which the url may lead, as `isAllowedHost` reads them; `undefined`: the host is the admin's own text. */
  allowedHosts: texts
    .min(1, 'names no host; leave it out, or name one.')
    .optional()
    .describe('Hosts to which `url` may lead, such as `mcp.example.org` or `*.example.org`.'),
};

/** The keys of a server's entry that `ServerConfig` has as they stand. */
export const settingsSchema = z.object({
  title: nonEmptyText
    .optional()
    .describe(
      'What people call the server, on pages, in messages and for models; unset: its own title, else its name.',
    ),
  required: z.boolean().default(false).describe('`/readyz` answers 503 until this server is ready.'),
  disabledTools: toolNames.default(new Set()).describe('Exact names of tools that are left out.'),
  /** `undefined`: all tools but the disabled ones. */
  enabledTools: toolNames.optional().describe('Exact names of the only tools that are served; unset: all.'),
  /** What callers see of a tool, by the server's own name for it. */
  tools: toolOverrides.default(new Map()).describe("What callers see of a tool, by the server's own name for it."),
  startTimeoutMs: milliseconds
    .optional()
    .describe(
      'How long a start may take, in milliseconds. Unset: 180000 for a `command`, which may have to be downloaded first, and 30000 for a `url`.',
    ),
  timeoutMs: milliseconds
    .default(300_000)
    .describe('How long a call may take, in milliseconds, counted anew after each progress notification.'),
  idleTimeoutMs: milliseconds
    .default(900_000)
    .describe('A session of a user or chat ends after this time without a call, in milliseconds.'),
  maxConcurrency: count
    .optional()
    .describe(
      'Calls that run at once; sixteen times as many may wait, further ones are answered with 503. Unset: 64, or 1024 where each user or chat has a session.',
    ),
  /** Calls of one user or key at once; `undefined`: all but a quarter of `maxConcurrency`. */
  maxConcurrencyPerUser: count
    .optional()
    .describe(
      'Calls of one user or key that run at once; without a key, of one address. Unset: three quarters of `maxConcurrency`, or 48 if that is unset too.',
    ),
  maxSessions: count
    .optional()
    .describe(
      'Sessions of users and chats at once. Unset: as many processes as fit into three quarters of the memory at 40 MiB each; of a remote server as many as `MCPO_MAX_SESSIONS`.',
    ),
  maxResultBytes: count.default(32 * 1024 * 1024).describe('What is larger of a result is cut, or refused; in bytes.'),
  oversizedResults: z
    .enum(['cut', 'refuse'], { error: 'must be "cut" or "refuse".' })
    .default('cut')
    .describe(
      'Of a result larger than `maxResultBytes`, its beginning and a sentence are returned, or it is refused with 502. One larger than 32 MiB and `maxResultBytes` is always refused.',
    ),
  /** The HTTP status for a tool's own `isError`. */
  toolErrorStatus: toolErrorStatus.describe('HTTP status of the answer when a tool reports an error.'),
  /** How a result contains images and audio: as `data:` URIs, or as URLs of files that are stored for a while. */
  resultImages: resultImages.describe(
    'How an answer contains images and audio: as `data:` URIs, or as URLs of files that are kept for an hour.',
  ),
  /** Who may use it; `undefined`: everyone whose scopes allow it. */
  access: access
    .optional()
    .describe(
      'Who may use the server; unset: everyone whose scopes allow it. A user named in any of the lists is allowed; an empty list allows no one.',
    ),
  /** By the server's own name for a tool, or a pattern of names. */
  rules: argumentRules
    .optional()
    .describe("What arguments may be, by the tool's own name (`*` stands for any characters), then by argument."),
  redactResults: redactedResults
    .optional()
    .describe(
      'What is replaced in results: `private-keys`, `web-tokens`, `keys`, `emails`, `card-numbers`, or own patterns.',
    ),
  ...remoteSettings,
});

const stdioKeys = {
  args: z.array(scalarText).default([]).describe('Arguments of `command`.'),
  env: textsByName.default(new Map()).describe('Environment variables of the program.'),
  cwd: nonEmptyText.optional().describe("Working folder of the program; a relative one counts from the file's folder."),
  envFile: nonEmptyText
    .optional()
    .describe("Dotenv file with variables of the program; a relative one counts from the file's folder."),
  inheritEnv: z
    .union([z.literal('*'), texts], { error: 'must be a list of names, or "*" for the whole environment.' })
    .default([])
    .describe('Further variables of the service\'s environment that the program gets, such as `AWS_*`; `"*"`: all.'),
  allowUserPlaceholdersInArgs: z
    .boolean()
    .default(false)
    .describe("`args` may contain users' values, which the process list then shows."),
  ...confinementKeys,
};
const remoteKeys = {
  headers: textsByName.default(new Map()).describe('HTTP headers that the server gets, such as `Authorization`.'),
  client_header_forwarding: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Turns it on.'),
      whitelist: headerNames.describe('The only headers that are passed on; empty: all but those in `blacklist`.'),
      blacklist: headerNames.describe('Headers that are not passed on.'),
    })
    .transform(({ enabled, ...lists }) => (enabled ? lists : undefined))
    .optional()
    .describe("Headers of the caller's request that the server gets; never credentials, cookies or identity."),
};

/** The other keys, of which the transport, the user variables and the isolation are made. */
export const entrySchema = z.object({
  command: nonEmptyText.optional().describe('The program that is started, which speaks MCP over stdio.'),
  ...stdioKeys,
  url: nonEmptyText.optional().describe('Where a remote server is reached.'),
  ...remoteKeys,
  type: textAs(parseServerType, `${SERVER_TYPE_RULE}.`)
    .optional()
    .meta({
      ...spellingsOf(serverTypeNames),
      description: 'Transport; a `url` without it is tried as streamable HTTP first, then as SSE.',
    }),
  disabled: z.boolean().default(false).describe('The server is left out.'),
  disabled_tools: toolNames.default(new Set()).describe("mcpo's name for `disabledTools`."),
  isolation: z
    .enum(['shared', 'user', 'chat'])
    .optional()
    .describe("Who shares a session; unset: `user` if the settings contain a user's value, else `shared`."),
  userVars: mapOf(userVariable, undefined, variableName)
    .default(new Map())
    .describe('Values that each user enters for themselves, by name.'),
  customUserVars: mapOf(customUserVariable, undefined, variableName)
    .default(new Map())
    .describe("LibreChat's name for `userVars`."),
  callMeta: textsByName
    .default(new Map())
    .describe(
      "Entries of `_meta` that the server gets with each call; they may contain the caller's values, and the session stays shared.",
    ),
  discovery: textsByName
    .optional()
    .describe('Values of user variables with which the service itself lists the tools; it calls none with them.'),
  forwardCallerToken: z
    .boolean()
    .default(false)
    .describe("`${user.token}`, the caller's own access token, may be sent to this server."),
});

/** Keys that have no effect on a server of the other kind. */
export const stdioServerKeys: ReadonlySet<string> = new Set(Object.keys(stdioKeys));
export const remoteServerKeys: ReadonlySet<string> = new Set(Object.keys({ ...remoteKeys, ...remoteSettings }));

export type ServerSettings = Readonly<z.infer<typeof settingsSchema>>;
export type ServerEntry = ServerSettings & Readonly<z.infer<typeof entrySchema>>;

/** Keys that restrict something: misspelt, they would leave it open. */
export const restrictingServerKeys: ReadonlySet<string> = new Set(
  'access allowedHosts client_header_forwarding disabled disabledTools disabled_tools enabledTools isolation limits redactResults rules runAs sandbox'.split(
    ' ',
  ),
);
