import { checkShape } from './check-shape.ts';
import type { ConfigPlace, ConfigReport } from './config-report.ts';
import type { ConfiguredSecrets } from './configured-secrets.ts';
import type { ConfinementContext } from './confinement.ts';
import { readDiscovery } from './discovery-values.ts';
import type { JsonPath } from './json-document.ts';
import { nearestName } from './nearest-name.ts';
import { readRemoteTransport } from './remote-transport.ts';
import type {
  ClientHeaderForwarding,
  Isolation,
  ResultImages,
  ServerConfig,
  TransportConfig,
  UserVariable,
} from './server-config.ts';
import { serverNameProblem } from './server-name.ts';
import { restrictingServerKeys, type ServerEntry, serverSchema, unsupportedServerKeys } from './servers-file-schema.ts';
import { readStdioTransport } from './stdio-transport.ts';
import { TemplateReader } from './template-reader.ts';
import { readUserVariables, unknownKeyMessage } from './user-variables.ts';

/** What all servers of a file have in common. */
export interface ServerContext {
  /** The servers file's folder. */
  readonly folder: string;
  readonly environment: ReadonlyMap<string, string>;
  /** `--env` and `--env-path`, which every child process gets. */
  readonly given: ReadonlyMap<string, string>;
  readonly platform: NodeJS.Platform;
  readonly inputs: ReadonlyMap<string, UserVariable>;
  /** For servers without their own. */
  readonly toolErrorStatus: number;
  /** For servers without their own. */
  readonly resultImages: ResultImages;
  readonly confinement: ConfinementContext;
  /** Told of each file just before it is read. */
  readonly onRead?: ((file: string) => void) | undefined;
  readonly report: ConfigReport;
  readonly secrets: ConfiguredSecrets;
}

const stdioKeys: ReadonlySet<string> = new Set([
  'args',
  'env',
  'cwd',
  'envFile',
  'inheritEnv',
  'allowUserPlaceholdersInArgs',
  'runAs',
  'sandbox',
  'limits',
]);
const remoteKeys: ReadonlySet<string> = new Set([
  'headers',
  'client_header_forwarding',
  'allowPrivateAddresses',
  'rawUrlPlaceholders',
  'allowedHosts',
]);

/**
 * One entry of `mcpServers`, read whole: problems and warnings go to the report.
 * `undefined` if the server is disabled or nothing can be made of the entry.
 */
export function readServer(
  name: string,
  value: unknown,
  path: JsonPath,
  context: ServerContext,
): ServerConfig | undefined {
  const { report, secrets } = context;
  const place: ConfigPlace = { path, server: name };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report.problem(place, 'must be an object with "command" or "url".');
    return undefined;
  }
  // `null` counts as unset, but not as "no restriction".
  const given = Object.fromEntries(
    Object.entries(value).filter(([key, setting]) => setting !== null || key === 'access'),
  );
  // What a disabled server says does not matter, not even whether it could be used.
  if (given.disabled === true) return undefined;

  const nameProblem = serverNameProblem(name);
  if (nameProblem !== undefined) report.problem(place, nameProblem);
  reportUnknownKeys(given, place, report);
  const entry = checkShape(serverSchema, given, place, report);
  if (entry === undefined) return undefined;

  const variables = readUserVariables(entry, place, report);
  const templates = new TemplateReader({
    server: place,
    environment: context.environment,
    userVariables: new Set(variables.keys()),
    inputs: new Set(context.inputs.keys()),
    forwardsCallerToken: entry.forwardCallerToken,
    report,
    secrets,
  });
  const transport = readTransport(entry, place, templates, context);
  if (transport === undefined) return undefined;
  warnOfKeysWithoutEffect(given, transport, place, report);
  settleVariables(variables, templates.usedVariables, place, context);
  const isolation = settleIsolation(entry, templates.hasUserPlaceholders, place, report);

  return {
    name,
    transport,
    isolation,
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
    toolErrorStatus: entry.toolErrorStatus ?? context.toolErrorStatus,
    resultImages: entry.resultImages ?? context.resultImages,
    access: entry.access,
    clientHeaderForwarding: toForwarding(entry),
    userVars: variables,
    allowPrivateAddresses: entry.allowPrivateAddresses,
    rawUrlPlaceholders: entry.rawUrlPlaceholders,
    allowedHosts: entry.allowedHosts,
    discovery: readDiscovery({ entry, variables, isolation, templates, place, report, secrets }),
  };
}

function readTransport(
  entry: ServerEntry,
  place: ConfigPlace,
  templates: TemplateReader,
  context: ServerContext,
): TransportConfig | undefined {
  const { command, url, type } = entry;
  const { report } = context;
  if (command !== undefined && url !== undefined) {
    report.problem(place, 'has both "command" and "url"; keep the one that starts or reaches the server.');
    return undefined;
  }
  if (command === undefined && url === undefined) {
    report.problem(place, 'has neither "command" (a program to start) nor "url" (a server to reach).');
    return undefined;
  }
  if (command !== undefined) {
    if (type !== undefined && type !== 'stdio') {
      report.problem({ ...place, path: [...place.path, 'type'], key: 'type' }, `${type} needs "url", not "command".`);
      return undefined;
    }
    return readStdioTransport({ ...context, entry, command, place, templates });
  }
  if (url === undefined) return undefined;
  if (type === 'stdio') {
    report.problem({ ...place, path: [...place.path, 'type'], key: 'type' }, 'stdio needs "command", not "url".');
    return undefined;
  }
  return readRemoteTransport({ entry, url, type, place, templates, secrets: context.secrets, report });
}

function settleIsolation(
  entry: ServerEntry,
  hasUserPlaceholders: boolean,
  place: ConfigPlace,
  report: ConfigReport,
): Isolation {
  if (entry.isolation === 'shared' && hasUserPlaceholders) {
    const message = 'cannot be "shared": the server\'s settings hold values of a user; leave it out, or say "user".';
    report.problem({ ...place, path: [...place.path, 'isolation'], key: 'isolation' }, message);
  }
  return entry.isolation ?? (hasUserPlaceholders ? 'user' : 'shared');
}

/** Adds the inputs that the server names, and tells of variables that it does not. */
function settleVariables(
  variables: Map<string, UserVariable>,
  used: ReadonlySet<string>,
  place: ConfigPlace,
  context: ServerContext,
): void {
  for (const [name] of variables) {
    if (used.has(name)) continue;
    const message = `user variable ${name} is asked of users but used nowhere; name it as \${${name}} in "env", "headers" or "url".`;
    context.report.warning(place, message);
  }
  for (const name of used) {
    const input = context.inputs.get(name);
    if (input !== undefined && !variables.has(name)) variables.set(name, input);
  }
}

/** With composed letters, as the names of tools are compared with them. */
function toToolNames(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.normalize('NFC')));
}

function toForwarding(entry: ServerEntry): ClientHeaderForwarding | undefined {
  const forwarding = entry.client_header_forwarding;
  if (!forwarding?.enabled) return undefined;
  return {
    whitelist: forwarding.whitelist.map((name) => name.toLowerCase()),
    blacklist: forwarding.blacklist.map((name) => name.toLowerCase()),
  };
}

/** A key that nothing reads is warned of; one that is almost a restriction is an error, since it leaves the server open. */
function reportUnknownKeys(given: object, place: ConfigPlace, report: ConfigReport): void {
  const known = Object.keys(serverSchema.shape);
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    const at = { ...place, path: [...place.path, key] };
    const nearest = nearestName(key, known);
    if (unsupportedServerKeys.has(key)) {
      report.warning(at, `"${key}" is not supported by this version yet and has no effect.`);
    } else if (nearest !== undefined && restrictingServerKeys.has(nearest)) {
      report.problem({ ...at, key }, `is not a known key; did you mean "${nearest}"?`);
    } else {
      report.warning(at, unknownKeyMessage(key, known));
    }
  }
}

function warnOfKeysWithoutEffect(
  given: object,
  transport: TransportConfig,
  place: ConfigPlace,
  report: ConfigReport,
): void {
  const isStdio = transport.type === 'stdio';
  for (const key of Object.keys(given)) {
    if (!(isStdio ? remoteKeys : stdioKeys).has(key)) continue;
    const message = `has no effect on a server that is ${isStdio ? 'started by "command"' : 'reached by "url"'}.`;
    report.warning({ ...place, path: [...place.path, key], key }, message);
  }
}
