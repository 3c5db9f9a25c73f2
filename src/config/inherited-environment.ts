/** Names that every child process gets from the service's environment; `*` at the end stands for anything. */
const inheritedByDefault: readonly string[] = [
  'PATH',
  'HOME',
  'LANG',
  'LC_*',
  'TMPDIR',
  'TERM',
  'USER',
  'LOGNAME',
  'SHELL',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'ALL_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'all_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'npm_config_*',
  'UV_*',
  'PIP_*',
  'NODE_*',
];

/** Without these hardly any program runs on Windows. */
const inheritedOnWindows: readonly string[] = [
  'APPDATA',
  'COMSPEC',
  'HOMEDRIVE',
  'HOMEPATH',
  'LOCALAPPDATA',
  'NUMBER_OF_PROCESSORS',
  'OS',
  'PATHEXT',
  'PROCESSOR_ARCHITECTURE',
  'PROGRAMDATA',
  'PROGRAMFILES',
  'PROGRAMFILES(X86)',
  'PROGRAMW6432',
  'PUBLIC',
  'SYSTEMDRIVE',
  'SYSTEMROOT',
  'TEMP',
  'TMP',
  'USERDOMAIN',
  'USERNAME',
  'USERPROFILE',
  'WINDIR',
];

/** What the service authenticates with; a child process that had it could act as the service. */
const ownSecrets: readonly string[] = ['MCPO_*', 'JWT_*', 'API_KEY', 'WEBUI_SECRET_KEY'];

export interface InheritanceOptions {
  readonly environment: ReadonlyMap<string, string>;
  /** Further names or prefixes with `*`, or everything, the service's own secrets included. */
  readonly inheritEnv: '*' | readonly string[];
  /** `--env` and `--env-path`: given for the child processes, so all of it is passed on. */
  readonly given: ReadonlyMap<string, string>;
  readonly platform: NodeJS.Platform;
}

/** The part of the service's environment that a child process gets. */
export function inheritedEnvironment(options: InheritanceOptions): Readonly<Record<string, string>> {
  const { environment, inheritEnv, given, platform } = options;
  const isWindows = platform === 'win32';
  const wanted =
    inheritEnv === '*'
      ? ['*']
      : [...inheritedByDefault, ...(isWindows ? inheritedOnWindows : []), ...inheritEnv.filter((name) => name !== '*')];
  const isEverything = inheritEnv === '*' || inheritEnv.includes('*');

  const inherited: Record<string, string> = Object.create(null);
  for (const [name, value] of environment) {
    const isWanted = matchesAny(name, wanted, isWindows) && !matchesAny(name, ownSecrets, isWindows);
    if (isEverything || isWanted) inherited[name] = value;
  }
  for (const [name, value] of given) inherited[name] = value;
  return inherited;
}

/** Whether the variable is one of the service's own secrets, which only `"inheritEnv": "*"` passes on. */
export function isOwnSecret(name: string): boolean {
  return matchesAny(name, ownSecrets, false);
}

function matchesAny(name: string, patterns: readonly string[], ignoresCase: boolean): boolean {
  const plain = ignoresCase ? name.toUpperCase() : name;
  return patterns.some((given) => {
    const pattern = ignoresCase ? given.toUpperCase() : given;
    return pattern.endsWith('*') ? plain.startsWith(pattern.slice(0, -1)) : plain === pattern;
  });
}
