import { createHmac, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { encodeToken, type ForgerySource, forgedTokens, genuineToken, hs256 } from '../fixtures/forged-tokens.ts';
import { startKeySetServer, withKeys } from '../fixtures/key-set-server.ts';
import { type OidcProvider, startOidcProvider } from '../fixtures/start-oidc-provider.ts';
import { auditFile, lineOf } from './audit-lines.ts';
import { fixture, runCommand, type Service, startService, test, waitFor } from './harness.ts';

const secret = 'secret-of-the-test-that-is-long-enough-6b1f';
const servers = { answers: fixture('answers.js'), env: fixture('env.js') };
const nowSeconds = () => Math.floor(Date.now() / 1_000);
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const callWith = (service: Service, token: string, tool = 'text') => service.call('answers', tool, {}, bearer(token));

async function issue(env: Record<string, string>, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(['token', 'issue', ...args], { env });
  expect([code, stderr]).toEqual([0, '']);
  return stdout.trim();
}

/** Errors of one shape: 401, a challenge that says `invalid_token`, and a body with nothing but a sentence. */
function expectRefused(name: string, answer: Awaited<ReturnType<Service['get']>>, message: string): void {
  expect([name, answer.status, answer.json()]).toEqual([name, 401, { detail: message }]);
  expect([name, answer.headers['www-authenticate']]).toEqual([
    name,
    `Bearer error="invalid_token", error_description="${message}"`,
  ]);
  expect(answer.headers['content-type']).toMatch(/^application\/json\b/);
}

describe('with JWT_SECRET', () => {
  const env = { JWT_SECRET: secret, JWT_ISSUER: 'urn:tests', JWT_AUDIENCE: 'mcpo', JWT_EXPIRY: '30m' };
  const file = auditFile();
  let service: Service;
  beforeAll(async () => {
    const config = { mcpServers: servers, auth: { groups: { maintainers: ['call:env'] }, roles: { boss: ['call'] } } };
    service = await startService({ config, env: { ...env, SECURITY_LOG_FILE: file, LOG_LEVEL: 'debug' } });
  });

  test('a token that the command issued lets its user in', async () => {
    const token = await issue(env, '--user', 'ada', '--email', 'ada@example.org');
    const { exp, iat } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      exp: number;
      iat: number;
    };
    expect(exp - iat).toBe(1_800);
    const answer = await callWith(service, token);
    expect([answer.status, answer.json()]).toEqual([200, 'hello']);
    expect(await lineOf(file, answer)).toMatchObject({ user_id: 'user:9:urn:tests:ada', result: 'success' });
    expect(service.stdout() + service.stderr()).not.toContain(token);
  });

  test('scopes, roles and groups say what it may do', async () => {
    const rows: [string[], number, number][] = [
      [[], 200, 200],
      [['--scope', 'docs'], 403, 403],
      [['--scope', 'call:answers/text'], 200, 403],
      [['--scope', 'docs', '--group', 'maintainers'], 403, 200],
      [['--scope', 'docs', '--group', 'others'], 403, 403],
      [['--scope', 'docs', '--role', 'boss'], 200, 200],
      [['--scope', 'docs', '--role', 'maintainers'], 403, 403],
    ];
    for (const [args, answers, environment] of rows) {
      const token = await issue(env, '--user', 'ada', ...args);
      const statuses = [
        (await callWith(service, token)).status,
        (await service.call('env', 'environment', {}, bearer(token))).status,
      ];
      expect([args, statuses]).toEqual([args, [answers, environment]]);
    }
  });

  test('nothing else is one', async () => {
    const now = nowSeconds();
    const claims = { iss: 'urn:tests', aud: 'mcpo', sub: 'ada', scope: 'call', iat: now, exp: now + 600 };
    const make = (changed: object, header: object = {}, key = secret) =>
      encodeToken({ alg: 'HS256', typ: 'JWT', ...header }, { ...claims, ...changed }, hs256(key));
    expect((await callWith(service, make({}))).status).toBe(200);
    const notValid = 'The token is not valid.';
    const hs512 = (input: string) => createHmac('sha512', secret).update(input).digest();
    const rows: [string, string, string][] = [
      ['expired', make({ exp: now - 120 }), 'The token has expired.'],
      ['not yet valid', make({ nbf: now + 120 }), 'The token is not yet valid.'],
      ['wrong issuer', make({ iss: 'urn:others' }), 'The token is from an issuer that is not accepted here.'],
      ['wrong audience', make({ aud: 'others' }), 'The token is meant for another audience.'],
      ['without exp', make({ exp: undefined }), notValid],
      ['another secret', make({}, {}, `${secret}x`), notValid],
      ['none', encodeToken({ alg: 'none' }, claims, () => Buffer.alloc(0)), notValid],
      ['HS512 where HS256 is meant', encodeToken({ alg: 'HS512' }, claims, hs512), notValid],
      ['cut', make({}).slice(0, -10), notValid],
      ['garbage', 'eyJ.%%%.x', notValid],
      ['no token', 'some-key', notValid],
    ];
    for (const [name, token, message] of rows) expectRefused(name, await callWith(service, token), message);
    expect((await callWith(service, make({ exp: now - 20 }))).status).toBe(200);
  });

  test('documents declare bearer security', async () => {
    const document = (await service.get('/answers/openapi.json')).json() as {
      components: { securitySchemes: Record<string, { type: string; scheme: string }> };
      paths: Record<string, { post: { security?: object[] } }>;
      security?: object[];
    };
    const [[name = '', scheme] = []] = Object.entries(document.components.securitySchemes);
    expect(scheme).toMatchObject({ type: 'http', scheme: 'bearer' });
    expect(document.paths['/text']?.post.security ?? document.security).toEqual([{ [name]: [] }]);
  });
});

test('the whole corpus of forged tokens gets 401, without a request to anybody', async () => {
  await using trap = await startKeySetServer(withKeys());
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const publicKeyPem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const source: ForgerySource = {
    issuer: 'https://id.example.org',
    audience: 'mcpo',
    privateKey,
    publicKeyPem,
    keyId: 'key-1',
    trapUrl: trap.url,
    nowSeconds: nowSeconds(),
  };
  const service = await startService({
    servers,
    env: {
      JWT_PUBLIC_KEY: publicKeyPem,
      JWT_ISSUER: source.issuer,
      JWT_AUDIENCE: source.audience,
      JWT_ALGORITHM: 'RS256',
      MCPO_AUTH_FAILURE_LIMIT: 'off',
    },
  });
  expect((await callWith(service, genuineToken(source))).status).toBe(200);
  for (const { name, token, message } of forgedTokens(source)) {
    // A line break cannot be sent in a header, and node itself refuses headers of more than 16 kB.
    if (token.includes('\n') || token.length > 15_000) continue;
    expectRefused(name, await callWith(service, token), message);
  }
  const huge = await callWith(service, 'x'.repeat(100_000)).catch(({ code }: NodeJS.ErrnoException) => ({
    status: code,
  }));
  expect([431, 'ECONNRESET', 'EPIPE']).toContain(huge.status);
  expect(trap.paths).toEqual([]);
  expect((await callWith(service, genuineToken(source))).status).toBe(200);
});

describe('with the key set of a real OpenID provider', () => {
  let provider: OidcProvider;
  beforeAll(async () => {
    provider = await startOidcProvider();
  });
  afterAll(() => provider.kill());

  test('its tokens count, also after its keys have changed and after it has gone', async () => {
    const file = auditFile();
    const env = {
      JWT_ISSUER: provider.issuer,
      JWT_AUDIENCE: 'mcpo-ts',
      MCPO_API_KEY: 'key-of-the-tokens-test-9a0b',
      SECURITY_LOG_FILE: file,
    };
    const service = await startService({ servers, env });
    for (const algorithm of ['rs256', 'es256'] as const) {
      const answer = await callWith(service, await provider.issue(algorithm));
      expect([algorithm, answer.status]).toEqual([algorithm, 200]);
      const id = `user:${provider.issuer.length}:${provider.issuer}:tester`;
      expect(await lineOf(file, answer)).toMatchObject({ user_id: id });
    }
    // Its scopes are words of the provider.
    expect((await callWith(service, await provider.issue('rs256', 'call:time/*'))).status).toBe(200);

    await provider.rotate(false);
    const renewed = await provider.issue('rs256');
    await waitFor(async () => (await callWith(service, renewed)).status === 200, 20_000, 'the new keys to count');

    const before = await provider.issue('es256');
    await provider.kill();
    expect((await callWith(service, before)).status).toBe(200);
    expect((await callWith(service, 'key-of-the-tokens-test-9a0b')).status).toBe(200);
  });
});

test('a key set endpoint that is broken in any way lets nobody in, and API keys go on', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'key-1', use: 'sig', alg: 'RS256' };
  await using keySet = await startKeySetServer((_request, response) => response.writeHead(500).end('oops'));
  const issuer = 'https://broken.example.org';
  const start = () =>
    startService({
      config: { mcpServers: servers, auth: { issuers: [{ issuer, audience: 'mcpo', jwksUri: `${keySet.url}/keys` }] } },
      env: { MCPO_API_KEY: 'key-of-the-tokens-test-9a0b' },
    });
  const source = { issuer, audience: 'mcpo', privateKey, publicKeyPem: '', keyId: 'key-1', trapUrl: keySet.url };
  const token = () => genuineToken({ ...source, nowSeconds: nowSeconds() });

  const answers: Parameters<typeof startKeySetServer>[0][] = [
    (_request, response) => response.writeHead(500).end('oops'),
    (_request, response) => response.end('<html>'),
    (_request, response) => response.end('{"keys":null}'),
    (_request, response) => response.end(JSON.stringify({ keys: [{ ...jwk, kty: 'oct', k: 'AAAA' }] })),
    (_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    (request) => request.socket.destroy(),
  ];
  for (const answer of answers) {
    keySet.answer = answer;
    const service = await start();
    const refused = await callWith(service, token());
    expect([answer.toString(), [401, 503].includes(refused.status)]).toEqual([answer.toString(), true]);
    expect(refused.text).not.toContain(keySet.url);
    expect((await callWith(service, 'key-of-the-tokens-test-9a0b')).status).toBe(200);
    expect((await service.get('/healthz')).status).toBe(200);
    await service.stop();
  }
});
