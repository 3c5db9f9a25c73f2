import { flagValues } from './configured-secrets.ts';

/** Stands for a value that is not shown. */
export const HIDDEN = '[hidden]';

const SECRET_NAME = /secret|passw|passphrase|credential|token$|api_?key$|private_?key$|^pem$|^hash$/i;

/** The scheme of a header, which says what kind of credential follows. */
const SCHEME = /^\s*(?:bearer|basic|token|apikey)(?=\s)/i;

/** Tokens as their issuers write them, and words that nobody chose: hexadecimal, or letters of both cases with digits. */
const TOKEN =
  /^(?:(?:sk|pk|rk|ghp|gho|ghs|ghu|github_pat|glpat|xox[a-z]|mcpo|pat|hf|npm|AIza|AKIA)[-_A-Za-z0-9].{10,}|eyJ.*\..*|[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|[0-9a-f]{24,}|(?=.*[A-Z])(?=.*[a-z])(?=.*\d)[\w~+=-]{16,})$/;

/** Whether a setting's own name says that its text is secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** What the admin wrote as a value of the environment or a header; its scheme stays. */
export function hideLiteral(text: string): string {
  // What stands between placeholders, as in `${USER}:${TOKEN}`.
  if (/^[\s:;,/@.=&-]*$/.test(text)) return text;
  const scheme = SCHEME.exec(text)?.[0] ?? '';
  const rest = text.slice(scheme.length);
  return rest.trim() === '' ? text : `${scheme}${scheme === '' ? '' : ' '}${HIDDEN}`;
}

/** A command's arguments without the values of flags, which may be secret whatever the flag is called. */
export function hideArguments(args: readonly string[]): readonly string[] {
  const shown = args.map((argument) => (TOKEN.test(argument) ? HIDDEN : hideUrl(argument)));
  for (const [index, argument] of args.entries()) {
    const next = args[index + 1];
    const own = flagValues(argument, undefined);
    for (const value of own) shown[index] = argument.slice(0, argument.length - value.length) + hideAssigned(value);
    if (next !== undefined && flagValues(argument, next).length > own.length) shown[index + 1] = hideAssigned(next);
  }
  return shown;
}

/** Of `-e NAME=X` the name is shown. */
function hideAssigned(value: string): string {
  const name = /^\w+=(?=.)/s.exec(value)?.[0] ?? '';
  return `${name}${value === name ? '' : HIDDEN}`;
}

/**
 * A URL without its credentials, the values of its query, its fragment and parts of its path that look like tokens;
 * placeholders of users stay. Any other text is returned as it is.
 */
export function hideUrl(text: string): string {
  const [, scheme, userInfo = '', host = '', path = '', query, fragment] =
    /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is.exec(text) ?? [];
  if (scheme === undefined) return text;
  const segments = path.split('/').map((segment) => (TOKEN.test(segment) ? HIDDEN : segment));
  const pairs = query?.split('&').map((pair) => {
    const equals = pair.indexOf('=');
    // Without a name, all of it may be the value.
    if (equals === -1) return pair === '' ? '' : hideValue(pair);
    return `${pair.slice(0, equals)}=${hideValue(pair.slice(equals + 1))}`;
  });
  return [
    scheme,
    userInfo === '' ? '' : `${HIDDEN}@`,
    host,
    segments.join('/'),
    pairs === undefined ? '' : `?${pairs.join('&')}`,
    fragment === undefined ? '' : `#${HIDDEN}`,
  ].join('');
}

function hideValue(value: string): string {
  return value === '' || /^\$\{[^${}]+\}$/.test(value) ? value : HIDDEN;
}
