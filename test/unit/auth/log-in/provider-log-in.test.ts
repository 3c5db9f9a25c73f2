import { createSecretKey } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { LogInProvider } from '../../../../src/auth/auth-settings.ts';
import { LogInAttempts } from '../../../../src/auth/log-in/log-in-attempts.ts';
import { ProviderLogIn } from '../../../../src/auth/log-in/provider-log-in.ts';
import { DEFAULT_CLAIMS } from '../../../../src/config/auth-schema.ts';
import { collectingLogger, type LogLine } from '../token-fixture.ts';
import { otherRsa, RogueProvider, rsa } from './rogue-provider.ts';

const REDIRECT = 'https://tools.example/vault/log-in/callback';
const CLIENT_SECRET = 'a client secret that is long enough';
const rogues: RogueProvider[] = [];
const opened: ProviderLogIn[] = [];

afterEach(async () => {
  for (const one of opened.splice(0)) one.close();
  await Promise.all(rogues.splice(0).map((rogue) => rogue[Symbol.asyncDispose]()));
});

async function setUp(more: Partial<LogInProvider> = {}) {
  const rogue = await new RogueProvider().start();
  rogues.push(rogue);
  const provider: LogInProvider = {
    key: 'p1',
    issuer: rogue.issuer,
    clientId: 'mcpo',
    clientSecret: CLIENT_SECRET,
    scopes: ['openid', 'profile'],
    title: 'Rogue',
    claims: DEFAULT_CLAIMS,
    granted: { kind: 'mapped', defaults: ['call', 'vault'], byScope: new Map([['tools', ['call:time']]]) },
    ...more,
  };
  const logs: LogLine[] = [];
  const settings = {
    logIn: [provider],
    scopesByRole: new Map([['boss', ['admin']]]),
    scopesByGroup: new Map([['admins', ['admin']]]),
  };
  const logIn = new ProviderLogIn(() => settings, collectingLogger(logs));
  opened.push(logIn);
  const attempt = new LogInAttempts([Buffer.alloc(32, 3)]).begin({ provider: 'p1', page: 'vault' });
  const redeem = (query: Record<string, string> = {}) => {
    const url = new URL(REDIRECT);
    url.search = new URLSearchParams({ code: 'c', state: attempt.state, ...query }).toString();
    return logIn.redeem(provider, url, attempt);
  };
  rogue.idToken = () => rogue.sign({ nonce: attempt.nonce });
  return { rogue, provider, logIn, logs, attempt, redeem };
}

describe('the answer of a provider', () => {
  test('names the user with scopes by role and group, as its tokens do', async () => {
    const { rogue, redeem, attempt } = await setUp();
    rogue.idToken = () =>
      rogue.sign({ nonce: attempt.nonce, sid: 's1', email: 'a@b.c', name: 'Ada', role: 'boss', groups: ['x'] });
    const { principal, session } = await redeem();
    expect(principal).toMatchObject({
      issuer: rogue.issuer,
      subject: 'ada',
      email: 'a@b.c',
      name: 'Ada',
      role: 'boss',
      groups: ['x'],
    });
    expect(principal.scopes.texts).toEqual(['call', 'vault', 'admin']);
    expect(session).toEqual({ issuer: rogue.issuer, subject: 'ada', sid: 's1' });
    const { body, authorization } = rogue.asked.find(({ path }) => path === '/token') ?? {};
    expect(body?.get('code_verifier')).toBe(attempt.codeVerifier);
    expect(body?.get('redirect_uri')).toBe(REDIRECT);
    expect(authorization).toMatch(/^Basic /);
  });

  test('is completed by the userinfo endpoint, which contradicts nothing', async () => {
    const { rogue, redeem } = await setUp();
    rogue.userInfo = { status: 200, body: { sub: 'ada', groups: ['admins'], email: 'a@b.c', iss: 'https://other' } };
    const { principal } = await redeem();
    expect(principal).toMatchObject({ issuer: rogue.issuer, subject: 'ada', groups: ['admins'], email: 'a@b.c' });
    expect(principal.scopes.allows('admin')).toBe(true);
  });

  test.each([
    ['of another user', { status: 200, body: { sub: 'root', groups: ['admins'] } }],
    ['that fails', { status: 500, body: {} }],
  ])('counts without a userinfo %s', async (_what, userInfo) => {
    const { rogue, redeem, logs } = await setUp();
    rogue.userInfo = userInfo;
    const { principal } = await redeem();
    expect(principal).toMatchObject({ subject: 'ada', groups: [] });
    expect(JSON.stringify(logs)).toContain('the userinfo of a log-in provider cannot be read');
  });

  test('is read by the claims that the admin has mapped for the issuer', async () => {
    const claims = { ...DEFAULT_CLAIMS, subject: 'oid', role: 'realm_access.roles' };
    const { rogue, redeem, attempt } = await setUp({ claims });
    rogue.idToken = () => rogue.sign({ nonce: attempt.nonce, oid: 'o-1' });
    const { principal, session } = await redeem();
    expect(principal.subject).toBe('o-1');
    expect(session.subject).toBe('ada');
  });

  test('gives what its granted scopes are mapped to, and never a scope of ours by itself', async () => {
    const { rogue, redeem } = await setUp();
    rogue.tokens = { scope: 'openid tools admin' };
    expect((await redeem()).principal.scopes.texts).toEqual(['call', 'vault', 'call:time']);
  });

  const none = (claims: object) => {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${encode({ alg: 'none' })}.${encode(claims)}.`;
  };
  const now = () => Math.floor(Date.now() / 1_000);
  test.each<[string, (rogue: RogueProvider, nonce: string) => string]>([
    [
      'is not signed',
      (r, nonce) => none({ iss: r.issuer, sub: 'ada', aud: 'mcpo', iat: now(), exp: now() + 60, nonce }),
    ],
    ['is signed with another key', (r, nonce) => r.sign({ nonce }, {}, otherRsa.privateKey)],
    [
      'is signed with the client secret',
      (r, nonce) => r.sign({ nonce }, { algorithm: 'HS256' }, createSecretKey(Buffer.from(CLIENT_SECRET))),
    ],
    ['is for another client', (r, nonce) => r.sign({ nonce, aud: 'another' })],
    [
      'is for several clients, this one not the authorized one',
      (r, nonce) => r.sign({ nonce, aud: ['mcpo', 'b'], azp: 'b' }),
    ],
    ['has another issuer', (r, nonce) => r.sign({ nonce, iss: 'https://evil.example' })],
    ['has another nonce', (r) => r.sign({ nonce: 'another' })],
    ['has no nonce', (r) => r.sign({})],
    ['has expired', (r, nonce) => r.sign({ nonce, iat: 1, exp: 2 })],
    ['has no subject', (r, nonce) => r.sign({ nonce, sub: undefined })],
    ['is an access token', (r, nonce) => r.sign({ nonce }, { header: { alg: 'RS256', typ: 'at+jwt' } })],
    ['is nonsense', () => 'nonsense'],
  ])('is refused where the ID token %s', async (_what, sign) => {
    const { rogue, redeem, attempt, logs } = await setUp();
    rogue.idToken = () => sign(rogue, attempt.nonce);
    await expect(redeem()).rejects.toMatchObject({ status: 401 });
    expect(JSON.stringify(logs)).not.toContain(attempt.nonce);
  });

  test('is refused without an ID token, with another state, and with an error of its own words', async () => {
    const { rogue, redeem } = await setUp();
    await expect(redeem({ state: 'x' })).rejects.toMatchObject({ status: 401 });
    await expect(redeem({ error: 'access_denied' })).rejects.toThrow('Rogue did not log you in, because');
    await expect(redeem({ error: '<b>x</b>' })).rejects.toThrow('Rogue did not log you in (unknown reason).');
    rogue.tokens = { id_token: undefined };
    await expect(redeem()).rejects.toMatchObject({ status: 401 });
  });
});

describe('a provider', () => {
  const secrets = { state: 's', nonce: 'n', codeVerifier: 'v'.repeat(43) };

  test('that is down answers with one sentence, and works when it is back', async () => {
    const { rogue, provider, logIn } = await setUp();
    rogue.isDown = true;
    const asking = logIn.authorizationUrl(provider, REDIRECT, secrets);
    await expect(asking).rejects.toMatchObject({
      status: 503,
      message: 'Rogue cannot be reached at the moment, so it cannot log you in. Try again in a moment.',
    });
    rogue.isDown = false;
    const { waitFor } = await import('../../../wait-for.ts');
    const url = await waitFor(() => logIn.authorizationUrl(provider, REDIRECT, secrets).catch(() => undefined), 10_000);
    expect(url.href).toContain(`${rogue.issuer}/auth?`);
  });

  test('that dies between the two halves of a log-in answers 503', async () => {
    const { rogue, provider, logIn, redeem } = await setUp();
    await logIn.authorizationUrl(provider, REDIRECT, secrets);
    rogue.isDown = true;
    await expect(redeem()).rejects.toMatchObject({ status: 503 });
  });

  test('is asked once for many log-ins', async () => {
    const { rogue, provider, logIn } = await setUp();
    await Promise.all([1, 2, 3, 4].map(() => logIn.authorizationUrl(provider, REDIRECT, secrets)));
    await logIn.authorizationUrl(provider, REDIRECT, secrets);
    expect(rogue.asked.map(({ path }) => path)).toEqual(['/.well-known/openid-configuration']);
  });

  test.each([
    ['names another issuer', { issuer: 'https://evil.example' }],
    ['differs by a slash', { issuer: undefined }],
  ])('whose discovery document %s is not used', async (_what, metadata) => {
    const { rogue, provider, logIn } = await setUp();
    rogue.metadata = metadata.issuer === undefined ? { issuer: `${rogue.issuer}/` } : metadata;
    await expect(logIn.authorizationUrl(provider, REDIRECT, secrets)).rejects.toMatchObject({ status: 503 });
  });

  test('may change its keys', async () => {
    const { rogue, redeem, attempt } = await setUp();
    await redeem();
    rogue.publicKeys = [rsa.publicKey, otherRsa.publicKey];
    rogue.idToken = () => rogue.sign({ nonce: attempt.nonce }, { keyid: 'k1' }, otherRsa.privateKey);
    expect((await redeem()).principal.subject).toBe('ada');
  });

  test('that wants the secret in the body gets it there, and a public client sends none', async () => {
    const post = await setUp();
    post.rogue.metadata = { token_endpoint_auth_methods_supported: ['client_secret_post'] };
    await post.redeem();
    expect(post.rogue.asked.find(({ path }) => path === '/token')?.body.get('client_secret')).toBe(CLIENT_SECRET);
    const open = await setUp({ clientSecret: undefined });
    await open.redeem();
    const asked = open.rogue.asked.find(({ path }) => path === '/token');
    expect([asked?.authorization, asked?.body.get('client_secret')]).toEqual([undefined, null]);
    expect(asked?.body.get('client_id')).toBe('mcpo');
  });
});
