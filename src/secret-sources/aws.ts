import { quoted, SourceError } from './source-error.ts';

const RETRY_LATER =
  /Throttl|Timeout|Unavailable|InternalService|InternalFailure|InternalError|ServiceException|ECONN|ENOTFOUND|EAI_AGAIN|EPIPE/;

const options = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 5_000 },
} as const;

/**
 * The text of a secret in AWS Secrets Manager. Credentials and region are found as AWS' own tools find them. Rejects with
 * `SourceError`.
 */
export async function readAwsSecret(name: string): Promise<string> {
  const text = await asked('AWS Secrets Manager', async () => {
    const { SecretsManagerClient, GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
    const client = new SecretsManagerClient({ ...options, ...regionOf(name) });
    try {
      return (await client.send(new GetSecretValueCommand({ SecretId: name }))).SecretString;
    } finally {
      client.destroy();
    }
  });
  if (text === undefined) throw new SourceError('has a binary secret there, and only texts can be used', false);
  return text;
}

/** Binds a wrapped key to its use; policies of the KMS key can require it. */
const CONTEXT = { purpose: 'mcpo-ts vault key' };

/** A key as base64, wrapped by AWS KMS. Rejects with `SourceError`. */
export async function wrapWithAws(keyId: string, key: string): Promise<string> {
  const blob = await asked('AWS KMS', async () => {
    const { KMSClient, EncryptCommand } = await import('@aws-sdk/client-kms');
    const client = new KMSClient({ ...options, ...regionOf(keyId) });
    const command = new EncryptCommand({
      KeyId: keyId,
      Plaintext: Buffer.from(key, 'base64'),
      EncryptionContext: CONTEXT,
    });
    return (await client.send(command)).CiphertextBlob;
  });
  return Buffer.from(blob ?? []).toString('base64');
}

/** The key as base64 again. Rejects with `SourceError`. */
export async function unwrapWithAws(keyId: string, wrapped: string): Promise<string> {
  const plain = await asked('AWS KMS', async () => {
    const { KMSClient, DecryptCommand } = await import('@aws-sdk/client-kms');
    const client = new KMSClient({ ...options, ...regionOf(keyId) });
    const command = new DecryptCommand({
      KeyId: keyId,
      CiphertextBlob: Buffer.from(wrapped, 'base64'),
      EncryptionContext: CONTEXT,
    });
    return (await client.send(command)).Plaintext;
  });
  const bytes = Buffer.from(plain ?? []);
  plain?.fill(0);
  const text = bytes.toString('base64');
  bytes.fill(0);
  return text;
}

/** An ARN names its region; otherwise it is the one of the environment or the shared configuration. */
function regionOf(name: string): { readonly region?: string } {
  const region = /^arn:[\w-]+:(?:secretsmanager|kms):([\w-]+):/.exec(name)?.[1];
  return region === undefined ? {} : { region };
}

async function asked<Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    const { name, message, code } = error as NodeJS.ErrnoException;
    const isTemporary = RETRY_LATER.test(`${name} ${code}`);
    throw new SourceError(`${what} answered ${name}: ${quoted(message)}`, isTemporary);
  }
}
