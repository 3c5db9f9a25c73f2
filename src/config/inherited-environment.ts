import { isOwnVariable } from './own-variables.ts';

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

export interface InheritanceOptions {
  readonly environment: ReadonlyMap<string, string>;
  /** Further names or prefixes with `*`, or everything; never what sets the service itself. */
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
    const isWanted = isEverything || matchesAny(name, wanted, isWindows);
    if (isWanted && !isOwnVariable(name, isWindows)) inherited[name] = value;
  }
  for (const [name, value] of given) inherited[name] = value;
  return inherited;
}

/** Whether every child process gets the variable. */
export function isInheritedByDefault(name: string): boolean {
  return matchesAny(name, inheritedByDefault, false);
}

function matchesAny(name: string, patterns: readonly string[], ignoresCase: boolean): boolean {
  const plain = ignoresCase ? name.toUpperCase() : name;
  return patterns.some((given) => {
    const pattern = ignoresCase ? given.toUpperCase() : given;
    return pattern.endsWith('*') ? plain.startsWith(pattern.slice(0, -1)) : plain === pattern;
  });
}
