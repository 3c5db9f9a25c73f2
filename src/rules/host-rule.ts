import { parseUrl } from '../parse-url.ts';

/** `example.org`, `*.example.org`, an address, each with a port or without; `*` for every host. */
const ENTRY = /^(\*\.)?(\[[\da-f:.]+\]|[^*\s/?#@\\:%[\]]+)(?::(\d{1,5}))?$/i;
/** Scheme, host and port alone: no user, no escapes, nothing that URL parsers read in several ways. */
const URL_START = /^https?:\/\/(\[[\da-f:.]+\]|[^\s/?#@\\:%[\]]+)(?::(\d{1,5}))?(?=[/?#]|$)/i;
/** Control characters, which parsers remove or not, and backslashes, which are slashes for some. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
const UNSAFE = /[\0-\x1f\x7f\\]/;
/** Names in other letters: no dots but `.`, and nothing that is left out. */
const INTERNATIONAL = /^(?:(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}.-])+$/u;
/** Letters that the IDNA of 2003 and that of 2008 encode differently. */
const DEVIATING = /[ßẞς]/;
const NOT_ASCII = /[^\0-\x7f]/;

interface Host {
  /** As URLs have it, without the root's dot. */
  readonly name: string;
  readonly port: string | undefined;
}

type AllowedHost = (host: Host) => boolean;

/** Why a text cannot be an entry of `hosts`, or `undefined` if it can. */
export function hostProblem(entry: string): string | undefined {
  return toAllowedHost(entry) === undefined
    ? 'must be a host such as "api.example.org" or "*.example.org", with a port if you like, and without "https://".'
    : undefined;
}

/**
 * Tells whether a text is an http or https URL of one of these hosts that every program reads in the same way. An entry
 * without a port allows all of them. Throws for an entry with a `hostProblem`.
 */
export function toHostCheck(entries: readonly string[]): (url: string) => boolean {
  const allowed = entries.map((entry) => {
    const test = toAllowedHost(entry);
    if (test === undefined) throw new Error(`"${entry}" is not a host.`);
    return test;
  });
  return (url) => {
    const host = readHost(url);
    return host !== undefined && allowed.some((test) => test(host));
  };
}

function toAllowedHost(entry: string): AllowedHost | undefined {
  if (entry === '*') return () => true;
  const [, star, spelled = '', port] =
    ENTRY.exec(/^[\da-f:.]*:[\da-f:.]*:[\da-f:.]*$/i.test(entry) ? `[${entry}]` : entry) ?? [];
  const name = toHostName(spelled);
  if (name === undefined) return undefined;
  const isName = star === undefined ? (host: string) => host === name : (host: string) => host.endsWith(`.${name}`);
  return (host) => isName(host.name) && (port === undefined || port === host.port);
}

function readHost(text: string): Host | undefined {
  if (UNSAFE.test(text) || !text.isWellFormed()) return undefined;
  const [start, spelled = ''] = URL_START.exec(text) ?? [];
  // Some programs read a user's name up to an `@` behind a `?` or `#`.
  if (start === undefined || /^https?:\/\/[^/]*@/i.test(text)) return undefined;
  const url = parseUrl(text);
  const name = toHostName(spelled);
  if (url === undefined || name === undefined || name !== withoutDot(url.hostname)) return undefined;
  return { name, port: url.port || (url.protocol === 'https:' ? '443' : '80') };
}

/** `undefined` where the spelling is not the host's own: `0x7f.1`, `2130706433`, or full-width letters. */
function toHostName(spelled: string): string | undefined {
  const hostname = parseUrl(`http://${spelled}/`)?.hostname;
  if (hostname === undefined || hostname === '') return undefined;
  const lower = withoutDot(spelled.toLowerCase());
  const name = withoutDot(hostname);
  if (!NOT_ASCII.test(spelled)) return lower === name ? name : undefined;
  const isPlain = INTERNATIONAL.test(spelled) && !DEVIATING.test(spelled);
  return isPlain && lower.normalize('NFC') === lower.normalize('NFKC') ? name : undefined;
}

function withoutDot(host: string): string {
  return host.replace(/\.$/, '');
}
