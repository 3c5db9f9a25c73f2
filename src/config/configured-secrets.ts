import { literalPieces } from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import { decoded } from './secret-variables.ts';

const MIN_LENGTH = 4;
/** A user's name in a URL with a password is an ordinary word, a token in its place is longer. */
const MIN_USER_LENGTH = 16;
/** Programs print long values line by line. */
const MIN_LINE_LENGTH = 8;

/**
 * Values that appear in every log: switches, numbers of up to five digits such as ports, log levels, names of
 * environments, encodings and locales. Hiding them would make logs unreadable and protect nothing.
 */
const ORDINARY_VALUE = new RegExp(
  `^(?:${[
    'true|false|yes|none|null|auto|default|always|never|enabled?|disabled?',
    '\\d{1,5}',
    'trace|debug|info|notice|warn|warning|error|fatal|silent|verbose|quiet',
    'prod|production|dev|development|staging|stage|test|testing|local|localhost|127\\.0\\.0\\.1|0\\.0\\.0\\.0',
    'stdio|http|https|json|text|plain|utf-?8|ascii|c\\.utf-?8|posix|[a-z]{2}_[a-z]{2}(?:\\.utf-?8)?|utc',
    'application/json|text/plain|text/event-stream|basic|bearer|\\*/\\*',
  ].join('|')})$`,
  'i',
);
/** Variables whose values are known to every user of the host. */
const ORDINARY_VARIABLES: ReadonlySet<string> = new Set(
  'PATH HOME LANG TMPDIR TEMP TMP TERM TZ USER LOGNAME SHELL PWD USERNAME USERPROFILE HOSTNAME NODE_ENV'.split(' '),
);
/** What follows these flags of common launchers says what is run and where, and belongs into an error message. */
const HARMLESS_FLAGS: ReadonlySet<string> = new Set(
  [
    '-y --yes -p --package -c --call -q --quiet --silent --prefer-offline', // npx
    '--from --with --python --directory --project --refresh --isolated', // uvx, uv
    '-m -u -I -B -W', // python
    '-i -t -it -ti --rm --init --name --network --pull --platform -v --volume --mount -w --workdir --entrypoint', // docker
    '--import --require -r --loader --experimental-loader -A --allow-all --allow-net --allow-env --allow-read', // node, deno
    '-h --help --version --verbose --debug --stdio --port --host --transport --log-level',
  ].flatMap((flags) => flags.split(' ')),
);

/** Collects the values of the configuration that must never be printed. */
export class ConfiguredSecrets {
  private readonly values = new Set<string>();

  /** A value that is secret whatever its name; values shorter than four characters and ordinary ones are skipped. */
  add(value: string): void {
    const trimmed = value.trim();
    if (trimmed.length < MIN_LENGTH || ORDINARY_VALUE.test(trimmed)) return;
    this.values.add(trimmed);
    if (!/[\r\n]/.test(trimmed)) return;
    for (const line of trimmed.split(/[\r\n]+/)) if (line.trim().length >= MIN_LINE_LENGTH) this.add(line);
  }

  /** A header's value, and without its scheme: programs print `Bearer abc` and `abc` alike. */
  addHeader(value: string): void {
    this.add(value);
    const credentials = /^\s*(?:bearer|basic|token|apikey)\s+(.+)$/i.exec(value)?.[1];
    if (credentials !== undefined) this.add(credentials);
  }

  /** A variable of the environment that was given by name, and the credentials of a URL in it. */
  addVariable(name: string, value: string): void {
    if (ORDINARY_VARIABLES.has(name)) return;
    this.add(value);
    this.addUrlCredentials(value);
  }

  /** What the admin wrote around the values of users. */
  addParts(template: Template): void {
    for (const text of literalPieces(template)) this.addVariable('', text);
  }

  /**
   * The arguments of a command: URLs, and the values that follow flags, as in `--api-key X`, `--api-key=X`, `-k X` and
   * `-kX`: such a value may be a secret whatever its flag is called. Of `-e NAME=X`, both `NAME=X` and `X`.
   */
  addArguments(args: readonly string[]): void {
    for (const [index, argument] of args.entries()) {
      for (const value of flagValues(argument, args[index + 1])) {
        this.add(value);
        this.add(/^\w+=(.+)$/s.exec(value)?.[1] ?? '');
      }
      this.addUrl(argument.replace(/^-[^=]*=/, ''));
    }
  }

  /** User, password and query values of a URL; nothing of any other text. */
  addUrl(value: string): void {
    if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return;
    this.addUrlCredentials(value);
    // The raw text, not `URLSearchParams`: what is printed may or may not be percent-encoded.
    const query = /\?([^#]*)/.exec(value)?.[1] ?? '';
    for (const pair of query.split('&')) this.addEncoded(pair.slice(pair.indexOf('=') + 1));
  }

  /** Longest first. */
  list(): readonly string[] {
    return [...this.values].sort((a, b) => b.length - a.length);
  }

  private addUrlCredentials(value: string): void {
    const userInfo = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)@/i.exec(value)?.[1];
    if (userInfo === undefined) return;
    this.addEncoded(userInfo);
    const [user = '', password] = userInfo.split(/:(.*)/s);
    if (password !== undefined) this.addEncoded(password);
    if (password === undefined || user.length >= MIN_USER_LENGTH) this.addEncoded(user);
  }

  private addEncoded(value: string): void {
    this.add(value);
    this.add(decoded(value.replaceAll('+', ' ')) ?? '');
  }
}

/** The values that an argument, followed by another one, gives to a flag. */
export function flagValues(argument: string, next: string | undefined): readonly string[] {
  const [, flag = '', assigned] = /^(--?[\w.-]+)=(.*)$/s.exec(argument) ?? [];
  if (assigned !== undefined) return HARMLESS_FLAGS.has(flag) ? [] : [assigned];
  if (!/^-{1,2}[A-Za-z]/.test(argument) || HARMLESS_FLAGS.has(argument)) return [];
  const isJoined = /^-[A-Za-z][^-]{7,}$/s.test(argument);
  const isFollowed = next !== undefined && !next.startsWith('-');
  return [...(isJoined ? [argument.slice(2)] : []), ...(isFollowed ? [next] : [])];
}
