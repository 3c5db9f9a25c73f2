import type { ServerConfig } from '../config/server-config.ts';
import { PlaceholderValueError } from '../errors.ts';
import type { SessionSettings } from '../mcp/session.ts';
import {
  describePlaceholder,
  hasUserPlaceholder,
  type PlaceholderValues,
  resolveTemplate,
  userPlaceholders,
} from '../placeholders/resolve-template.ts';
import type { Template, UserPlaceholder } from '../placeholders/template.ts';

/**
 * Resolves a server's settings for one owner, in one pass. A header or variable whose placeholder has no value is
 * left out. Headers with a token that is made anew or differs from call to call are asked for at every exchange, with
 * the values of `latest`, so that a fresh token is no other session.
 * Throws `PlaceholderValueError` where a url or an argument would lack a value.
 */
export function resolveSessionSettings(
  config: Pick<ServerConfig, 'name' | 'transport' | 'allowPrivateAddresses'>,
  values: PlaceholderValues,
  latest: () => PlaceholderValues = () => values,
): SessionSettings {
  const { transport } = config;
  if (transport.type === 'stdio') {
    return {
      type: 'stdio',
      command: textOf(transport.command, 'its command', config.name, values),
      args: transport.args.map((template) => textOf(template, 'its arguments', config.name, values)),
      env: { ...transport.inheritedEnv, ...resolveAll([...transport.env], values) },
      cwd: transport.cwd,
    };
  }
  const headers = [...transport.headers];
  const volatile = headers.filter(([, template]) => userPlaceholders(template).some(isVolatile));
  const lasting = headers.filter((header) => !volatile.includes(header));
  return {
    type: transport.type,
    url: textOf(transport.url, 'its url', config.name, values),
    headers: resolveAll(lasting, values),
    ...(volatile.length === 0 ? {} : { volatileHeaders: () => resolveAll(volatile, latest()) }),
    ...(hasUserPlaceholder(transport.url) && !config.allowPrivateAddresses ? { refusesPrivateAddresses: true } : {}),
  };
}

function isVolatile(placeholder: UserPlaceholder): boolean {
  return placeholder.kind === 'user' && (placeholder.field === 'jwt' || placeholder.field === 'token');
}

/** Something must stand there: an argument or a part of a url that is left out would say another thing. */
function textOf(template: Template, where: string, server: string, values: PlaceholderValues): string {
  const text = resolveTemplate(template, values);
  if (text !== undefined) return text;
  const unset = userPlaceholders(template).filter(
    (placeholder) => resolveTemplate([placeholder], values) === undefined,
  );
  const names = unset.map((placeholder) => `\${${describePlaceholder(placeholder)}}`).join(', ');
  throw new PlaceholderValueError(
    `Server "${server}" needs ${names} in ${where}, and this request says nothing of it; ask the admin what must be sent or set.`,
  );
}

function resolveAll(
  templates: readonly (readonly [name: string, template: Template])[],
  values: PlaceholderValues,
): Record<string, string> {
  const entries = templates.map(([name, template]) => [name, resolveTemplate(template, values)] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
