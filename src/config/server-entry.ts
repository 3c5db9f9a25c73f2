import { readCallMeta } from './call-meta.ts';
import { checkShape, reportUnknownKeys } from './check-shape.ts';
import type { ConfigPlace } from './config-report.ts';
import { describeMisspeltTransport } from './misplaced-servers.ts';
import { nearestName } from './nearest-name.ts';
import { readRemoteTransport } from './read-remote-transport.ts';
import { readStdioTransport } from './read-stdio-transport.ts';
import type { Isolation, ServerConfig, TransportConfig } from './server-config.ts';
import type { ServerContext } from './server-context.ts';
import {
  entrySchema,
  remoteServerKeys,
  restrictingServerKeys,
  type ServerSettings,
  settingsSchema,
  stdioServerKeys,
} from './server-schema.ts';
import { isObject } from './shapes.ts';
import { type EntryContext, TemplateReader } from './template-reader.ts';
import { readUserVariables, type UserVariable } from './user-variables.ts';

/** Paths of the service itself, which a server of that name would hide. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(
  'docs redoc openapi.json healthz readyz metrics vault admin oauth files .well-known'.split(' '),
);

const knownKeys: ReadonlySet<string> = new Set([
  ...Object.keys(settingsSchema.shape),
  ...Object.keys(entrySchema.shape),
]);

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
  if (!isObject(value)) {
    place.problem('must be an object with "command" or "url".');
    return undefined;
  }
  // `null` counts as unset, but not as "no restriction".
  const given = Object.fromEntries(
    Object.entries(value).filter(
      ([key, setting]) => setting !== null || ['access', 'redactResults', 'rules'].includes(key),
    ),
  );
  // The rest of a disabled entry does not matter, not even whether it could be used.
  if (given.disabled === true) return undefined;

  const nameProblem = serverNameProblem(name);
  if (nameProblem !== undefined) place.problem(nameProblem);
  const { oauth, ...others } = given;
  if (oauth !== undefined) place.at('oauth').warning('is not supported by this version yet and has no effect.');
  reportUnknownKeys(others, [...knownKeys], place, restrictingServerKeys);
  if (Array.isArray(given.command)) {
    place.at('command').problem('is a list; put its first word into "command" and the others into "args".');
    return undefined;
  }
  const settings = checkShape(settingsSchema, { ...context.defaults, ...given }, place);
  const entry = checkShape(entrySchema, given, place);
  if (settings === undefined || entry === undefined) return undefined;

  const userVars = readUserVariables(entry, given, place);
  const templates = new TemplateReader(context, userVars, entry.forwardCallerToken);
  const entryContext: EntryContext = { ...context, entry: { ...settings, ...entry }, place, templates };
  const transport = readTransport(entryContext, given);
  if (transport === undefined) return undefined;
  warnOfKeysWithoutEffect(given, transport, place);
  const ofCalls = new TemplateReader(context, userVars, entry.forwardCallerToken);
  const callMeta = readCallMeta({ ...entryContext, templates: ofCalls });
  const used = new Set([...templates.usedVariables, ...ofCalls.usedVariables]);
  settleVariables(userVars, used, place, context.inputs);
  const isolation = settleIsolation(entry.isolation, templates.hasUserPlaceholders, place);
  return {
    ...settings,
    ...defaultSizes(settings, transport, isolation),
    disabledTools: new Set([...settings.disabledTools, ...entry.disabled_tools]),
    name,
    transport,
    isolation,
    callMeta,
    clientHeaderForwarding: entry.client_header_forwarding,
    userVars,
    discovery: readDiscovery(entryContext, userVars, isolation),
    ...(templates.unresolved.length > 0 && { unresolved: templates.unresolved }),
  };
}

/** What is unset and depends on the kind of server. */
export function defaultSizes(
  { startTimeoutMs, maxConcurrency, maxConcurrencyPerUser }: Partial<ServerSettings>,
  { type }: Pick<TransportConfig, 'type'>,
  isolation: Isolation,
) {
  return {
    // npx and uvx download a package at the first start.
    startTimeoutMs: startTimeoutMs ?? (type === 'stdio' ? 180_000 : 30_000),
    maxConcurrency: maxConcurrency ?? (isolation === 'shared' ? 64 : 1_024),
    maxConcurrencyPerUser: maxConcurrencyPerUser ?? (maxConcurrency === undefined ? 48 : undefined),
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

function readTransport(context: EntryContext, given: Readonly<Record<string, unknown>>): TransportConfig | undefined {
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
    const remedy = describeMisspeltTransport(given, knownKeys);
    const message = 'has neither "command" (a program to start) nor "url" (a server to reach)';
    place.problem(remedy === undefined ? `${message}.` : `${message}; ${remedy}`);
  }
  return undefined;
}

function settleIsolation(
  isolation: Isolation | undefined,
  hasUserPlaceholders: boolean,
  place: ConfigPlace,
): Isolation {
  if (isolation === 'shared' && hasUserPlaceholders) {
    const message =
      'cannot be "shared": the server\'s settings contain values of a user; leave it out, or set it to "user".';
    place.at('isolation').problem(message);
  }
  return isolation ?? (hasUserPlaceholders ? 'user' : 'shared');
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
    const message = `users are asked for the variable ${name}, but nothing uses it; name it as \${${name}} in "env", "headers", "url" or "callMeta".`;
    place.warning(message);
  }
  for (const name of used) {
    const input = inputs.get(name);
    if (input !== undefined && !variables.has(name)) variables.set(name, input);
  }
}

function warnOfKeysWithoutEffect(given: object, { type }: TransportConfig, place: ConfigPlace): void {
  const [others, how] =
    type === 'stdio' ? [remoteServerKeys, 'started by "command"'] : [stdioServerKeys, 'reached by "url"'];
  for (const key of Object.keys(given)) {
    if (others.has(key)) place.at(key).warning(`has no effect on a server that is ${how}.`);
  }
}

/**
 * A server's `discovery`. Without it, a server whose settings are the same for every user can list its tools all the
 * same; `undefined`: the tools are known only from a user's session. A value that is empty, as `${NAME:-}` is without
 * the variable, is none, and without a value that it needs there is no discovery.
 */
function readDiscovery(
  { entry, templates, place, secrets }: EntryContext,
  variables: ReadonlyMap<string, UserVariable>,
  isolation: Isolation,
): ReadonlyMap<string, string> | undefined {
  const root = place.at('discovery');
  if (entry.discovery === undefined) {
    return isolation === 'shared' || templates.hasUserPlaceholders ? undefined : new Map();
  }
  if (isolation === 'shared') {
    root.warning('has no effect on a server that all users share.');
    return undefined;
  }
  const values = new Map<string, string>();
  const unset = new Set<string>();
  for (const [name, text] of entry.discovery) {
    const at = root.at(name);
    if (!variables.has(name)) {
      const nearest = nearestName(name, variables.keys());
      const hint = nearest === undefined ? '.' : `; did you mean "${nearest}"?`;
      at.problem(`is not a user variable of this server${hint}`);
      continue;
    }
    const value = templates.readDiscovery(text, at);
    if (value === undefined) continue;
    // `${NAME:-}` of a variable that is not set: whoever runs the service gives none.
    if (value === '') {
      unset.add(name);
      continue;
    }
    if (/[\r\n]/.test(value)) at.problem('contains a line break.');
    secrets.add(value);
    values.set(name, value);
  }
  for (const [name, { required, default: given }] of variables) {
    if (!required || given !== undefined || entry.discovery.has(name)) continue;
    root.problem(`lacks a value for ${name}, which is required and has no default.`);
  }
  const isNeeded = (name: string) => {
    const { required, default: given } = variables.get(name) ?? {};
    return values.size === 0 || (required && given === undefined);
  };
  return [...unset].some(isNeeded) ? undefined : values;
}
