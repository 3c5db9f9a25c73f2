import type { SecretSourceSettings } from '../config/secret-source-variables.ts';
import { HashicorpVault, type VaultSecret } from './hashicorp-vault.ts';
import type { Reference } from './reference.ts';
import { SourceError } from './source-error.ts';

/** A lease is renewed, or its secret read anew, when so much of its time is over. */
const RENEW_AT = 0.6;

/** What is kept at one place. */
export interface SecretDocument {
  /** When it has to be read again, whatever the interval: milliseconds since the epoch, or infinity. */
  readonly dueAt: number;
  /** Of a secret that was made for us; it is not read again before that is due, as each reading makes another. */
  readonly lease: VaultSecret['lease'];
  /** The value that a reference means, or why there is none. */
  valueOf(reference: Reference): string | SourceError;
}

/** Reads secrets where they are kept. What a kind of source needs is loaded with its first reference. */
export class SecretSources {
  readonly #settings: SecretSourceSettings;
  #vault: HashicorpVault | undefined;

  constructor(settings: SecretSourceSettings) {
    this.#settings = settings;
  }

  /** When a log-in has to be renewed: milliseconds since the epoch, or infinity. */
  get dueAt(): number {
    return this.#vault?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  /** Renews a log-in where that is due. Rejects with `SourceError`. */
  async renew(): Promise<void> {
    await this.#vault?.renew();
  }

  /** What is at the place of a reference; `before` is what it was the last time. Rejects with `SourceError`. */
  async read(reference: Reference, before: SecretDocument | undefined): Promise<SecretDocument> {
    switch (reference.source) {
      case 'vault':
        return this.#readVault(reference.locator, before);
      case 'aws-sm': {
        const { readAwsSecret } = await import('./aws.ts');
        return toDocument(await readAwsSecret(reference.locator));
      }
      case 'command': {
        const { runSecretCommand } = await import('./secret-command.ts');
        return toDocument(await runSecretCommand(reference.words, this.#settings.commands));
      }
    }
  }

  async #readVault(path: string, before: SecretDocument | undefined): Promise<SecretDocument> {
    this.#vault ??= new HashicorpVault(this.#settings.vault);
    const vault = this.#vault;
    try {
      const kept = before && (await withLease(vault, before));
      return kept ?? fromVault(await vault.read(path));
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      throw new SourceError(`HashiCorp Vault ${error.message}`, error.isTemporary);
    }
  }
}

/** The same secret with its lease prolonged where that is due; `undefined`: it has to be read anew. */
async function withLease(vault: HashicorpVault, before: SecretDocument): Promise<SecretDocument | undefined> {
  const { lease, dueAt } = before;
  if (lease === undefined) return undefined;
  if (Date.now() < dueAt) return before;
  if (!lease.isRenewable) return undefined;
  try {
    const leftMs = await vault.renewLease(lease.id);
    // Near the end of its longest time, Vault renews for less and less.
    return leftMs < 2_000 ? undefined : { ...before, dueAt: Date.now() + leftMs * RENEW_AT };
  } catch (error) {
    if (error instanceof SourceError && error.isTemporary) throw error;
    return undefined;
  }
}

function fromVault({ fields, lease }: VaultSecret): SecretDocument {
  return {
    dueAt: lease === undefined ? Number.POSITIVE_INFINITY : Date.now() + lease.durationMs * RENEW_AT,
    lease,
    valueOf: (reference) => textOf(fields, reference.source === 'vault' ? reference.key : '', 'HashiCorp Vault'),
  };
}

function toDocument(text: string): SecretDocument {
  return {
    dueAt: Number.POSITIVE_INFINITY,
    lease: undefined,
    valueOf: (reference) => {
      const key = reference.source === 'aws-sm' ? reference.key : undefined;
      if (key === undefined) return toValue(text);
      const fields = parsedObject(text);
      return fields === undefined
        ? new SourceError(`the secret is not a JSON object, so it has no key "${key}"`, false)
        : textOf(fields, key, 'AWS Secrets Manager');
    },
  };
}

function textOf(fields: Readonly<Record<string, unknown>>, key: string, where: string): string | SourceError {
  const value = Object.hasOwn(fields, key) ? fields[key] : undefined;
  if (typeof value === 'string') return toValue(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const problem = value === undefined || value === null ? 'has no key' : 'has no text at the key';
  return new SourceError(`${where} ${problem} "${key}" there`, false);
}

/** Without the line break that editors and commands leave at the end. An empty secret is a mistake. */
function toValue(text: string): string | SourceError {
  const value = text.replace(/\r?\n$/, '');
  return value === '' ? new SourceError('the secret is empty', false) : value;
}

function parsedObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
