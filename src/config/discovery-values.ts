import type { ConfigPlace, ConfigReport } from './config-report.ts';
import type { ConfiguredSecrets } from './configured-secrets.ts';
import { nearestName } from './nearest-name.ts';
import type { Isolation, UserVariable } from './server-config.ts';
import type { ServerEntry } from './servers-file-schema.ts';
import type { TemplateReader } from './template-reader.ts';

export interface DiscoveryOptions {
  readonly entry: ServerEntry;
  readonly variables: ReadonlyMap<string, UserVariable>;
  readonly isolation: Isolation;
  readonly templates: TemplateReader;
  readonly place: ConfigPlace;
  readonly report: ConfigReport;
  readonly secrets: ConfiguredSecrets;
}

/**
 * A server's `discovery`. Without it, a server whose settings are the same for every user can be asked for its tools
 * all the same; `undefined`: only a user's session can tell them.
 */
export function readDiscovery(options: DiscoveryOptions): ReadonlyMap<string, string> | undefined {
  const { entry, variables, isolation, templates, place, report, secrets } = options;
  const at = (name?: string): ConfigPlace => ({
    ...place,
    path: [...place.path, 'discovery', ...(name === undefined ? [] : [name])],
    key: name === undefined ? 'discovery' : `discovery.${name}`,
  });
  if (entry.discovery === undefined) {
    return isolation === 'shared' || templates.hasUserPlaceholders ? undefined : new Map();
  }
  if (isolation === 'shared') {
    report.warning(at(), 'has no effect on a server that all users share.');
    return undefined;
  }
  const values = new Map<string, string>();
  for (const [name, text] of entry.discovery) {
    if (!variables.has(name)) {
      const nearest = nearestName(name, variables.keys());
      const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
      report.problem(at(name), `is no user variable of this server.${hint}`);
      continue;
    }
    const why = 'it is the value with which the service itself lists the tools.';
    const value = templates.readLiteral(text, at(name), why);
    if (value === undefined) continue;
    if (/[\r\n]/.test(value)) report.problem(at(name), 'holds a line break.');
    secrets.add(value);
    values.set(name, value);
  }
  for (const [name, { required, default: given }] of variables) {
    if (!required || given !== undefined || entry.discovery.has(name)) continue;
    report.problem(at(), `lacks a value for ${name}, which is required and has no default.`);
  }
  return values;
}
