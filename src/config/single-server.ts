import { basename } from 'node:path';
import { UsageError } from '../errors.ts';
import { literalTemplate } from '../placeholders/parse-template.ts';
import type { ConfiguredSecrets } from './configured-secrets.ts';
import { unconfiguredConfinement } from './confinement.ts';
import { inheritedEnvironment } from './environment-variables.ts';
import type { ServerConfig, TransportConfig } from './server-config.ts';
import type { ChildContext } from './server-context.ts';
import { serverNameProblem, toServerConfig } from './server-entry.ts';
import { serverSchema } from './servers-file-schema.ts';
import type { ServiceOptions } from './service-options.ts';

/**
 * The one server after `--`. Its words are taken as they are: the shell has already expanded what the
 * admin wanted expanded. Throws `UsageError` if there is none.
 */
export function singleServer(options: ServiceOptions, context: ChildContext, secrets: ConfiguredSecrets): ServerConfig {
  const read = {
    name: nameOf(options),
    transport: toTransport(options, context, secrets),
    isolation: 'shared',
    userVars: new Map(),
    discovery: undefined,
  } as const;
  return toServerConfig(serverSchema.parse({}), read, { toolErrorStatus: 500, resultImages: 'data' });
}

function toTransport(
  { positional, serverType = 'stdio', header }: ServiceOptions,
  { confinement, ...child }: ChildContext,
  secrets: ConfiguredSecrets,
): TransportConfig {
  const [first, ...args] = positional;
  if (first === undefined) throw new UsageError('There is no server: put its command after --, or use --config.');
  if (serverType === 'stdio') {
    secrets.addArguments(args);
    return {
      type: serverType,
      command: literalTemplate(first),
      args: args.map(literalTemplate),
      env: new Map(),
      cwd: undefined,
      inheritedEnv: inheritedEnvironment({ ...child, inheritEnv: [] }),
      confinement: unconfiguredConfinement(confinement),
    };
  }
  secrets.addUrl(first);
  for (const value of header.values()) secrets.addHeader(value);
  return {
    type: serverType,
    url: literalTemplate(first),
    headers: new Map([...header].map(([name, value]) => [name, literalTemplate(value)])),
  };
}

/** What messages and metrics call the server: its program or host, if that can be a server's name. */
function nameOf({ positional: [first = ''], serverType = 'stdio' }: ServiceOptions): string {
  const name = serverType === 'stdio' ? basename(first).replace(/\.(exe|cmd|bat)$/i, '') : new URL(first).hostname;
  return serverNameProblem(name) === undefined ? name : 'server';
}
