import { basename } from 'node:path';
import { UsageError } from '../errors.ts';
import { literalTemplate } from '../placeholders/parse-template.ts';
import type { ServiceOptions } from './arguments.ts';
import type { ConfiguredSecrets } from './configured-secrets.ts';
import { type ConfinementContext, unconfiguredConfinement } from './confinement.ts';
import { inheritedEnvironment } from './inherited-environment.ts';
import type { ServerConfig, TransportConfig } from './server-config.ts';
import { serverNameProblem } from './server-name.ts';
import { serverSchema } from './servers-file-schema.ts';

export interface SingleServerOptions {
  readonly environment: ReadonlyMap<string, string>;
  readonly given: ReadonlyMap<string, string>;
  readonly platform: NodeJS.Platform;
  readonly secrets: ConfiguredSecrets;
  readonly confinement: ConfinementContext;
}

/**
 * The one server that stands after `--`. Its words are taken as they are: the shell has already expanded what the
 * admin wanted expanded. Throws `UsageError` if there is none.
 */
export function singleServer(options: ServiceOptions, context: SingleServerOptions): ServerConfig {
  const defaults = serverSchema.parse({});
  return {
    name: nameOf(options),
    transport: toTransport(options, context),
    isolation: 'shared',
    required: false,
    disabledTools: new Set(),
    enabledTools: undefined,
    startTimeoutMs: defaults.startTimeoutMs,
    timeoutMs: defaults.timeoutMs,
    idleTimeoutMs: defaults.idleTimeoutMs,
    maxConcurrency: defaults.maxConcurrency,
    maxSessions: defaults.maxSessions,
    maxResultBytes: defaults.maxResultBytes,
    toolErrorStatus: 500,
    resultImages: 'data',
    access: undefined,
    clientHeaderForwarding: undefined,
    userVars: new Map(),
  };
}

function toTransport(options: ServiceOptions, context: SingleServerOptions): TransportConfig {
  const [first, ...args] = options.positional;
  if (first === undefined) throw new UsageError('There is no server: put its command after --, or use --config.');
  const type = options.serverType ?? 'stdio';
  const { environment, given, platform, secrets, confinement } = context;
  if (type === 'stdio') {
    secrets.addArguments(args);
    return {
      type,
      command: literalTemplate(first),
      args: args.map(literalTemplate),
      env: new Map(),
      cwd: undefined,
      inheritedEnv: inheritedEnvironment({ environment, inheritEnv: [], given, platform }),
      confinement: unconfiguredConfinement(confinement),
    };
  }
  secrets.addUrl(first);
  for (const value of options.header.values()) secrets.addHeader(value);
  return {
    type,
    url: literalTemplate(first),
    headers: new Map([...options.header].map(([name, value]) => [name, literalTemplate(value)])),
  };
}

/** What messages and metrics call the server: its program or host, if that can be a server's name. */
function nameOf(options: ServiceOptions): string {
  const [first = ''] = options.positional;
  const isRemote = options.serverType !== undefined && options.serverType !== 'stdio';
  const name = isRemote ? new URL(first).hostname : basename(first).replace(/\.(exe|cmd|bat)$/i, '');
  return serverNameProblem(name) === undefined ? name : 'server';
}
