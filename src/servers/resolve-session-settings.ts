import type { ServerConfig } from '../config/server-config.ts';
import { PlaceholderValueError, ServerUnavailableError } from '../errors.ts';
import type { SessionSettings } from '../mcp/session.ts';
import { isAllowedHost } from '../placeholders/allowed-hosts.ts';
import {
  describePlaceholder,
  hasUserPlaceholder,
  type PlaceholderValues,
  resolveTemplate,
  userPlaceholders,
} from '../placeholders/resolve-template.ts';
import { resolveUrl } from '../placeholders/resolve-url.ts';
import type { Template, UserPlaceholder } from '../placeholders/template.ts';

type SessionConfig = Pick<
  ServerConfig,
  'name' | 'transport' | 'isolation' | 'allowPrivateAddresses' | 'rawUrlPlaceholders' | 'allowedHosts' | 'unresolved'
>;

/** How long a caller is to wait for a secret that cannot be read. */
const RETRY_AFTER_SECONDS = 10;

/**
 * Resolves a server's settings for one owner, in one pass. A header or variable whose placeholder has no value is
 * left out. Headers with a token that is made anew or differs from call to call are asked for at every exchange, with
 * the values of `latest`, so that a fresh token does not need another session.
 * Throws `PlaceholderValueError` where a url or an argument would lack a value, or a value would change where the url
 * points; `ServerUnavailableError` while a secret of the admin's cannot be read.
 */
export function resolveSessionSettings(
  config: SessionConfig,
  values: PlaceholderValues,
  latest: () => PlaceholderValues = () => values,
): SessionSettings {
  const { transport, unresolved = [] } = config;
  if (unresolved.length > 0) {
    const detail = unresolved.map(({ reference, reason }) => `\${${reference}}: ${reason}`).join('; ');
    const message = `A secret that server "${config.name}" needs cannot be read now.`;
    throw new ServerUnavailableError(message, RETRY_AFTER_SECONDS, { detail });
  }
  if (transport.type === 'stdio') {
    return {
      type: 'stdio',
      command: textOf(transport.command, 'its command', config.name, values),
      args: transport.args.map((template) => textOf(template, 'its arguments', config.name, values)),
      env: { ...transport.inheritedEnv, ...resolveAll([...transport.env], values) },
      cwd: transport.cwd,
      withheld: transport.withheld,
      confinement: transport.confinement,
      isOwned: config.isolation !== 'shared',
    };
  }
  const headers = [...transport.headers];
  const volatile = headers.filter(([, template]) => userPlaceholders(template).some(isVolatile));
  const lasting = headers.filter((header) => !volatile.includes(header));
  return {
    type: transport.type,
    url: urlOf(transport.url, config, values),
    headers: resolveAll(lasting, values),
    ...(volatile.length === 0 ? {} : { volatileHeaders: () => resolveAll(volatile, latest()) }),
    ...(hasUserPlaceholder(transport.url) && !config.allowPrivateAddresses ? { refusesPrivateAddresses: true } : {}),
  };
}

function isVolatile(placeholder: UserPlaceholder): boolean {
  return placeholder.kind === 'user' && (placeholder.field === 'jwt' || placeholder.field === 'token');
}

function urlOf(template: Template, config: SessionConfig, values: PlaceholderValues): string {
  const { name, rawUrlPlaceholders, allowedHosts } = config;
  const url = textOf(template, 'its url', name, values, rawUrlPlaceholders ? resolveTemplate : resolveUrl);
  if (allowedHosts === undefined || isAllowedHost(url, allowedHosts)) return url;
  const names = userPlaceholders(template).map(describePlaceholder).join(', ');
  throw new PlaceholderValueError(
    `The value of ${names} gives server "${name}" a url that its "allowedHosts" do not allow; set another value.`,
  );
}

/** A text is required: leaving out an argument or a part of a url would change the meaning of the rest. */
function textOf(
  template: Template,
  where: string,
  server: string,
  values: PlaceholderValues,
  resolve = resolveTemplate,
): string {
  const text = resolve(template, values);
  if (text !== undefined) return text;
  const unset = userPlaceholders(template).filter(
    (placeholder) => resolveTemplate([placeholder], values) === undefined,
  );
  const names = unset.map((placeholder) => `\${${describePlaceholder(placeholder)}}`).join(', ');
  throw new PlaceholderValueError(
    `Server "${server}" needs ${names} in ${where}, which this request does not provide; ask the admin what must be sent or set.`,
  );
}

function resolveAll(
  templates: readonly (readonly [name: string, template: Template])[],
  values: PlaceholderValues,
): Record<string, string> {
  const entries = templates.map(([name, template]) => [name, resolveTemplate(template, values)] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
