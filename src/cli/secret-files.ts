import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Environment, withSecrets } from '../config/environment.ts';
import { readSecretFile, type SecretName } from '../config/secret-variables.ts';
import { WatchedFiles } from '../config/watched-files.ts';
import { ConfigError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

/** What connections and files are open with; the others are compared with what each request presents. */
const NEEDS_RESTART: ReadonlySet<SecretName> = new Set(['MCPO_AUDIT_KEY', 'MCPO_DATABASE_URL', 'MCPO_REDIS_URL']);

export interface SecretFilesOptions {
  /** The environment that is in use. */
  readonly environment: () => Environment;
  /** Uses another one in its place. Rejects, having changed nothing, if it cannot be used. */
  readonly apply: (environment: Environment, name: SecretName) => Promise<void>;
  /** Runs the work when no other change of the configuration is under way. Never rejects. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
  readonly logger: Logger;
}

/**
 * Follows the files that `NAME_FILE` variables name, as Docker and Kubernetes mount secrets: a changed one counts
 * without a restart. What cannot be used is logged once, and the previous value stays in use.
 */
export class SecretFiles {
  readonly #options: SecretFilesOptions;
  readonly #watched: WatchedFiles;
  /** The last problem of each variable, so that it is logged once. */
  readonly #problems = new Map<string, string>();
  /** Contents that take effect after a restart and were reported. */
  readonly #reported = new Map<string, string | undefined>();

  constructor(options: SecretFilesOptions) {
    this.#options = options;
    const look = () => void this.#lookInTurn();
    this.#watched = new WatchedFiles(look, look);
  }

  start(): void {
    const { secrets, vaultKey } = this.#options.environment();
    const files = [...secrets.files.values(), ...(vaultKey.file === undefined ? [] : [vaultKey.file])];
    if (files.length === 0) return;
    for (const file of files) this.#watched.note(file);
    if (vaultKey.file !== undefined) this.#reported.set(vaultKey.file, digestOf(vaultKey.file));
    this.#watched.start();
    // A file that was changed between its first reading and now.
    void this.#lookInTurn();
  }

  stop(): void {
    this.#watched.stop();
  }

  #lookInTurn(): Promise<void> {
    return this.#options.inTurn(() => this.#read());
  }

  async #read(): Promise<void> {
    const { secrets, vaultKey } = this.#options.environment();
    for (const [name, file] of secrets.files) await this.#readOne(name, file);
    if (vaultKey.file !== undefined) this.#lookAtVaultKey(vaultKey.file);
  }

  async #readOne(name: SecretName, file: string): Promise<void> {
    const { environment, apply, logger } = this.#options;
    try {
      const value = readSecretFile(name, file);
      const before = environment();
      if (value === before.secrets.values[name]) {
        this.#problems.delete(name);
        return;
      }
      if (NEEDS_RESTART.has(name)) {
        this.#note(name, `${name}_FILE has changed; restart the service to use its new content`);
        return;
      }
      const values = { ...before.secrets.values, [name]: value };
      await apply(withSecrets(before, { ...before.secrets, values }), name);
      this.#problems.delete(name);
      logger.info('a changed secret is in use', { variable: `${name}_FILE` });
    } catch (error) {
      const reason = error instanceof ConfigError ? error.message : String(error);
      this.#note(name, `a secret could not be read again, and its previous value stays in use: ${reason}`);
    }
  }

  #note(name: string, message: string): void {
    if (this.#problems.get(name) === message) return;
    this.#problems.set(name, message);
    this.#options.logger.warn(message);
  }

  /** A key that replaces the vault's would make its secrets unreadable: only a rotation is followed, by the vault. */
  #lookAtVaultKey(file: string): void {
    const digest = digestOf(file);
    if (digest === this.#reported.get(file)) return;
    this.#reported.set(file, digest);
    this.#options.logger.warn(
      digest === undefined
        ? 'MCPO_VAULT_KEY_FILE cannot be read now; the keys read before stay in use'
        : 'MCPO_VAULT_KEY_FILE has changed; keys that "mcpo-ts vault rotate-key" adds are read when they are needed, any other change needs a restart',
    );
  }
}

function digestOf(file: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('base64');
  } catch {
    return undefined;
  }
}
