import type { AuthSettings } from '../auth/auth-settings.ts';
import { describePlaceholder } from '../placeholders/resolve-template.ts';
import type { Placeholder, Template } from '../placeholders/template.ts';
import { HIDDEN, hideArguments, hideLiteral, hideUrl, isSecretName } from './hide-secrets.ts';
import type { ServerConfig, TransportConfig } from './server-config.ts';
import type { Settings } from './settings.ts';

/**
 * The configuration in force as admins see it: plain JSON, with `[hidden]` in place of every value that may be secret
 * and each user's values as placeholders.
 */
export function toShownConfiguration(settings: Settings, servers: readonly ServerConfig[], auth: AuthSettings): object {
  const { servers: _started, ...others } = settings;
  return {
    ...(toShown(others) as object),
    auth: toShownAuth(auth),
    mcpServers: Object.fromEntries(servers.map((config) => [config.name, toShownServer(config)])),
  };
}

function toShownServer({ name: _name, transport, discovery, userVars, callMeta, ...others }: ServerConfig): object {
  return {
    ...toShownTransport(transport),
    ...(toShown(others) as object),
    callMeta: hideTemplates(callMeta),
    userVars: Object.fromEntries(
      [...userVars].map(([name, variable]) => {
        const { default: given, ...shown } = variable;
        const isHidden = given !== undefined && variable.sensitive;
        return [name, { ...(toShown(shown) as object), default: isHidden ? HIDDEN : given }];
      }),
    ),
    discovery: discovery && Object.fromEntries([...discovery.keys()].map((name) => [name, HIDDEN])),
  };
}

function toShownTransport(transport: TransportConfig): object {
  if (transport.type !== 'stdio') {
    const { url, headers, ...others } = transport;
    return { ...(toShown(others) as object), url: hideUrl(toText(url)), headers: hideTemplates(headers) };
  }
  const { command, args, env, inheritedEnv, ...others } = transport;
  return {
    ...(toShown(others) as object),
    command: toText(command),
    args: hideArguments(args.map(toText)),
    env: hideTemplates(env),
    // Their values are those of the service's own environment.
    inheritedEnv: Object.keys(inheritedEnv).sort(),
  };
}

function toShownAuth({ apiKey, keys, scopesByRole, scopesByGroup, ...others }: AuthSettings): object {
  return {
    apiKey: apiKey === undefined ? undefined : HIDDEN,
    keys: keys.map(({ id, scopes, user, assertsUser, expiresAt }) => {
      const expires = expiresAt === undefined ? undefined : new Date(expiresAt).toISOString();
      return { id, scopes, user, assertsUser, expires };
    }),
    roles: toShown(scopesByRole),
    groups: toShown(scopesByGroup),
    ...(toShown(others) as object),
  };
}

function hideTemplates(templates: ReadonlyMap<string, Template>): object {
  return Object.fromEntries([...templates].map(([name, template]) => [name, hideTemplate(template)]));
}

function hideTemplate(template: Template): string {
  const toHidden = (text: string, reference: string | undefined) =>
    reference === undefined ? hideLiteral(text) : `\${${reference}}`;
  return template
    .map((part) => (part.kind === 'literal' ? toHidden(part.text, part.reference) : toPlaceholder(part)))
    .join('');
}

/** As the admin writes it, with the placeholders of users. */
function toText(template: Template): string {
  const toPlain = (text: string, reference: string | undefined) =>
    reference === undefined ? text : `\${${reference}}`;
  return template
    .map((part) => (part.kind === 'literal' ? toPlain(part.text, part.reference) : toPlaceholder(part)))
    .join('');
}

function toPlaceholder(placeholder: Placeholder): string {
  if (placeholder.kind !== 'base64') return `\${${describePlaceholder(placeholder)}}`;
  return `\${base64:${hideTemplate(placeholder.template)}}`;
}

/** Any setting as JSON; texts that are secrets by their name, and parts of URLs, are hidden. */
function toShown(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return isSecretName(name) ? HIDDEN : hideUrl(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? undefined : value;
  if (value instanceof Map) return toShown(Object.fromEntries(value), name);
  if (Array.isArray(value) || value instanceof Set) return [...value].map((one) => toShown(one, name));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, toShown(one, key)]));
}
