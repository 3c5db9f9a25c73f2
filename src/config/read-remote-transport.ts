import { parseUrl } from '../parse-url.ts';
import { allowedHostProblem, isAllowedHost } from '../placeholders/allowed-hosts.ts';
import { hasUserPlaceholder, literalParts, literalText } from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import type { TransportConfig } from './server-config.ts';
import type { EntryContext } from './template-reader.ts';

/** A header's name is a token: RFC 9110, section 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Scheme and a host that has ended: whatever follows cannot change where the request goes. */
const FIXED_ORIGIN = /^https?:\/\/[^/?#\\\s]+[/?#]/i;

/** How to reach a server by URL; what cannot be used is reported and left out. */
export function readRemoteTransport(url: string, context: EntryContext): TransportConfig {
  const { type } = context.entry;
  for (const [index, host] of (context.entry.allowedHosts ?? []).entries()) {
    const problem = allowedHostProblem(host);
    if (problem !== undefined) context.place.at('allowedHosts', index).problem(problem);
  }
  return {
    type: type === undefined || type === 'stdio' ? 'auto' : type,
    url: readUrl(url, context),
    headers: readHeaders(context),
  };
}

function readUrl(url: string, { entry, place, templates, secrets }: EntryContext): Template {
  const at = place.at('url');
  const template = templates.read(url.trim(), at);
  if (template === undefined) return [];

  const isHostFixed = !hasUserPlaceholder(template) || FIXED_ORIGIN.test(firstText(template));
  if (!isHostFixed && !(entry.rawUrlPlaceholders && entry.allowedHosts !== undefined)) {
    at.problem(
      'scheme, host and port must be written out before the first value of a user, so that no user can say where the request goes.',
    );
    return template;
  }
  if (isHostFixed && templates.unresolved.length === 0) {
    const example = template.map((part) => (part.kind === 'literal' ? part.text : 'x')).join('');
    if (!isHttpUrl(example)) {
      at.problem('must be an http or https URL such as https://example.org/mcp.');
    } else if (entry.allowedHosts !== undefined && !isAllowedHost(example, entry.allowedHosts)) {
      // Such a list would reject every call.
      place.at('allowedHosts').problem('does not name the host of "url".');
    }
  }
  secrets.addUrl(literalParts(template));
  return template;
}

/** What the admin wrote before the first value of a user. */
function firstText(template: Template): string {
  const end = template.findIndex(({ kind }) => kind !== 'literal');
  return literalParts(end === -1 ? template : template.slice(0, end));
}

function readHeaders({ entry, place, templates, secrets }: EntryContext): ReadonlyMap<string, Template> {
  const headers = new Map<string, Template>();
  const seen = new Map<string, string>();
  for (const [name, text] of entry.headers) {
    const at = place.at('headers', name);
    const twin = seen.get(name.toLowerCase());
    if (!isHeaderName(name)) {
      at.problem('is not a header name: it may contain letters, digits and "-" only.');
      continue;
    }
    if (twin !== undefined) {
      at.problem(`is the same header as "${twin}"; keep one of them.`);
      continue;
    }
    seen.set(name.toLowerCase(), name);
    const template = templates.read(text, at);
    if (template === undefined) continue;
    const problem = headerValueProblem(literalParts(template));
    if (problem !== undefined) at.problem(problem);
    if (hasUserPlaceholder(template)) secrets.addParts(template);
    else secrets.addHeader(literalText(template));
    headers.set(name, template);
  }
  return headers;
}

/** Why a text cannot be a header's value, or `undefined` if it can. */
export function headerValueProblem(value: string): string | undefined {
  if (/[\r\n\0]/.test(value)) return 'contains a line break or NUL character, which no header can.';
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) return 'contains a character that no header can carry; percent-encode it.';
  return undefined;
}

/** Whether a text can be a header's name. */
export function isHeaderName(name: string): boolean {
  return HEADER_NAME.test(name);
}

/** Whether the text is a whole http or https URL. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && parseUrl(text) !== undefined;
}
