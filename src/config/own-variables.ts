/** What sets the service itself; a `*` at the end stands for anything. */
const patterns: readonly string[] = [
  'MCPO_*',
  'JWT_*',
  'API_KEY',
  'API_KEY_FILE',
  'WEBUI_SECRET_KEY',
  'WEBUI_SECRET_KEY_FILE',
  'SECURITY_LOG_FILE',
  'LOG_LEVEL',
  'LOG_FORMAT',
];

/**
 * Whether the variable sets the service itself. A child process never inherits it: most of them are secrets, with which
 * it could act as the service.
 */
export function isOwnVariable(name: string, ignoresCase = false): boolean {
  const plain = ignoresCase ? name.toUpperCase() : name;
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? plain.startsWith(pattern.slice(0, -1)) : plain === pattern,
  );
}

/**
 * The environment with what a dotenv file says of the service. A variable that is set wins over the file, also over the
 * file's other spelling of the same setting, such as `JWT_SECRET_FILE` for `JWT_SECRET`; an empty one counts as unset.
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
