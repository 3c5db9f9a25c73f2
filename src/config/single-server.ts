import { basename } from 'node:path';
import { UsageError } from '../errors.ts';
import { literalTemplate } from '../placeholders/parse-template.ts';
import { confine } from './confinement.ts';
import { inheritedEnvironment, withheldVariables } from './environment-variables.ts';
import type { ServerConfig, TransportConfig } from './server-config.ts';
import type { ChildContext } from './server-context.ts';
import { defaultSizes, serverNameProblem } from './server-entry.ts';
import { settingsSchema } from './server-schema.ts';
import type { ServiceOptions } from './service-options.ts';

/**
 * The one server after `--`. Its words are taken as they are: the shell has already expanded what the
 * admin wanted expanded. Throws `UsageError` if there is none.
 */
export function singleServer(options: ServiceOptions, context: ChildContext): ServerConfig {
  const transport = toTransport(options, context);
  return {
    ...settingsSchema.parse({}),
    ...defaultSizes({}, transport, 'shared'),
    name: nameOf(options),
    transport,
    isolation: 'shared',
    callMeta: new Map(),
    clientHeaderForwarding: undefined,
    userVars: new Map(),
    discovery: undefined,
  };
}

function toTransport(
  { positional, serverType = 'stdio', header }: ServiceOptions,
  { confinement, secrets, ...child }: ChildContext,
): TransportConfig {
  const [first, ...args] = positional;
  if (first === undefined) throw new UsageError('There is no server: put its command after --, or use --config.');
  if (serverType === 'stdio') {
    secrets.addArguments(args);
    const inheritedEnv = inheritedEnvironment({ ...child, inheritEnv: [] });
    return {
      type: serverType,
      command: literalTemplate(first),
      args: args.map(literalTemplate),
      env: new Map(),
      cwd: undefined,
      inheritedEnv,
      withheld: withheldVariables(child.environment, new Set(Object.keys(inheritedEnv))),
      confinement: confine(confinement, {}),
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
