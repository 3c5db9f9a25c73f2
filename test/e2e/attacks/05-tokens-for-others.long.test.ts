import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { encodeToken, hs256 } from '../../fixtures/forged-tokens.ts';
import { fixture, runCommand, type Service, startService, test } from '../harness.ts';

const ownSecret = 'own-secret-of-the-attack-test-5f20c9b1';
const foreignSecret = 'foreign-secret-of-the-attack-test-77d3';
const webuiSecret = 'webui-secret-of-the-attack-test-0c4e19';
const apiKey = 'key-of-the-attack-on-tokens-3d81';
const servers = { answers: fixture('answers.js') };

type Claims = Readonly<Record<string, unknown>>;

function sign(secret: string, claims: Claims): { authorization: string } {
  const now = Math.floor(Date.now() / 1_000);
  const payload = { sub: 'ann', iat: now, exp: now + 600, ...claims };
  return { authorization: `Bearer ${encodeToken({ alg: 'HS256', typ: 'JWT' }, payload, hs256(secret))}` };
}

const statusOf = async (service: Service, headers: Record<string, string>, tool = 'text') =>
  (await service.call('answers', tool, {}, headers)).status;

describe('an issuer without an audience ends the start', () => {
  const issuer = 'https://id.example.org/realms/home';
  const rows: readonly { readonly env?: Record<string, string>; readonly auth?: object; readonly key: string }[] = [
    { key: 'JWT_AUDIENCE', env: { JWT_ISSUER: issuer } },
    { key: 'JWT_AUDIENCE', env: { JWT_ISSUER: issuer, JWT_AUDIENCE: '' } },
    { key: 'JWT_AUDIENCE', env: { JWT_ISSUER: issuer, JWT_AUDIENCE: ' , ' } },
    { key: 'auth.issuers[0]', auth: { issuers: [{ issuer }] } },
    { key: 'auth.issuers[0]', auth: { issuers: [{ issuer, audience: [] }] } },
    { key: 'auth.issuers[0]', auth: { issuers: [{ issuer, secret: foreignSecret }] } },
    { key: 'auth.issuers[1]', auth: { issuers: [{ issuer, audience: 'mcpo' }, { issuer: 'urn:other' }] } },
  ];
  for (const { env = {}, auth, key } of rows) {
    test(JSON.stringify({ ...env, ...auth }), async () => {
      const config = { mcpServers: servers, ...(auth && { auth }) };
      const { code, stderr } = await runCommand([], { config, env, args: ['--port', '0'] });
      expect(code).toBe(2);
      expect(stderr).toContain(`key "${key}"`);
      expect(stderr).toMatch(/aud.*\*/);
    });
  }

  test('unless "*" says that any will do', async () => {
    const auth = { issuers: [{ issuer: 'urn:other', audience: '*', secret: foreignSecret }] };
    const service = await startService({ config: { mcpServers: servers, auth } });
    for (const aud of [undefined, 'another service', ['a', 'b']]) {
      expect([aud, await statusOf(service, sign(foreignSecret, { iss: 'urn:other', aud }))]).toEqual([aud, 200]);
    }
  });
});

test('a token for another audience is refused', async () => {
  const auth = { issuers: [{ issuer: 'urn:other', audience: 'mcpo', secret: foreignSecret }] };
  const service = await startService({ config: { mcpServers: servers, auth } });
  const statusFor = (aud: unknown) => statusOf(service, sign(foreignSecret, { iss: 'urn:other', aud }));
  for (const aud of [undefined, '', '*', 'another service', 'MCPO', 'mcpo ', 'a mcpo', [], ['mcp', 'o'], { mcpo: 1 }]) {
    expect([aud, await statusFor(aud)]).toEqual([aud, 401]);
  }
  for (const aud of ['mcpo', ['another service', 'mcpo']]) expect([aud, await statusFor(aud)]).toEqual([aud, 200]);
});

test('a token with our own secret speaks for nobody but our own users', async () => {
  const service = await startService({ servers, env: { JWT_SECRET: ownSecret } });
  for (const iss of [undefined, 'mcpo-ts']) {
    expect([iss, await statusOf(service, sign(ownSecret, { iss }))]).toEqual([iss, 200]);
  }
  for (const iss of ['open-webui', 'OPEN-WEBUI', 'open-webui ', 'https://id.example.org', '', null, 7, ['mcpo-ts']]) {
    const answer = await service.call('answers', 'text', {}, sign(ownSecret, { iss }));
    expect([iss, answer.status]).toEqual([iss, 401]);
  }
  // As a session token of Open WebUI is written.
  expect(await statusOf(service, sign(ownSecret, { sub: undefined, id: 'ann' }))).toBe(401);

  const named = await startService({ servers, env: { JWT_SECRET: ownSecret, JWT_ISSUER: 'urn:ours' } });
  expect(await statusOf(named, sign(ownSecret, { iss: 'urn:ours' }))).toBe(200);
  for (const iss of ['open-webui', 'mcpo-ts', 'urn:theirs']) {
    expect([iss, await statusOf(named, sign(ownSecret, { iss }))]).toEqual([iss, 401]);
  }
  const posing = await runCommand([], {
    servers,
    args: ['--port', '0'],
    env: { JWT_SECRET: ownSecret, JWT_ISSUER: 'open-webui' },
  });
  expect([posing.code, posing.stderr]).toEqual([2, expect.stringMatching(/JWT_ISSUER.*Open WebUI/)]);
});

describe("another issuer's scopes", () => {
  let service: Service;
  beforeAll(async () => {
    const issuer = { audience: 'mcpo', secret: foreignSecret };
    const auth = {
      issuers: [
        { ...issuer, issuer: 'urn:plain' },
        { ...issuer, issuer: 'urn:mapped', scopes: { 'mcpo-admin': ['admin'], tools: ['call:answers/image'] } },
        { ...issuer, issuer: 'urn:strict', defaultScopes: [], scopes: { tools: ['call:answers/text'] } },
      ],
    };
    service = await startService({ config: { mcpServers: servers, auth }, args: ['--strict-auth'] });
  });
  const foreign = (name: string, scope: unknown) => sign(foreignSecret, { iss: `urn:${name}`, aud: 'mcpo', scope });

  test('do not take the call right away, as "openid profile email" did', async () => {
    for (const scope of [undefined, 'openid profile email', '', 'call:other', ['email']]) {
      expect([scope, await statusOf(service, foreign('plain', scope))]).toEqual([scope, 200]);
    }
  });

  test('grant nothing that they were not mapped to', async () => {
    const admin = async (headers: Record<string, string>) =>
      (await service.request('DELETE', '/vault/api/users/nobody', { headers })).status;
    const docs = async (headers: Record<string, string>) =>
      (await service.get('/answers/openapi.json', headers)).status;
    for (const name of ['plain', 'mapped']) {
      for (const scope of ['admin', 'call docs admin metrics', ['admin'], 'mcpo-Admin', 'mcpo-admin2']) {
        expect([name, scope, await admin(foreign(name, scope))]).toEqual([name, scope, 403]);
      }
    }
    expect(await docs(foreign('strict', 'docs'))).toBe(403);
    expect(await admin(foreign('mapped', 'openid mcpo-admin'))).not.toBe(403);
    expect(await admin(foreign('plain', 'openid mcpo-admin'))).toBe(403);
  });

  test('another default than call and vault', async () => {
    expect(await statusOf(service, foreign('strict', 'call'))).toBe(403);
    expect(await statusOf(service, foreign('strict', undefined))).toBe(403);
    expect(await statusOf(service, foreign('strict', 'openid tools'))).toBe(200);
    expect(await statusOf(service, foreign('strict', 'openid tools'), 'structured')).not.toBe(200);
  });
});

describe('users whom Open WebUI has not approved yet', () => {
  const openWebUi = createServer((request, response) => {
    const role = request.headers.authorization?.includes('sk-approved') ? 'user' : 'pending';
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ id: 'eve', email: 'e@x', role }));
  });
  let url = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => openWebUi.listen(0, '127.0.0.1', resolve));
    const address = openWebUi.address();
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  });
  afterAll(() => new Promise((resolve) => openWebUi.close(resolve)));

  test("a session's secret alone does not say who is approved, so the start ends", async () => {
    const env = { MCPO_OPENWEBUI_SECRET_KEY: webuiSecret };
    const { code, stderr } = await runCommand([], { servers, env, args: ['--port', '0'] });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/MCPO_OPENWEBUI_SECRET_KEY.*MCPO_OPENWEBUI_URL/)]);
  });

  test('are denied in each way in which they can come', async () => {
    const service = await startService({
      servers,
      env: {
        MCPO_API_KEY: apiKey,
        MCPO_OPENWEBUI_SECRET_KEY: webuiSecret,
        MCPO_OPENWEBUI_URL: url,
        MCPO_OPENWEBUI_USER_JWT_SECRET: foreignSecret,
      },
    });
    const asserted = (role: string) => ({
      authorization: `Bearer ${apiKey}`,
      'x-openwebui-user-jwt': sign(foreignSecret, { iss: 'open-webui', sub: 'eve', role }).authorization.slice(7),
    });
    expect(await statusOf(service, sign(webuiSecret, { sub: undefined, id: 'eve' }))).toBe(403);
    expect(await statusOf(service, { authorization: 'Bearer sk-not-approved-0001' })).toBe(403);
    expect(await statusOf(service, { authorization: 'Bearer sk-approved-0001' })).toBe(200);
    expect(await statusOf(service, asserted('pending'))).toBe(403);
    expect(await statusOf(service, asserted('user'))).toBe(200);
  });

  test('are denied by plain headers, however the role is written', async () => {
    const env = { MCPO_API_KEY: apiKey, MCPO_TRUST_USER_HEADERS: 'true' };
    const service = await startService({ servers, env });
    for (const [role, status] of [
      ['pending', 403],
      ['Pending', 403],
      [' PENDING ', 403],
      ['user', 200],
    ] as const) {
      const headers = {
        authorization: `Bearer ${apiKey}`,
        'x-openwebui-user-id': 'eve',
        'x-openwebui-user-role': role,
      };
      expect([role, await statusOf(service, headers)]).toEqual([role, status]);
    }
  });
});

describe('users of several issuers', () => {
  const auth = { issuers: [{ issuer: 'urn:other', audience: 'mcpo', secret: foreignSecret }] };
  const env = { JWT_SECRET: ownSecret };
  const withEnv = (values: object) => ({ ...fixture('env.js'), env: values });
  const mcpServers = {
    bare: withEnv({ WHO: '${user.id}' }),
    whole: withEnv({ WHO: '${user.issuer}/${user.id}' }),
    apart: withEnv({ WHO: '{{USER_ID}}', FROM: '${user.issuer}' }),
    none: fixture('answers.js'),
  };
  const whoIs = async (service: Service, headers: Record<string, string>) =>
    ((await service.call('whole', 'environment', {}, headers)).json() as { env: { WHO: string } }).env.WHO;

  test('are distinguished by ${user.issuer}, and the start names servers that do not', async () => {
    const service = await startService({ config: { mcpServers, auth }, env });
    const warnings = service
      .stderr()
      .split('\n')
      .filter((line) => line.includes('${user.issuer}'));
    expect(warnings.map((line) => /server \\"(\w+)\\"/.exec(line)?.[1])).toEqual(['bare']);
    expect(await whoIs(service, sign(ownSecret, {}))).toBe('mcpo-ts/ann');
    expect(await whoIs(service, sign(foreignSecret, { iss: 'urn:other', aud: 'mcpo' }))).toBe('urn:other/ann');
  });

  test('one issuer needs no warning', async () => {
    const { stderr } = await runCommand(['check'], { config: { mcpServers }, env });
    expect(stderr).not.toContain('${user.issuer}');
  });
});

test('a digest of another length is no signature of ours', async () => {
  const service = await startService({ servers, env: { JWT_SECRET: ownSecret } });
  const claims = { sub: 'ann', exp: Math.floor(Date.now() / 1_000) + 600 };
  const hs512 = (input: string) => createHmac('sha512', ownSecret).update(input).digest();
  const token = encodeToken({ alg: 'HS512', typ: 'JWT' }, claims, hs512);
  expect(await statusOf(service, { authorization: `Bearer ${token}` })).toBe(401);
});
