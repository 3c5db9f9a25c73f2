import type { AuthFile } from '../config/auth-schema.ts';
import type { Environment } from '../config/environment.ts';
import { withGroupUse } from '../config/group-use.ts';
import { loadServers } from '../config/load-settings.ts';
import { loadResolved } from '../config/references.ts';
import { resolveAuth } from '../config/resolve-auth.ts';
import { toSecretSources } from '../config/resolve-secret-sources.ts';
import { readSecretOf, type SecretName } from '../config/secret-variables.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { OnRead } from '../config/server-context.ts';
import type { ServiceOptions } from '../config/service-options.ts';
import { formatConfigProblem } from '../errors.ts';
import type { SecretReferences } from '../secret-sources/secret-references.ts';
import type { Reload } from '../service/reload.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { WatchedFiles } from '../watched-files.ts';

/** Reads the environment, and `--env-path`, which `onRead` is called with just before. Throws `ConfigError`. */
export type ReadEnvironment = (onRead?: (file: string) => void) => Environment;

/** Connections and files are opened with these once; the others are compared with what each request presents. */
const NEEDS_RESTART: ReadonlySet<SecretName> = new Set(['MCPO_AUDIT_KEY', 'MCPO_DATABASE_URL', 'MCPO_REDIS_URL']);

export interface RunningConfigurationParts {
  readonly options: ServiceOptions;
  readonly readEnvironment: ReadEnvironment;
  /** Read at the start, like `authFile`, which is `auth` of the servers file. */
  readonly environment: Environment;
  readonly authFile: AuthFile;
  readonly servers: readonly ServerConfig[];
  /** The servers file as it was read; `undefined` where there is none. */
  readonly text: string | undefined;
  /** What `${file:…}` names in it. */
  readonly referencedFiles: ReadonlySet<string>;
  readonly references: SecretReferences;
  /** Referenced files, and with `--hot-reload` all that were read. */
  readonly watched: WatchedFiles;
  readonly reload: Reload;
  readonly logger: Logger;
}

/**
 * What a running service is configured with. Follows secrets in files, as Docker and Kubernetes mount them, the values of
 * references such as `${vault:…}`, and with `--hot-reload` the servers file. One change at a time: each begins with what the one before has left. What cannot be
 * used is logged once, and the previous configuration stays in use.
 */
export class RunningConfiguration {
  readonly #parts: RunningConfigurationParts;
  #environment: Environment;
  #authFile: AuthFile;
  #servers: readonly ServerConfig[];
  #text: string | undefined;
  #referencedFiles: ReadonlySet<string>;
  #changing: Promise<void> = Promise.resolve();
  /** The last problem of each variable, so that it is logged once. */
  readonly #problems = new Map<string, string>();

  constructor(parts: RunningConfigurationParts) {
    this.#parts = parts;
    this.#environment = parts.environment;
    this.#authFile = parts.authFile;
    this.#servers = parts.servers;
    this.#text = parts.text;
    this.#referencedFiles = parts.referencedFiles;
    const { watched, references, logger } = parts;
    for (const file of this.#secretFiles()) watched.note(file);
    watched.start(
      (files) => this.#change(files),
      (file) => this.#change([file], true),
    );
    references.start({ logger, onChange: () => void this.#inTurn(() => this.#useSecrets()) });
    // A file that was changed between its first reading and now.
    void this.#inTurn(() => this.#readSecrets());
  }

  /** Reads everything again; resolves when it is in use, or was refused. */
  reload(): Promise<void> {
    return this.#inTurn(() => this.#reload());
  }

  stop(): void {
    this.#parts.watched.stop();
    this.#parts.references.stop();
  }

  #change(files: readonly string[], isMissing = false): void {
    const secretFiles = this.#secretFiles();
    const { MCPO_VAULT_KEY_FILE: vaultKeyFile } = this.#environment.values;
    if (vaultKeyFile !== undefined && files.includes(vaultKeyFile)) this.#noteVaultKey(isMissing);
    if (files.some((file) => secretFiles.includes(file))) void this.#inTurn(() => this.#readSecrets());
    const others = isMissing ? [] : files.filter((file) => !secretFiles.includes(file));
    // Without `--hot-reload` only the values have changed: the servers file stays as it was read.
    if (this.#parts.options.hotReload && others.length > 0) void this.reload();
    else if (others.some((file) => this.#referencedFiles.has(file))) void this.#inTurn(() => this.#useSecrets());
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#changing = this.#changing.then(work);
    return this.#changing;
  }

  #secretFiles(): readonly string[] {
    const { secretFiles, values } = this.#environment;
    return [...secretFiles.values(), ...(values.MCPO_VAULT_KEY_FILE === undefined ? [] : [values.MCPO_VAULT_KEY_FILE])];
  }

  async #reload(): Promise<void> {
    const { options, readEnvironment, watched, reload, logger } = this.#parts;
    const referencedFiles = new Set<string>();
    const onRead: OnRead = (file, kind) => {
      if (kind === 'secret') referencedFiles.add(file);
      if (options.hotReload || kind === 'secret') watched.note(file);
    };
    try {
      watched.beginReading(this.#secretFiles());
      const environment = readEnvironment(onRead);
      const { auth, servers, secrets, warnings, text } = await loadResolved(environment, () =>
        loadServers(options, environment, onRead),
      );
      // Issuers and the scopes of roles and groups are those of the start.
      const authFile = { ...this.#authFile, keys: auth.keys };
      const resolved = withGroupUse(resolveAuth(authFile, environment, options), servers);
      this.#servers = servers;
      for (const warning of warnings) logger.warn(formatConfigProblem(warning));
      await reload.apply({ servers, auth: resolved, secrets });
      this.#environment = environment;
      this.#authFile = authFile;
      this.#text = text;
      this.#referencedFiles = referencedFiles;
      // A changed `--env-path` file may name others.
      for (const file of this.#secretFiles()) watched.note(file);
      await this.#readSecrets();
    } catch (error) {
      reload.refuse(error);
    }
  }

  /** Reads the servers file again as it was, for the values of its references: only servers that use a changed one change. */
  async #useSecrets(): Promise<void> {
    const { options, reload, watched } = this.#parts;
    const onRead: OnRead = (file, kind) => {
      if (kind === 'secret') watched.note(file);
    };
    try {
      const { servers, secrets } = await loadResolved(this.#environment, () =>
        loadServers(options, this.#environment, onRead, this.#text),
      );
      this.#servers = servers;
      reload.useSecrets(servers, secrets);
    } catch (error) {
      reload.refuse(error);
    }
  }

  async #readSecrets(): Promise<void> {
    for (const [name, file] of this.#environment.secretFiles) {
      try {
        await this.#readSecret(name, file);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#note(
          name,
          `a secret could not be read again, and its previous value stays in use: ${name}_FILE: ${reason}`,
        );
      }
    }
  }

  async #readSecret(name: SecretName, file: string): Promise<void> {
    const { options, reload, logger } = this.#parts;
    const before = this.#environment;
    const value = readSecretOf(name, file);
    if (value === before.secrets[name]) {
      this.#problems.delete(name);
    } else if (NEEDS_RESTART.has(name)) {
      this.#note(name, `${name}_FILE has changed; restart the service to use its new content`);
    } else {
      const environment = { ...before, secrets: { ...before.secrets, [name]: value } };
      const auth = withGroupUse(resolveAuth(this.#authFile, environment, options), this.#servers);
      await reload.authenticate(auth, name);
      this.#environment = environment;
      this.#parts.references.configure(toSecretSources(environment));
      this.#problems.delete(name);
      logger.info('a changed secret is in use', { variable: `${name}_FILE` });
    }
  }

  /** A key that replaces the vault's would make its secrets unreadable: only a rotation is followed, by the vault. */
  #noteVaultKey(isMissing: boolean): void {
    this.#parts.logger.warn(
      isMissing
        ? 'MCPO_VAULT_KEY_FILE cannot be read now; the keys read before stay in use'
        : 'MCPO_VAULT_KEY_FILE has changed; keys that "mcpo-ts vault rotate-key" adds are read when they are needed, any other change needs a restart',
    );
  }

  #note(name: string, message: string): void {
    if (this.#problems.get(name) === message) return;
    this.#problems.set(name, message);
    this.#parts.logger.warn(message);
  }
}
