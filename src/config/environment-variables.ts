/** Variables that configure the service itself; here and below a `*` at the end matches any characters. */
const OWN = [
  'MCPO_* JWT_* API_KEY API_KEY_FILE WEBUI_SECRET_KEY WEBUI_SECRET_KEY_FILE SECURITY_LOG_FILE LOG_LEVEL LOG_FORMAT',
  'OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_HEADERS OTEL_EXPORTER_OTLP_HEADERS_FILE OTEL_EXPORTER_OTLP_PROTOCOL',
  'OTEL_EXPORTER_OTLP_TIMEOUT OTEL_EXPORTER_OTLP_TRACES_* OTEL_TRACES_* OTEL_SERVICE_NAME OTEL_RESOURCE_ATTRIBUTES',
  'OTEL_BSP_SCHEDULE_DELAY OTEL_BSP_MAX_QUEUE_SIZE OTEL_SDK_DISABLED',
  'VAULT_TOKEN VAULT_TOKEN_FILE VAULT_ROLE_ID VAULT_SECRET_ID VAULT_SECRET_ID_FILE',
  'SENTRY_DSN SENTRY_DSN_FILE SENTRY_ENVIRONMENT SENTRY_RELEASE',
].flatMap((names) => names.split(' '));
/** Variables that every child process gets from the service's environment. */
const INHERITED = [
  'PATH HOME LANG LC_* TMPDIR TERM USER LOGNAME SHELL',
  'HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy',
  'SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE CURL_CA_BUNDLE',
  'npm_config_* UV_* PIP_* NODE_*',
].flatMap((names) => names.split(' '));
/** Without these hardly any program runs on Windows. */
const INHERITED_ON_WINDOWS = [
  'APPDATA COMSPEC HOMEDRIVE HOMEPATH LOCALAPPDATA NUMBER_OF_PROCESSORS OS PATHEXT PROCESSOR_ARCHITECTURE PROGRAMDATA',
  'PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432 PUBLIC SYSTEMDRIVE SYSTEMROOT TEMP TMP USERDOMAIN USERNAME USERPROFILE',
  'WINDIR',
].flatMap((names) => names.split(' '));
/** Variables that the C library and other native code read by themselves, at any time. */
const NATIVE = [
  'TZ TEMP TMP LOCALDOMAIN RES_OPTIONS HOSTALIASES OPENSSL_* MALLOC_* SQLITE_TMPDIR UV_THREADPOOL_SIZE',
].flatMap((names) => names.split(' '));

/**
 * Whether the variable configures the service itself. A child process never inherits it: most of them are secrets, with
 * which it could act as the service.
 */
export function isOwnVariable(name: string, ignoresCase = false): boolean {
  return matchesAny(name, OWN, ignoresCase);
}

/** Whether the variable stays in the environment block of the process, which child processes can read. */
export function staysInProcess(name: string): boolean {
  return matchesAny(name, INHERITED) || matchesAny(name, NATIVE);
}

export interface InheritanceOptions {
  readonly environment: ReadonlyMap<string, string>;
  /** Further names or prefixes with `*`, or everything; never what configures the service itself. */
  readonly inheritEnv: '*' | readonly string[];
  /** `--env` and `--env-path`: given for the child processes, so all of it is passed on. */
  readonly given: ReadonlyMap<string, string>;
  readonly platform: NodeJS.Platform;
}

/** The part of the service's environment that a child process gets. */
export function inheritedEnvironment(options: InheritanceOptions): Readonly<Record<string, string>> {
  const { environment, inheritEnv, given, platform } = options;
  const isWindows = platform === 'win32';
  const wanted = [...INHERITED, ...(isWindows ? INHERITED_ON_WINDOWS : []), ...inheritEnv];

  const inherited: Record<string, string> = Object.create(null);
  for (const [name, value] of environment) {
    if (matchesAny(name, wanted, isWindows) && !isOwnVariable(name, isWindows)) inherited[name] = value;
  }
  for (const [name, value] of given) inherited[name] = value;
  return inherited;
}

/** Names of the environment's variables that a child process with these does not get; none of the service's own. */
export function withheldVariables(environment: ReadonlyMap<string, string>, given: ReadonlySet<string>) {
  return [...environment.keys()].filter((name) => !given.has(name) && !isOwnVariable(name));
}

/**
 * Takes the variables out of the process, so that neither a library nor a child process that was started without an
 * environment of its own finds the service's secrets; returns all of them. Natively only those remain that every child
 * process gets anyway; libraries also find the other names that are not secrets of the service.
 */
export function takeEnvironment(): Readonly<NodeJS.ProcessEnv> {
  const all = { ...process.env };
  // There the names are case-insensitive, which no plain object is, and no process shows another one its environment.
  if (process.platform === 'win32') return all;
  for (const name of Object.keys(all)) {
    if (!staysInProcess(name)) delete process.env[name];
  }
  process.env = Object.fromEntries(Object.entries(all).filter(([name]) => !isOwnVariable(name)));
  return all;
}

/**
 * The environment together with the service's own variables of a dotenv file. A variable that is set wins over the file,
 * also over the file's other spelling of the same setting, such as `JWT_SECRET_FILE` for `JWT_SECRET`; an empty one
 * counts as unset.
 */
export function withOwnVariables(
  env: Readonly<NodeJS.ProcessEnv>,
  file: ReadonlyMap<string, string>,
): Readonly<NodeJS.ProcessEnv> {
  const isSet = (name: string) => (env[name] ?? '').trim() !== '';
  const settings = new Set(Object.keys(env).filter(isSet).map(settingOf));
  const added = [...file].filter(([name]) => isOwnVariable(name) && !settings.has(settingOf(name)));
  return { ...env, ...Object.fromEntries(added) };
}

function settingOf(name: string): string {
  const setting = name.replace(/_FILE$/, '');
  return setting === 'API_KEY' ? 'MCPO_API_KEY' : setting;
}

function matchesAny(name: string, patterns: readonly string[], ignoresCase = false): boolean {
  const normalize = (text: string) => (ignoresCase ? text.toUpperCase() : text);
  const plain = normalize(name);
  return patterns.some((given) => {
    const pattern = normalize(given);
    return pattern.endsWith('*') ? plain.startsWith(pattern.slice(0, -1)) : plain === pattern;
  });
}
