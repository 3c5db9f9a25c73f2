import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { CreateSecretCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from '../e2e/harness.ts';
import { freePort } from '../free-port.ts';

/** AWS as far as moto emulates it: Secrets Manager and KMS. */
let moto: ChildProcess;
let endpoint: string;
beforeAll(async () => {
  const port = await freePort();
  endpoint = `http://127.0.0.1:${port}`;
  moto = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  await waitFor(
    () =>
      fetch(endpoint).then(
        () => true,
        () => false,
      ),
    30_000,
    'moto to listen',
  );
}, 40_000);
afterAll(async () => {
  moto.kill();
  await once(moto, 'exit');
});

const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: randomBytes(20).toString('hex') };
const client = () => ({ endpoint, region: 'eu-west-1', credentials });
const environment = () => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
});
const using = (value: string) => fixture('env.js', [], { env: { SECRET: value } });
const variableOf = async (service: Service, server: string) =>
  ((await service.call(server, 'environment', {})).json() as { env: Record<string, string> }).env.SECRET;

test('secrets are read from AWS Secrets Manager, whole or by key, by name or ARN, and again after a rotation', async () => {
  const manager = new SecretsManagerClient(client());
  const first = randomBytes(8).toString('hex');
  await manager.send(new CreateSecretCommand({ Name: 'prod/crm', SecretString: JSON.stringify({ token: first }) }));
  const { ARN } = await manager.send(new CreateSecretCommand({ Name: 'plain', SecretString: 'value-as-a-whole' }));
  const servers = { crm: using('Bearer ${aws-sm:prod/crm#token}'), plain: using(`\${aws-sm:${ARN}}`) };
  const service = await startService({ servers, env: { ...environment(), MCPO_SECRET_REFRESH: '1s' } });
  expect(await variableOf(service, 'crm')).toBe(`Bearer ${first}`);
  expect(await variableOf(service, 'plain')).toBe('value-as-a-whole');
  const second = randomBytes(8).toString('hex');
  await manager.send(
    new PutSecretValueCommand({ SecretId: 'prod/crm', SecretString: JSON.stringify({ token: second }) }),
  );
  await waitFor(async () => (await variableOf(service, 'crm')) === `Bearer ${second}`);
  for (const secret of [first, second, credentials.secretAccessKey]) expect(service.stderr()).not.toContain(secret);
  manager.destroy();
}, 60_000);

test('check says why AWS gives no secret', async () => {
  const missing = await runCommand(['check'], { servers: { one: using('${aws-sm:none#x}') }, env: environment() });
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(/\$\{aws-sm:none#x\} cannot be read: AWS Secrets Manager answered ResourceNotFound/);
  const away = { ...environment(), AWS_ENDPOINT_URL: 'http://127.0.0.1:9' };
  const refused = await runCommand(['check'], { servers: { one: using('${aws-sm:none#x}') }, env: away });
  expect(refused.stderr).toMatch(/cannot be read: AWS Secrets Manager answered/);
}, 60_000);

test("the vault's key is wrapped by AWS KMS", async () => {
  const kms = new KMSClient(client());
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  kms.destroy();
  const dataDir = join(temporaryFolder(), 'data');
  const apiKey = randomBytes(24).toString('hex');
  const env = {
    ...environment(),
    MCPO_DATA_DIR: dataDir,
    MCPO_API_KEY: apiKey,
    MCPO_TRUST_USER_HEADERS: 'true',
    MCPO_VAULT_KMS: `aws-kms:${KeyMetadata?.Arn}`,
  };
  const headers = { authorization: `Bearer ${apiKey}`, 'x-openwebui-user-id': 'anna' };
  const servers = { jira: fixture('env.js', [], { env: { SECRET: '${TOKEN}' }, userVars: { TOKEN: {} } }) };
  const value = randomBytes(8).toString('hex');
  const service = await startService({ servers, env });
  const path = '/vault/api/servers/jira/variables/TOKEN';
  const json = { ...headers, 'content-type': 'application/json' };
  expect((await service.request('PUT', path, { headers: json, body: JSON.stringify({ value }) })).status).toBe(204);
  await service.stop();
  expect(readFileSync(join(dataDir, 'vault.key'), 'utf8')).toMatch(/^aws-kms:arn:aws:kms:eu-west-1:\d+:key\/[\w-]+:/);
  expect((await runCommand(['vault', 'rewrap-key'], { env })).stdout).toMatch(/^1 key is wrapped under aws-kms:arn/);
  const again = await startService({ servers, env });
  const answer = await again.call('jira', 'environment', {}, headers);
  expect((answer.json() as { env: Record<string, string> }).env.SECRET).toBe(value);
}, 60_000);
