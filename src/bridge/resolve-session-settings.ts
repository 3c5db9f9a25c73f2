import type { ServerConfig } from '../config/server-config.ts';
import type { SessionSettings } from '../mcp/session.ts';
import { type PlaceholderValues, resolveTemplate } from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';

/**
 * Resolves a server's settings for one owner, in one pass. A header or variable whose placeholder has no value is
 * left out.
 */
export function resolveSessionSettings(config: ServerConfig, values: PlaceholderValues): SessionSettings {
  const { transport } = config;
  const text = (template: Template) => resolveTemplate(template, values) ?? '';
  if (transport.type === 'stdio') {
    return {
      type: 'stdio',
      command: text(transport.command),
      args: transport.args.map(text),
      env: { ...transport.inheritedEnv, ...resolveAll(transport.env, values) },
      cwd: transport.cwd,
    };
  }
  return { type: transport.type, url: text(transport.url), headers: resolveAll(transport.headers, values) };
}

function resolveAll(templates: ReadonlyMap<string, Template>, values: PlaceholderValues): Record<string, string> {
  const entries = [...templates].map(([name, template]) => [name, resolveTemplate(template, values)] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
