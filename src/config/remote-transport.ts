import { parseUrl } from '../parse-url.ts';
import { allowedHostProblem, isAllowedHost } from '../placeholders/allowed-hosts.ts';
import { hasUserPlaceholder, literalParts, literalText } from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import type { ConfigPlace, ConfigReport } from './config-report.ts';
import type { ConfiguredSecrets } from './configured-secrets.ts';
import type { TransportConfig } from './server-config.ts';
import type { ServerType } from './server-type.ts';
import type { ServerEntry } from './servers-file-schema.ts';
import type { TemplateReader } from './template-reader.ts';

export interface RemoteTransportOptions {
  readonly entry: ServerEntry;
  readonly url: string;
  /** `undefined`: a bare `url`. */
  readonly type: Exclude<ServerType, 'stdio'> | undefined;
  readonly place: ConfigPlace;
  readonly templates: TemplateReader;
  readonly secrets: ConfiguredSecrets;
  readonly report: ConfigReport;
}

/** A header's name is a token: RFC 9110, section 5.6.2. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Scheme and a host that has ended: whatever follows cannot change where the request goes. */
const fixedOrigin = /^https?:\/\/[^/?#\\\s]+[/?#]/i;

/** How to reach a server by URL; whatever cannot be used is reported and left out. */
export function readRemoteTransport(options: RemoteTransportOptions): TransportConfig {
  checkHostNames(options);
  return { type: options.type ?? 'auto', url: readUrl(options), headers: readHeaders(options) };
}

function readUrl({ entry, url, place, templates, secrets, report }: RemoteTransportOptions): Template {
  const at = { ...place, path: [...place.path, 'url'], key: 'url' };
  const template = templates.read(url.trim(), at);
  if (template === undefined) return [];

  const first = template[0];
  const isHostFixed = !hasUserPlaceholder(template) || (first?.kind === 'literal' && fixedOrigin.test(first.text));
  if (!isHostFixed && !(entry.rawUrlPlaceholders && entry.allowedHosts !== undefined)) {
    report.problem(
      at,
      'scheme, host and port must be written out before the first value of a user, so that no user can say where the request goes.',
    );
    return template;
  }
  if (isHostFixed) {
    const example = template.map((part) => (part.kind === 'literal' ? part.text : 'x')).join('');
    if (!isHttpUrl(example)) report.problem(at, 'must be an http or https URL such as https://example.org/mcp.');
    else checkAllowedHosts(example, entry, place, report);
  }
  secrets.addUrl(literalParts(template));
  return template;
}

function checkHostNames({ entry, place, report }: RemoteTransportOptions): void {
  for (const [index, host] of (entry.allowedHosts ?? []).entries()) {
    const problem = allowedHostProblem(host);
    if (problem === undefined) continue;
    const at = { ...place, path: [...place.path, 'allowedHosts', index], key: `allowedHosts[${index}]` };
    report.problem(at, problem);
  }
}

/** Where the host is fixed, a list that lacks it would refuse every call. */
function checkAllowedHosts(url: string, { allowedHosts }: ServerEntry, place: ConfigPlace, report: ConfigReport): void {
  if (allowedHosts === undefined || isAllowedHost(url, allowedHosts)) return;
  const at = { ...place, path: [...place.path, 'allowedHosts'], key: 'allowedHosts' };
  report.problem(at, 'does not name the host of "url".');
}

function readHeaders({
  entry,
  place,
  templates,
  secrets,
  report,
}: RemoteTransportOptions): ReadonlyMap<string, Template> {
  const headers = new Map<string, Template>();
  const seen = new Map<string, string>();
  for (const [name, text] of entry.headers) {
    const at = { ...place, path: [...place.path, 'headers', name], key: `headers.${name}` };
    if (!headerName.test(name)) {
      report.problem(at, 'is no name of a header: it may hold letters, digits and "-" only.');
      continue;
    }
    const twin = seen.get(name.toLowerCase());
    if (twin !== undefined) {
      report.problem(at, `is the same header as "${twin}"; keep one of them.`);
      continue;
    }
    seen.set(name.toLowerCase(), name);
    const template = templates.read(text, at);
    if (template === undefined) continue;
    const problem = headerValueProblem(literalParts(template));
    if (problem !== undefined) report.problem(at, problem);
    if (hasUserPlaceholder(template)) secrets.addParts(template);
    else secrets.addHeader(literalText(template));
    headers.set(name, template);
  }
  return headers;
}

/** Why a text cannot be a header's value, or `undefined` if it can. */
export function headerValueProblem(value: string): string | undefined {
  if (/[\r\n\0]/.test(value)) return 'holds a line break or NUL character, which no header can.';
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) return 'holds a character that no header can carry; percent-encode it.';
  return undefined;
}

/** Whether a header may be called so. */
export function isHeaderName(name: string): boolean {
  return headerName.test(name);
}

/** Whether the text is a whole http or https URL. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && parseUrl(text) !== undefined;
}
