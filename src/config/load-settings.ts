import { resolve } from 'node:path';
import { ConfigError, type ConfigProblem, UsageError } from '../errors.ts';
import { ambiguousUserWarnings } from './ambiguous-users.ts';
import type { AuthFile } from './auth-schema.ts';
import { ConfiguredSecrets } from './configured-secrets.ts';
import { commonConfinement } from './confinement.ts';
import type { Environment } from './environment.ts';
import { isOwnVariable } from './environment-variables.ts';
import { groupWarnings, withGroupUse } from './group-use.ts';
import { hasAuthentication, resolveAuth } from './resolve-auth.ts';
import { identityWarnings } from './resolve-identity.ts';
import type { ChildContext, OnRead } from './server-context.ts';
import { fileSchema, type LoadedServers, parseServersFile, readServersFile, type ServersFile } from './servers-file.ts';
import type { ServiceOptions } from './service-options.ts';
import { type Secrets, type Settings, toSecrets, toSettings } from './settings.ts';
import { singleServer } from './single-server.ts';
import { UnreadEnvFile } from './unread-env-file.ts';
import { userServerWarnings } from './user-server-warnings.ts';
import { withheldWarnings } from './withheld-warnings.ts';

export interface LoadedSettings {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly warnings: readonly ConfigProblem[];
  /** `auth` of the servers file. */
  readonly authFile: AuthFile;
  /** The text of the servers file; `undefined` where there is none. */
  readonly text: string | undefined;
}

/**
 * Combines flags, environment and servers file; a flag wins over the environment. `hasStoredKeys`: the database has
 * API keys, which count as authentication. `onRead` is called with each file just before it is read.
 * Throws `UsageError` for flags that contradict each other, `ConfigError` for files and variables that cannot be used.
 */
export function loadSettings(
  options: ServiceOptions,
  environment: Environment,
  hasStoredKeys = false,
  onRead?: OnRead,
): LoadedSettings {
  const unread = new UnreadEnvFile(options.envPath, environment);
  try {
    const loaded = combineSettings(options, environment, hasStoredKeys, onRead);
    return { ...loaded, warnings: [...loaded.warnings, ...unread.warnings()] };
  } catch (error) {
    throw unread.explain(error);
  }
}

function combineSettings(
  options: ServiceOptions,
  environment: Environment,
  hasStoredKeys: boolean,
  onRead: OnRead | undefined,
): LoadedSettings {
  const file = loadServers(options, environment, onRead);
  const auth = withGroupUse(resolveAuth(file.auth, environment, options), file.servers);
  const isRequired = hasStoredKeys || hasAuthentication(auth);
  if (options.strictAuth && !isRequired) {
    throw new UsageError(
      '--strict-auth needs credentials to check: set MCPO_API_KEY, create a key with "mcpo-ts key create", or set JWT_SECRET or JWT_ISSUER.',
    );
  }
  if (file.audit.required && environment.values.SECURITY_LOG_FILE === undefined) {
    // Otherwise it would only be noticed when the log is needed.
    const message = 'is true, and there is no file for the audit log: set SECURITY_LOG_FILE.';
    throw new ConfigError([{ file: options.config, key: 'audit.required', message }]);
  }

  const settings = toSettings(options, environment, file, isRequired);
  return {
    settings,
    secrets: toSecrets(environment, file, auth),
    authFile: file.auth,
    text: file.text,
    warnings: [
      ...file.warnings,
      ...ambiguousUserWarnings(file.servers, auth),
      ...groupWarnings(file.servers, auth),
      ...userServerWarnings({ settings, auth, hasStoredKeys }),
      ...withheldWarnings(file.servers, settings.singleServer),
      ...identityWarnings(auth),
      ...(options.allowWeakSecrets
        ? [{ key: '--allow-weak-secrets', message: 'weak keys and secrets are accepted.' }]
        : []),
    ],
  };
}

/**
 * Reads the servers file, or the one server of the command line; a hot reload calls it again with the same options.
 * `onRead` is called with each file just before it is read. `text` is what the file is to contain, to try it out.
 * Throws `ConfigError`.
 */
export function loadServers(
  options: ServiceOptions,
  environment: Environment,
  onRead?: OnRead,
  text?: string,
): LoadedServers {
  const { variables, platform } = environment;
  const secrets = new ConfiguredSecrets();
  // As dotenv has it, a variable that is already set wins over the file; `--env` wins over both.
  const given = new Map<string, string>();
  for (const [name, value] of environment.envFile) given.set(name, variables.get(name) ?? value);
  for (const [name, value] of options.env) given.set(name, value);
  for (const [name, value] of given) secrets.addVariable(name, value);
  const privatePaths = new Set(ownPaths(options, environment));
  const noteFile: OnRead = (path, kind) => {
    privatePaths.add(resolve(path));
    onRead?.(path, kind);
  };
  const context: ChildContext = {
    environment: new Map([...variables, ...given]),
    given,
    platform,
    confinement: commonConfinement(environment, privatePaths),
    secrets,
    onRead: noteFile,
    lookUpReference: (reference) => environment.references?.lookUp(reference),
  };
  const file: ServersFile =
    options.config === undefined
      ? { ...fileSchema.parse({}), servers: oneServer(options, context), warnings: [], text: undefined }
      : text === undefined
        ? readServersFile(options.config, context)
        : parseServersFile(text, options.config, context);
  return { ...file, secrets: secrets.list() };
}

/** None where nothing is named: `mcpo-ts doctor` examines what there is without servers. */
function oneServer(options: ServiceOptions, context: ChildContext) {
  return options.positional.length === 0 ? [] : [singleServer(options, context)];
}

/** The files and folders of the service itself that flags and variables name. */
function ownPaths(options: ServiceOptions, { database, values, variables }: Environment): readonly string[] {
  const files = [...variables].filter(([name]) => name.endsWith('_FILE') && isOwnVariable(name));
  return [
    database.dataDir,
    values.SECURITY_LOG_FILE,
    options.sslKeyfile,
    options.envPath,
    ...files.map(([, path]) => path),
  ].flatMap((path) => (path === undefined || path.trim() === '' ? [] : [resolve(path)]));
}
