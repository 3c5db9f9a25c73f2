import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { SecretSourceSettings } from '../config/secret-source-variables.ts';
import { KeyServiceError } from '../errors.ts';
import { HashicorpVault } from './hashicorp-vault.ts';
import { SourceError } from './source-error.ts';

/** While a KMS is away, it is asked again after so long each: at a start of everything it may come up last. */
const RETRIES_MS = [500, 1_000, 2_000, 4_000, 8_000];

/** `transit:MOUNT/KEY` and what Transit returns, or `aws-kms:KEY` and the cipher text of AWS KMS as base64. */
const TRANSIT = /^transit:((?:[\w.-]+\/)*[\w.-]+)(?::(vault:v\d+:[A-Za-z0-9+/=]+))?$/;
const AWS = /^aws-kms:([\w:/.-]+?)(?::([A-Za-z0-9+/]{60,}=*))?$/;

/** Called before each further try. */
type OnRetry = (reason: string) => void;

/** Wraps a key of the vault, 32 bytes as base64, under `kms`. Rejects with `KeyServiceError`. */
export function wrapKey(kms: string, key: string, sources: SecretSourceSettings, onRetry?: OnRetry): Promise<string> {
  return asked(kms, onRetry, async () => {
    const [, name = ''] = TRANSIT.exec(kms) ?? [];
    if (name !== '') return `${kms}:${await transit(sources, 'encrypt', name, { plaintext: key }, 'ciphertext')}`;
    const [, keyId = ''] = AWS.exec(kms) ?? [];
    const { wrapWithAws } = await import('./aws.ts');
    return `${kms}:${await wrapWithAws(keyId, key)}`;
  });
}

/** The key that `wrapKey` was given. Rejects with `KeyServiceError`. */
export function unwrapKey(wrapped: string, sources: SecretSourceSettings, onRetry?: OnRetry): Promise<string> {
  const [kms] = splitWrapped(wrapped);
  return asked(kms, onRetry, async () => {
    const [, name, ciphertext] = TRANSIT.exec(wrapped) ?? [];
    if (name !== undefined) return transit(sources, 'decrypt', name, { ciphertext }, 'plaintext');
    const [, keyId = '', blob = ''] = AWS.exec(wrapped) ?? [];
    const { unwrapWithAws } = await import('./aws.ts');
    return unwrapWithAws(keyId, blob);
  });
}

/** The KMS of a wrapped key, as `MCPO_VAULT_KMS` names it, and the cipher text. Throws `KeyServiceError`. */
function splitWrapped(wrapped: string): readonly [kms: string, cipherText: string] {
  const [, name, ciphertext] = TRANSIT.exec(wrapped) ?? [];
  if (name !== undefined && ciphertext !== undefined) return [`transit:${name}`, ciphertext];
  const [, keyId, blob] = AWS.exec(wrapped) ?? [];
  if (keyId !== undefined && blob !== undefined) return [`aws-kms:${keyId}`, blob];
  throw new KeyServiceError(
    'A wrapped key of the vault is cut off or altered: it has the form transit:KEY:vault:v1:… or aws-kms:KEY:….',
  );
}

async function transit(
  sources: SecretSourceSettings,
  action: 'encrypt' | 'decrypt',
  name: string,
  body: object,
  field: 'plaintext' | 'ciphertext',
): Promise<string> {
  const { address, token, roleId, kubernetesRole } = sources.vault;
  if (address === undefined || [token, roleId, kubernetesRole].every((one) => one === undefined)) {
    throw new SourceError('needs VAULT_ADDR, and VAULT_TOKEN or another log-in', false);
  }
  const slash = name.lastIndexOf('/');
  const mount = slash === -1 ? 'transit' : name.slice(0, slash);
  const answer = await new HashicorpVault(sources.vault).call(
    'POST',
    `${mount}/${action}/${name.slice(slash + 1)}`,
    body,
  );
  const checked = z.object({ data: z.object({ [field]: z.string() }) }).safeParse(answer);
  const text = checked.data?.data[field];
  if (text === undefined) throw new SourceError(`answered without "${field}"`, false);
  return text;
}

async function asked(kms: string, onRetry: OnRetry | undefined, ask: () => Promise<string>): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const waitMs = RETRIES_MS[attempt];
      if (!error.isTemporary || waitMs === undefined) {
        throw new KeyServiceError(`The vault's key cannot be used: ${kms} ${error.message}.`);
      }
      onRetry?.(error.message);
      await delay(waitMs);
    }
  }
}
