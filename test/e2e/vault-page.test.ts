import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect } from '@jest/globals';
import { auditFile } from './audit-lines.ts';
import { type Service, startService, temporaryFolder, test } from './harness.ts';
import { startUserHttpServer, type UserHttpServer } from './user-servers.ts';
import { type Ask, visitByLink } from './vault-visit.ts';

const key = 'key-of-the-vault-page-test';
const secret = 'jira-canary-5e1b';
const audit = auditFile();
const chat = 'c0ffee00-1111-2222-3333-444455556666';
const as = (user: string, more: object = {}) => ({
  authorization: `Bearer ${key}`,
  'x-openwebui-user-id': user,
  'x-openwebui-chat-id': chat,
  ...more,
});

describe("the vault's page", () => {
  let service: Service;
  let upstream: UserHttpServer;
  const ask: Ask = (method, path, options) => service.request(method, path, options);
  beforeAll(async () => {
    upstream = await startUserHttpServer();
    const jira = {
      type: 'streamable-http',
      url: `${upstream.origin}/mcp`,
      title: 'Jira',
      headers: { Authorization: 'Bearer ${TOKEN}', 'X-Site': '${SITE}' },
      userVars: {
        TOKEN: {
          title: 'API token',
          description: 'Made under **Security**.',
          pattern: 'jira-[a-z0-9-]+',
          patternHint: 'begins with jira-',
        },
        SITE: { title: 'Site', sensitive: false, required: false },
      },
    };
    service = await startService({
      config: { mcpServers: { jira } },
      args: ['--api-key', key],
      env: {
        MCPO_TRUST_USER_HEADERS: 'true',
        MCPO_DATA_DIR: temporaryFolder(),
        MCPO_OPENWEBUI_PUBLIC_URL: 'https://chat.example.org/',
        SECURITY_LOG_FILE: audit,
        LOG_LEVEL: 'debug',
      },
    });
  }, 60_000);

  const linkOf = async (user: string) =>
    ((await service.call('jira', 'jira_connect', {}, as(user))).json() as { detail: { setup_url: string } }).detail
      .setup_url;

  test('keeps what was typed when a test fails, and says in one sentence why', async () => {
    await upstream.refuse(secret);
    const ann = await visitByLink(ask, service.url, await linkOf('ann'));
    const answer = await ann.post('/vault/servers/jira', { 'value.TOKEN': secret, action: 'test-and-save' });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('>Jira refused your API token (HTTP 401); nothing was saved.</p>');
    expect(answer.text).toContain(`type="password" value="${secret}"`);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect((await ann.get('/vault')).text).not.toContain(secret);
    await upstream.refuse();
    const saved = await ann.post('/vault/servers/jira', { 'value.TOKEN': secret, action: 'test-and-save' });
    expect([saved.status, saved.headers.location?.includes(secret)]).toEqual([303, false]);
    const page = await ann.get('/vault');
    expect(page.text).toContain(`href="https://chat.example.org/c/${chat}"`);
    for (const output of [page.text, service.stdout(), service.stderr(), readFileSync(audit, 'utf8')]) {
      expect(output).not.toContain(secret);
    }
  });

  test('has the expected format in words, at the field and in the error, and takes the whole value', async () => {
    const bob = await visitByLink(ask, service.url, await linkOf('bob'));
    const page = await bob.get('/vault');
    expect(page.text).toContain('Expected format: begins with jira-');
    expect(page.text).toContain('<strong>Security</strong>');
    expect(page.text).toMatch(/still missing <a href="#field-0-0">API token<\/a>/);
    for (const value of ['JIRA', 'jira-x!', '!jira-x']) {
      const answer = await bob.post('/vault/servers/jira', { 'value.TOKEN': value, action: 'save' });
      expect([answer.status, answer.text]).toEqual([
        422,
        expect.stringContaining('API token is not in the expected format: begins with jira-.'),
      ]);
    }
  });

  test('shows a value that is not sensitive to its user alone, who can edit it; the API and links never do', async () => {
    const put = { headers: { ...as('cid'), 'content-type': 'application/json' }, body: '{"value":"site-of-cid"}' };
    expect((await service.request('PUT', '/vault/api/servers/jira/variables/SITE', put)).status).toBe(204);
    expect((await service.get('/vault/api/servers', as('cid'))).text).not.toContain('site-of-cid');
    const byLink = await visitByLink(ask, service.url, await linkOf('cid'));
    expect((await byLink.get('/vault')).text).not.toContain('site-of-cid');
    const own = await service.request('POST', '/vault/api/links', {
      headers: { ...as('cid'), 'content-type': 'application/json' },
      body: '{"server":"jira"}',
    });
    expect(own.status).toBe(201);
  });

  test('is not framed; a setup link in a frame shows nothing but itself, to be opened in a new tab', async () => {
    const link = new URL(await linkOf('dan')).pathname;
    const framed = await service.get(link, { 'sec-fetch-dest': 'iframe' });
    expect(framed.text).toContain('target="_blank" rel="noopener"');
    expect(framed.text).not.toMatch(/<form|dan/);
    expect([framed.headers['x-frame-options'], framed.headers['set-cookie']]).toEqual([undefined, undefined]);
    expect(framed.headers['content-security-policy']).not.toContain('frame-ancestors');
    for (const [path, headers] of [
      [link, {}],
      ['/vault', { 'sec-fetch-dest': 'iframe' }],
    ] as const) {
      const answer = await service.get(path, headers);
      expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(answer.headers['x-frame-options']).toBe('DENY');
    }
    const posted = await service.request('POST', link, { headers: { 'sec-fetch-dest': 'iframe', origin: 'null' } });
    expect(posted.status).toBe(403);
  });
});
