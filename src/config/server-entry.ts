import { checkShape, reportUnknownKeys } from './check-shape.ts';
import type { ConfigPlace } from './config-report.ts';
import { readRemoteTransport } from './read-remote-transport.ts';
import { readStdioTransport } from './read-stdio-transport.ts';
import type { Isolation, ServerConfig, TransportConfig, UserVariable } from './server-config.ts';
import type { EntryContext, ServerContext } from './server-context.ts';
import { restrictingServerKeys, type ServerEntry, serverSchema } from './servers-file-schema.ts';
import { TemplateReader } from './template-reader.ts';
import { readDiscovery, readUserVariables } from './user-variables.ts';

const STDIO_KEYS = 'args env cwd envFile inheritEnv allowUserPlaceholdersInArgs runAs sandbox limits'.split(' ');
const REMOTE_KEYS = 'headers client_header_forwarding allowPrivateAddresses rawUrlPlaceholders allowedHosts'.split(' ');

/** Paths of the service itself, which a server of that name would hide. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(
  'docs redoc openapi.json healthz readyz metrics vault admin oauth files .well-known'.split(' '),
);

/**
 * One entry of `mcpServers`, read whole: problems and warnings are reported at the place.
 * `undefined` if the server is disabled or the entry cannot be used.
 */
export function readServer(
  name: string,
  value: unknown,
  place: ConfigPlace,
  context: ServerContext,
): ServerConfig | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    place.problem('must be an object with "command" or "url".');
    return undefined;
  }
  // `null` counts as unset, but not as "no restriction".
  const given = Object.fromEntries(
    Object.entries(value).filter(([key, setting]) => setting !== null || key === 'access'),
  );
  // The rest of a disabled entry does not matter, not even whether it could be used.
  if (given.disabled === true) return undefined;

  const nameProblem = serverNameProblem(name);
  if (nameProblem !== undefined) place.problem(nameProblem);
  const { oauth, ...others } = given;
  if (oauth !== undefined) place.at('oauth').warning('is not supported by this version yet and has no effect.');
  reportUnknownKeys(others, Object.keys(serverSchema.shape), place, restrictingServerKeys);
  const entry = checkShape(serverSchema, given, place);
  if (entry === undefined) return undefined;

  const userVars = readUserVariables(entry, place);
  const templates = new TemplateReader({
    environment: context.environment,
    userVariables: new Set(userVars.keys()),
    inputs: new Set(context.inputs.keys()),
    forwardsCallerToken: entry.forwardCallerToken,
    secrets: context.secrets,
  });
  const entryContext: EntryContext = { ...context, entry, place, templates };
  const transport = readTransport(entryContext);
  if (transport === undefined) return undefined;
  warnOfKeysWithoutEffect(given, transport, place);
  settleVariables(userVars, templates.usedVariables, place, context.inputs);
  const isolation = settleIsolation(entry, templates.hasUserPlaceholders, place);
  const discovery = readDiscovery(entryContext, userVars, isolation);
  return toServerConfig(entry, { name, transport, isolation, userVars, discovery }, context);
}

/** Combines an entry, what was read from it and the file's defaults. */
export function toServerConfig(
  entry: ServerEntry,
  read: Pick<ServerConfig, 'name' | 'transport' | 'isolation' | 'userVars' | 'discovery'>,
  defaults: Pick<ServerConfig, 'toolErrorStatus' | 'resultImages'>,
): ServerConfig {
  const forwarding = entry.client_header_forwarding;
  return {
    ...read,
    required: entry.required,
    disabledTools: toToolNames([...entry.disabledTools, ...entry.disabled_tools]),
    enabledTools: entry.enabledTools && toToolNames(entry.enabledTools),
    startTimeoutMs: entry.startTimeoutMs,
    timeoutMs: entry.timeoutMs,
    idleTimeoutMs: entry.idleTimeoutMs,
    maxConcurrency: entry.maxConcurrency,
    maxConcurrencyPerUser: entry.maxConcurrencyPerUser,
    maxSessions: entry.maxSessions,
    maxResultBytes: entry.maxResultBytes,
    toolErrorStatus: entry.toolErrorStatus ?? defaults.toolErrorStatus,
    resultImages: entry.resultImages ?? defaults.resultImages,
    access: entry.access,
    clientHeaderForwarding: forwarding?.enabled
      ? { whitelist: lowerCase(forwarding.whitelist), blacklist: lowerCase(forwarding.blacklist) }
      : undefined,
    allowPrivateAddresses: entry.allowPrivateAddresses,
    rawUrlPlaceholders: entry.rawUrlPlaceholders,
    allowedHosts: entry.allowedHosts,
  };
}

/** Why a name cannot be a server's, or `undefined` if it can. */
export function serverNameProblem(name: string): string | undefined {
  if (name === '') return 'a server needs a name.';
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) {
    return 'a server name may contain letters (a-z, A-Z), digits, "-", "_" and "." only, because it is part of the URL; rename it.';
  }
  if (name === '.' || name === '..') return 'a server name of dots only cannot be part of a URL; rename it.';
  if (RESERVED_NAMES.has(name)) return `the name is taken by the service's own /${name}; rename the server.`;
  return undefined;
}

function readTransport(context: EntryContext): TransportConfig | undefined {
  const { entry, place } = context;
  const { command, url, type } = entry;
  if (command !== undefined && url !== undefined) {
    place.problem('has both "command" and "url"; keep the one that starts or reaches the server.');
  } else if (command !== undefined) {
    if (type === undefined || type === 'stdio') return readStdioTransport(command, context);
    place.at('type').problem(`${type} needs "url", not "command".`);
  } else if (url !== undefined) {
    if (type !== 'stdio') return readRemoteTransport(url, context);
    place.at('type').problem('stdio needs "command", not "url".');
  } else {
    place.problem('has neither "command" (a program to start) nor "url" (a server to reach).');
  }
  return undefined;
}

function settleIsolation(entry: ServerEntry, hasUserPlaceholders: boolean, place: ConfigPlace): Isolation {
  if (entry.isolation === 'shared' && hasUserPlaceholders) {
    const message =
      'cannot be "shared": the server\'s settings contain values of a user; leave it out, or set it to "user".';
    place.at('isolation').problem(message);
  }
  return entry.isolation ?? (hasUserPlaceholders ? 'user' : 'shared');
}

/** Adds the inputs that the server names, and warns of variables that it does not. */
function settleVariables(
  variables: Map<string, UserVariable>,
  used: ReadonlySet<string>,
  place: ConfigPlace,
  inputs: ReadonlyMap<string, UserVariable>,
): void {
  for (const [name] of variables) {
    if (used.has(name)) continue;
    const message = `users are asked for the variable ${name}, but nothing uses it; name it as \${${name}} in "env", "headers" or "url".`;
    place.warning(message);
  }
  for (const name of used) {
    const input = inputs.get(name);
    if (input !== undefined && !variables.has(name)) variables.set(name, input);
  }
}

/** With composed letters, as the names of tools are compared with them. */
function toToolNames(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.normalize('NFC')));
}

function lowerCase(names: readonly string[]): readonly string[] {
  return names.map((name) => name.toLowerCase());
}

function warnOfKeysWithoutEffect(given: object, { type }: TransportConfig, place: ConfigPlace): void {
  const isStdio = type === 'stdio';
  for (const key of Object.keys(given)) {
    if (!(isStdio ? REMOTE_KEYS : STDIO_KEYS).includes(key)) continue;
    const how = isStdio ? 'started by "command"' : 'reached by "url"';
    place.at(key).warning(`has no effect on a server that is ${how}.`);
  }
}
