const minimumLength = 4;

const secretName = /key|token|secret|pass|auth|credential|(^|_)pat($|_)|dsn/i;
/** Switches, small numbers and words that stand in every log: hiding them would only make the log unreadable. */
const harmlessValue = /^(true|false|none|null|auto|default|\d{1,5})$/i;
/** Variables whose values are everywhere and known to everybody on the host. */
const harmlessVariables: ReadonlySet<string> = new Set(
  'PATH HOME LANG TMPDIR TEMP TMP TERM USER LOGNAME SHELL PWD USERNAME USERPROFILE HOSTNAME'.split(' '),
);

/** Collects the values of the configuration that must never be printed. */
export class ConfiguredSecrets {
  private readonly values = new Set<string>();

  /** A value that is secret whatever it is called. */
  add(value: string): void {
    const trimmed = value.trim();
    if (trimmed.length >= minimumLength && !harmlessValue.test(trimmed)) this.values.add(trimmed);
  }

  /** A header's value, and without its scheme: programs print `Bearer abc` and `abc` alike. */
  addHeader(value: string): void {
    this.add(value);
    const credentials = /^\s*(?:bearer|basic|token|apikey)\s+(.+)$/i.exec(value)?.[1];
    if (credentials !== undefined) this.add(credentials);
  }

  /** A value that is secret if its name says so, or if it is a URL with credentials in it. */
  addNamed(name: string, value: string): void {
    if (secretName.test(name)) this.add(value);
    else this.addUrlCredentials(value);
  }

  /** What a placeholder took from the environment. */
  addFromEnvironment(name: string, value: string): void {
    if (!harmlessVariables.has(name)) this.add(value);
  }

  /** User, password and query values of a URL. */
  addUrl(value: string): void {
    this.addUrlCredentials(value);
    // The raw text, not `URLSearchParams`: what is printed may or may not be percent-encoded.
    const query = /\?([^#]*)/.exec(value)?.[1] ?? '';
    for (const pair of query.split('&')) this.addEncoded(pair.slice(pair.indexOf('=') + 1));
  }

  /** Longest first, so that a value that contains another one is hidden whole. */
  list(): readonly string[] {
    return [...this.values].sort((a, b) => b.length - a.length);
  }

  private addUrlCredentials(value: string): void {
    const userInfo = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)@/i.exec(value)?.[1];
    if (userInfo === undefined) return;
    this.addEncoded(userInfo);
    for (const part of userInfo.split(/:(.*)/s)) this.addEncoded(part);
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
