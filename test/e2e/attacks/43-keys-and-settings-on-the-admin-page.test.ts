import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { encodeToken, hs256 } from '../../fixtures/forged-tokens.ts';
import { findCanaries, plant, plantKey } from '../canaries.ts';
import { fixture, type Service, startService, temporaryFolder, test, waitFor } from '../harness.ts';
import { formHeaders, type Visit, visitByLogIn } from '../vault-visit.ts';

const folder = temporaryFolder();
const auditFile = join(folder, 'audit.jsonl');
const keyOf = (id: string) => `${id}-key-of-the-test-7c1e9b40`;
const entry = (id: string, scopes: readonly string[], more: object = {}) => ({
  id,
  hash: createHash('sha256').update(keyOf(id)).digest('hex'),
  scopes,
  ...more,
});

const planted = {
  single: plant('the single key', '', '-'),
  jwt: plant('JWT_SECRET', 'a-long-secret-', '-'),
  audit: plantKey('MCPO_AUDIT_KEY'),
  environment: plant('a value of env'),
  short: plant('a flag value', '', '-'),
  assigned: plant('an assigned flag value', '', '-'),
  header: plant('a header', '', '-'),
  userInfo: plant('a URL’s password', '', '-'),
  query: plant('a URL’s query', '', '-'),
  path: plant('a token in a URL’s path', 'Aa', ''),
  discovery: plant('a value of discovery', '', '-'),
  default: plant('a sensitive default', '', '-'),
  issuer: plant('an issuer’s secret', 'a-long-secret-of-an-issuer-', '-'),
  openWebUi: plant('MCPO_OPENWEBUI_USER_JWT_SECRET', 'another-long-secret-', '-'),
};
const canaries = Object.values(planted);

const env = {
  MCPO_API_KEY: planted.single.value,
  JWT_SECRET: planted.jwt.value,
  MCPO_AUDIT_KEY: planted.audit.value,
  MCPO_OPENWEBUI_USER_JWT_SECRET: planted.openWebUi.value,
  MCPO_DATA_DIR: join(folder, 'data'),
  SECURITY_LOG_FILE: auditFile,
};
const remote = `http://bob:${planted.userInfo.value}@127.0.0.1:9/s/${planted.path.value}/mcp?token=${planted.query.value}`;
const config = {
  mcpServers: {
    open: fixture('answers.js', ['--token', planted.short.value, `--key=${planted.assigned.value}`], {
      env: { PLAIN: planted.environment.value },
    }),
    far: { type: 'streamable-http', url: remote, headers: { 'X-Plain': planted.header.value } },
    mine: fixture('whoami.js', [], {
      env: { TOKEN: '${TOKEN}' },
      userVars: { TOKEN: { title: 'Token', default: planted.default.value } },
      discovery: { TOKEN: planted.discovery.value },
    }),
  },
  auth: {
    keys: [
      entry('half', ['admin', 'call:open/e*', 'docs']),
      entry('bare', ['admin']),
      entry('of-ada', ['call', 'vault'], { user: 'ada' }),
    ],
    issuers: [{ issuer: 'https://id.example.org', audience: 'mcpo', secret: planted.issuer.value }],
  },
};
const tokenOf = (claims: object) => {
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  return encodeToken({ alg: 'HS256', typ: 'JWT' }, { exp, ...claims }, hs256(env.JWT_SECRET));
};

describe('keys and settings on the admin’s page', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ config, env, waitForReady: false });
    await waitFor(
      async () => (await service.serverStates()).get('open')?.state === 'ready',
      20_000,
      'open to be ready',
    );
  }, 60_000);

  const logIn = (credential: string) => visitByLogIn(service.request, service.url, credential, 'admin');
  const create = (visit: Visit, fields: Readonly<Record<string, string>>) =>
    visit.post('/admin/keys/create', { form: 'create-key', id: 'new', ...fields });
  const keyIn = (text: string) => /<code>(mcpo_[\w-]{43})<\/code>/.exec(text)?.[1];
  const statusOf = async (key: string, tool = 'echo') =>
    (await service.call('open', tool, { text: 'x', line: 'x' }, { authorization: `Bearer ${key}` })).status;
  const eventsOf = (id: string) =>
    readFileSync(auditFile, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`"key/${id}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test('the configuration in force is there, and none of its secrets', async () => {
    const visit = await logIn(env.MCPO_API_KEY);
    const pages = [(await visit.get('/admin')).text, (await visit.get('/admin/live?depth=0')).text];
    expect(
      findCanaries(
        pages.map((content, index) => ({ name: `page ${index}`, content })),
        canaries,
      ),
    ).toEqual([]);
    const html = /aria-label="Configuration in force">(.*?)<\/pre>/s.exec(pages[0] ?? '')?.[1] ?? '';
    const shown = JSON.parse(html.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&#39;', "'"));
    expect(shown).toMatchObject({
      auth: { apiKey: '[hidden]', keys: [{ id: 'half' }, { id: 'bare' }, { id: 'of-ada', user: { subject: 'ada' } }] },
      mcpServers: {
        open: { type: 'stdio', env: { PLAIN: '[hidden]' }, timeoutMs: 300_000 },
        far: {
          url: 'http://[hidden]@127.0.0.1:9/s/[hidden]/mcp?token=[hidden]',
          headers: { 'X-Plain': '[hidden]' },
        },
        mine: {
          env: { TOKEN: '${TOKEN}' },
          discovery: { TOKEN: '[hidden]' },
          userVars: { TOKEN: { title: 'Token', default: '[hidden]' } },
        },
      },
    });
    expect(shown.mcpServers.open.args.slice(-3)).toEqual(['--token', '[hidden]', '--key=[hidden]']);
    expect(JSON.stringify(shown)).not.toMatch(/[0-9a-f]{64}/);
  });

  test('a key that is created there works at once, is shown once, and is stored by nobody as it is', async () => {
    const visit = await logIn(env.MCPO_API_KEY);
    const answer = await create(visit, { id: 'robot', scope: 'call', more_scopes: 'docs', expires: '2999-12-31' });
    expect([answer.status, answer.headers['cache-control']]).toEqual([201, 'no-store']);
    const key = keyIn(answer.text) ?? '';
    expect(await statusOf(key)).toBe(200);
    const { text } = await visit.get('/admin');
    expect(text).toContain('<b>robot</b>');
    expect(text).not.toContain(key);
    await waitFor(() => eventsOf('robot').length > 0, 5_000, 'the audit event');
    expect(eventsOf('robot')).toEqual([
      expect.objectContaining({
        event_type: 'key_change',
        action: 'create',
        user_id: 'key:default',
        result: 'success',
        details: { scopes: ['call', 'docs'], expires: '2999-12-31T00:00:00.000Z' },
      }),
    ]);
    expect(readFileSync(auditFile, 'utf8') + service.stderr() + service.stdout()).not.toContain(key);
    expect((await create(visit, { id: 'robot', scope: 'call' })).status).toBe(422);
    expect((await create(visit, { id: 'of-ada', scope: 'call' })).status).toBe(422);

    expect((await visit.post('/admin/keys/revoke', { id: 'robot' })).status).toBe(303);
    expect(await statusOf(key)).toBe(403);
    await waitFor(() => eventsOf('robot').length > 1, 5_000, 'the second audit event');
    expect(eventsOf('robot')[1]).toMatchObject({ action: 'revoke', user_id: 'key:default' });
    expect((await visit.post('/admin/keys/revoke', { id: 'robot' })).status).toBe(404);
    // Keys of the settings are revoked where they were given.
    expect((await visit.post('/admin/keys/revoke', { id: 'of-ada' })).status).toBe(404);
    expect(await statusOf(keyOf('of-ada'))).toBe(200);
  });

  test('no admin passes on more than they have', async () => {
    const half = await logIn(keyOf('half'));
    for (const more of [
      'call',
      'call:open',
      'call:open/*',
      'call:*/echo',
      'call:far/echo',
      'vault',
      'metrics',
      'call:open/e* metrics',
    ]) {
      const answer = await create(half, { more_scopes: more });
      expect([more, answer.status]).toEqual([more, 403]);
      expect(keyIn(answer.text)).toBeUndefined();
    }
    const echo = await create(half, { id: 'echo', more_scopes: 'call:open/echo call:open/e*', scope: 'docs' });
    expect(echo.status).toBe(201);
    expect(await statusOf(keyIn(echo.text) ?? '')).toBe(200);
    expect(await statusOf(keyIn(echo.text) ?? '', 'nothing')).not.toBe(200);
    const page = (await half.get('/admin')).text;
    expect([...page.matchAll(/name="scope" value="([\w:]+)"/g)].map(([, scope]) => scope)).toEqual([
      'vault:admin',
      'docs',
      'admin',
    ]);

    // A token's own scopes, which its session keeps; and nothing of a token without the scope "admin".
    const token = await logIn(tokenOf({ sub: 'eve', scope: 'admin call:open' }));
    expect((await create(token, { id: 'of-eve', scope: 'call' })).status).toBe(403);
    expect((await create(token, { id: 'of-eve', more_scopes: 'call:open/echo' })).status).toBe(201);
    const ada = await visitByLogIn(service.request, service.url, keyOf('of-ada'));
    const refused = await ada.post('/admin/keys/create', { id: 'of-ada-2', scope: 'call' });
    expect([refused.status, keyIn(refused.text)]).toEqual([403, undefined]);
    expect((await ada.post('/admin/keys/revoke', { id: 'of-eve' })).status).toBe(403);
    expect((await half.get('/admin')).text).toContain('<b>of-eve</b>');
  });

  test('only the page’s own form creates and revokes', async () => {
    const visit = await logIn(env.MCPO_API_KEY);
    await create(visit, { id: 'target', scope: 'call' });
    const other = await logIn(keyOf('bare'));
    for (const [path, fields] of [
      ['/admin/keys/create', { id: 'forged', scope: 'call' }],
      ['/admin/keys/revoke', { id: 'target' }],
    ] as const) {
      for (const form_token of ['', 'x', other.formToken]) {
        expect((await visit.post(path, { ...fields, form_token })).status).toBe(403);
      }
      const body = new URLSearchParams({ ...fields, form_token: visit.formToken }).toString();
      const foreign = formHeaders('https://evil.example', visit.cookie);
      expect((await service.request('POST', path, { headers: foreign, body })).status).toBe(403);
      const bearer = { ...formHeaders(service.url), authorization: `Bearer ${env.MCPO_API_KEY}` };
      expect((await service.request('POST', path, { headers: bearer, body })).status).toBe(401);
      expect((await service.request('GET', `${path}?${body}`, { headers: { cookie: visit.cookie } })).status).toBe(303);
    }
    const { text } = await visit.get('/admin');
    expect(text).toContain('<b>target</b>');
    expect(text).not.toContain('forged');
  });

  test('what cannot be a key is refused, with what was typed still there, as text', async () => {
    const visit = await logIn(env.MCPO_API_KEY);
    for (const fields of [
      { id: '"><script>alert(1)</script>', scope: 'call' },
      { id: 'default', scope: 'call' },
      { id: 'x'.repeat(65), scope: 'call' },
      { id: 'ok' },
      { id: 'ok', more_scopes: '"><script>alert(1)</script>' },
      { id: 'ok', scope: 'call', user: '"><script>alert(1)</script>:' },
      { id: 'ok', scope: 'call', expires: '2001-01-01' },
      { id: 'ok', scope: 'call', expires: '"><script>alert(1)</script>' },
    ]) {
      const answer = await create(visit, fields);
      expect([fields, answer.status]).toEqual([fields, 422]);
      expect(answer.text).not.toContain('<script>');
      expect(answer.text).toMatch(/<details open>\s*<summary>Create a key/);
    }
    expect((await visit.get('/admin')).text).not.toContain('<b>ok</b>');
  });

  test('a key of a user acts as that user, and the audit log says whose it is', async () => {
    const visit = await logIn(env.MCPO_API_KEY);
    const key = keyIn((await create(visit, { id: 'of-bob', scope: 'call', user: 'bob' })).text) ?? '';
    const vault = await visitByLogIn(service.request, service.url, key);
    expect((await vault.get('/vault')).text).toContain('<b>bob</b>');
    await waitFor(() => eventsOf('of-bob').length > 0, 5_000, 'the audit event');
    expect(eventsOf('of-bob')[0]).toMatchObject({ subject_id: 'user:10:open-webui:bob', user_id: 'key:default' });
  });
});
