import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import jsonwebtoken, { type JwtPayload } from 'jsonwebtoken';
import { encodeToken, hs256 } from '../fixtures/forged-tokens.ts';
import { loadJwksRsaNatively } from '../fixtures/native-jwks-rsa.ts';
import { type OidcProvider, startOidcProvider } from '../fixtures/start-oidc-provider.ts';
import { runCommand, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';
import type { HttpAnswer } from './http-request.ts';
import { startUserHttpServer, type UserHttpServer } from './user-servers.ts';
import { type Ask, visitByLink } from './vault-visit.ts';

loadJwksRsaNatively();

const KEY = 'key-of-the-user-tokens-test';
const JWT_SECRET = 'secret-of-the-test-that-is-long-enough-08ef';
const USER_JWT_SECRET = 'user-jwt-secret-of-the-test-41cc-and-more';
const now = Math.floor(Date.now() / 1_000);
const settings = {
  MCPO_API_KEY: KEY,
  JWT_SECRET,
  JWT_ISSUER: 'tests',
  MCPO_OPENWEBUI_USER_JWT_SECRET: USER_JWT_SECRET,
};

interface Detail {
  readonly detail: { readonly message: string; readonly code: string; readonly setup_url: string };
}
interface Given {
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}
type Headers = Readonly<Record<string, string>>;

/** As Open WebUI calls for a user, with its signed header about him. */
function openWebUi(user: string): Headers {
  const claims = { iss: 'open-webui', sub: user, email: `${user}@example.org`, role: 'user', iat: now, exp: now + 300 };
  const token = encodeToken({ alg: 'HS256', typ: 'JWT' }, claims, hs256(USER_JWT_SECRET));
  return { authorization: `Bearer ${KEY}`, 'x-openwebui-user-jwt': token };
}
async function bearerOf(user: string): Promise<Headers> {
  const issued = await runCommand(['token', 'issue', '--user', user], { env: settings });
  return { authorization: `Bearer ${issued.stdout.trim()}` };
}

describe('what a remote server is given', () => {
  let service: Service;
  let upstream: UserHttpServer;
  let provider: OidcProvider;
  let personal: Headers;
  beforeAll(async () => {
    [upstream, provider] = await Promise.all([startUserHttpServer(), startOidcProvider()]);
    const remote = { type: 'streamable-http', url: `${upstream.origin}/mcp` };
    const userVars = { TOKEN: { title: 'Key' } };
    const env = { ...settings, MCPO_DATA_DIR: temporaryFolder() };
    const made = await runCommand(['key', 'create', '--id', 'of-ann', '--user', 'ann'], { env });
    personal = { authorization: `Bearer ${made.stdout.trim()}` };
    service = await startService({
      config: {
        mcpServers: {
          keyed: { ...remote, headers: { Authorization: 'Bearer ${TOKEN}' }, userVars },
          signed: { ...remote, headers: { 'X-User': '${user.jwt}' } },
          told: { ...remote, headers: { 'X-Caller': 'Bearer ${user.token}' }, forwardCallerToken: true },
          plain: { ...remote, headers: { 'X-Subject': '${user.id}' } },
          elsewhere: { ...remote, url: `http://localhost:${upstream.port}/mcp`, headers: { 'X-User': '${user.jwt}' } },
        },
        auth: { issuers: [{ issuer: provider.issuer, audience: 'mcpo-ts', claims: { subject: 'client_id' } }] },
      },
      env,
    });
  }, 60_000);
  afterAll(() => provider.kill());

  const ask: Ask = (method, path, options) => service.request(method, path, options);
  const show = (server: string, headers: Headers) => service.call(server, 'show', {}, headers);
  async function given(server: string, headers: Headers): Promise<Given['headers']> {
    const answer = await show(server, headers);
    expect([answer.status, answer.status === 200 ? '' : answer.text]).toEqual([200, '']);
    return (answer.json() as Given).headers;
  }
  const setKey = (headers: Headers, value: string, more = '') =>
    service.request('PUT', `/vault/api/servers/keyed/variables/TOKEN${more}`, {
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ value }),
    });
  const linkOf = (answer: HttpAnswer) => (answer.json() as Detail).detail.setup_url;

  test('a user of Open WebUI, one with a token and one with a personal key set their own by the link', async () => {
    const callers: [name: string, headers: Headers][] = [
      ['open-webui', openWebUi('ann-1')],
      ['token', await bearerOf('ann-1')],
      ['personal key', personal],
    ];
    for (const [name, headers] of callers) {
      const missing = await show('keyed', headers);
      expect([name, missing.status]).toEqual([name, 428]);
      const visit = await visitByLink(ask, service.url, linkOf(missing));
      const saved = await visit.post('/vault/servers/keyed', { 'value.TOKEN': `of ${name}`, action: 'test-and-save' });
      expect([name, saved.status]).toEqual([name, 303]);
      expect((await visit.get('/vault')).text).toContain('Go back to your chat');
    }
    for (const [name, headers] of callers) {
      expect((await given('keyed', headers)).authorization).toBe(`Bearer of ${name}`);
    }
  });

  test('a key that the server refuses is reported with a link and shown on the page, until a new one is set', async () => {
    const ben = await bearerOf('ben');
    await setKey(ben, 'expired-of-ben');
    expect((await given('keyed', ben)).authorization).toBe('Bearer expired-of-ben');
    await upstream.refuse('expired-of-ben');
    const refused = await show('keyed', ben);
    expect(refused.status).toBe(502);
    const { message, code, setup_url: url } = (refused.json() as Detail).detail;
    expect(message).toBe(`keyed refused your Key: open ${url} to set it again.`);
    expect([code, refused.text.includes('expired')]).toEqual(['credentials_refused', false]);

    const visit = await visitByLink(ask, service.url, url);
    expect((await visit.get('/vault')).text).toMatch(/has rejected your values since/);
    expect((await service.get('/vault/api/servers', ben)).json()).toMatchObject([{ status: 'failing' }]);
    const same = await visit.post('/vault/servers/keyed', { 'value.TOKEN': 'expired-of-ben', action: 'test-and-save' });
    expect([same.status, same.text.includes('nothing was saved')]).toEqual([422, true]);
    const saved = await visit.post('/vault/servers/keyed', { 'value.TOKEN': 'new-of-ben', action: 'save' });
    expect(saved.status).toBe(303);
    expect((await visit.get('/vault')).text).not.toContain('has refused');
    expect((await service.get('/vault/api/servers', ben)).json()).toMatchObject([{ status: 'ready' }]);
    expect((await given('keyed', ben)).authorization).toBe('Bearer new-of-ben');
    await upstream.refuse();
  });

  test('a token about the user is checked by the published keys, and is about them and for this server', async () => {
    const { JwksClient } = await import('jwks-rsa');
    const keys = new JwksClient({ jwksUri: `${service.url}/.well-known/jwks.json` });
    const verify = async (token: string | undefined, audience: string): Promise<JwtPayload> => {
      const header = jsonwebtoken.decode(token ?? '', { complete: true })?.header;
      const key = await keys.getSigningKey(header?.kid);
      return jsonwebtoken.verify(token ?? '', key.getPublicKey(), {
        algorithms: ['ES256'],
        audience,
        issuer: 'mcpo-ts',
      }) as JwtPayload;
    };
    const [ann, bob] = [await given('signed', openWebUi('ann')), await given('signed', openWebUi('bob'))];
    const ofAnn = await verify(ann['x-user'], upstream.origin);
    expect(ofAnn).toMatchObject({ sub: 'ann', user_issuer: 'open-webui', email: 'ann@example.org', role: 'user' });
    expect((ofAnn.exp ?? 0) - (ofAnn.iat ?? 0)).toBeLessThanOrEqual(300);
    expect(await verify(bob['x-user'], upstream.origin)).toMatchObject({ sub: 'bob' });
    // The same name from another issuer is another user.
    const other = await verify((await given('signed', await bearerOf('ann')))['x-user'], upstream.origin);
    expect(other).toMatchObject({ sub: 'ann', user_issuer: 'tests' });
    const elsewhere = (await given('elsewhere', openWebUi('ann')))['x-user'];
    await expect(verify(elsewhere, upstream.origin)).rejects.toThrow(/audience/);
    expect(await verify(elsewhere, `http://localhost:${upstream.port}`)).toMatchObject({ sub: 'ann' });
    expect(ann.authorization).toBeUndefined();
    // The service does not take it for its own.
    const reused = await show('plain', { authorization: `Bearer ${ann['x-user']}` });
    expect(reused.status).toBe(401);
  });

  test("the caller's own token goes to a server that is allowed it, and only one of an identity provider", async () => {
    const token = await provider.issue('rs256');
    const oidc = { authorization: `Bearer ${token}` };
    expect((await given('told', oidc))['x-caller']).toBe(`Bearer ${token}`);
    const plain = await given('plain', oidc);
    expect(JSON.stringify(plain)).not.toContain(token);
    for (const headers of [await bearerOf('ann'), personal, openWebUi('ann')]) {
      const came = await given('told', headers);
      expect([came['x-caller'], came.authorization]).toEqual([undefined, undefined]);
      expect(JSON.stringify(came)).not.toContain(headers.authorization?.slice('Bearer '.length));
    }
  });

  test('without that leave the service does not start', async () => {
    const server = { url: 'http://127.0.0.1:9/mcp', headers: { 'X-Caller': '${user.token}' } };
    const refused = await runCommand(['--port', '0'], { servers: { told: server }, env: settings });
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/told.*"forwardCallerToken": true/)]);
  });

  test('a server that leads elsewhere takes nobody’s key along', async () => {
    const thief = await startUserHttpServer();
    const headers = openWebUi('cid');
    await setKey(headers, 'secret-of-cid');
    const lead = async () => {
      await upstream.moveTo(`${thief.origin}/mcp`);
      const led = await show('keyed', headers);
      await upstream.moveTo(undefined);
      expect([led.status, led.text.includes('secret-of-cid')]).toEqual([expect.any(Number), false]);
      expect(led.status).toBeGreaterThanOrEqual(500);
    };
    await lead();
    const { authorization } = await waitFor(async () => {
      const answer = await show('keyed', headers);
      return answer.status === 200 && (answer.json() as Given).headers;
    });
    expect(authorization).toBe('Bearer secret-of-cid');
    // Nor in the middle of a session.
    await lead();
    expect(await thief.seen()).toEqual([]);
  });
});
