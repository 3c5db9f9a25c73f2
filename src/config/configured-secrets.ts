import type { Template } from '../placeholders/template.ts';
import { argumentSecrets } from './argument-secrets.ts';

const minimumLength = 4;
/** A user's name in a URL with a password is an ordinary word, a token in its place is longer. */
const minimumUserLength = 16;
/** Programs print long values line by line. */
const minimumLineLength = 8;

/**
 * Values that stand in every log: switches, numbers of up to five digits such as ports, log levels, names of
 * environments, encodings and locales. To hide them would make logs unreadable, and keeps nothing secret.
 */
const ordinaryValue = new RegExp(
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
/** Variables whose values are everywhere and known to everybody on the host. */
const ordinaryVariables: ReadonlySet<string> = new Set(
  'PATH HOME LANG TMPDIR TEMP TMP TERM TZ USER LOGNAME SHELL PWD USERNAME USERPROFILE HOSTNAME NODE_ENV'.split(' '),
);

/** Collects the values of the configuration that must never be printed. */
export class ConfiguredSecrets {
  private readonly values = new Set<string>();

  /** A value that is secret whatever it is called; those shorter than four characters and ordinary ones are none. */
  add(value: string): void {
    const trimmed = value.trim();
    if (trimmed.length < minimumLength || ordinaryValue.test(trimmed)) return;
    this.values.add(trimmed);
    if (!/[\r\n]/.test(trimmed)) return;
    for (const line of trimmed.split(/[\r\n]+/)) if (line.trim().length >= minimumLineLength) this.add(line);
  }

  /** A header's value, and without its scheme: programs print `Bearer abc` and `abc` alike. */
  addHeader(value: string): void {
    this.add(value);
    const credentials = /^\s*(?:bearer|basic|token|apikey)\s+(.+)$/i.exec(value)?.[1];
    if (credentials !== undefined) this.add(credentials);
  }

  /** A variable of the environment that was given by name, and the credentials of a URL in it. */
  addVariable(name: string, value: string): void {
    if (ordinaryVariables.has(name)) return;
    this.add(value);
    this.addUrlCredentials(value);
  }

  /** What the admin wrote around the values of users. */
  addParts(template: Template): void {
    for (const part of template) {
      if (part.kind !== 'literal') continue;
      this.add(part.text);
      this.addUrlCredentials(part.text);
    }
  }

  /** The arguments of a command: what follows flags, and the credentials of URLs. */
  addArguments(args: readonly string[]): void {
    for (const value of argumentSecrets(args)) this.add(value);
    for (const argument of args) this.addUrl(argument.replace(/^-[^=]*=/, ''));
  }

  /** User, password and query values of a URL; nothing of a text that is none. */
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
    if (password === undefined || user.length >= minimumUserLength) this.addEncoded(user);
  }

  private addEncoded(value: string): void {
    this.add(value);
    this.add(decode(value));
  }
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '));
  } catch {
    return value;
  }
}
