import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { LogInBrowser } from '../fixtures/log-in-browser.ts';
import { CLIENT, type LogInProviderProcess, startLogInProvider } from '../fixtures/start-log-in-provider.ts';
import { auditFile, auditLines, waitForLine } from './audit-lines.ts';
import { fixture, type Service, startService, temporaryFolder, test } from './harness.ts';

const KEY = 'key-of-the-admin-77b1';
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const audit = auditFile();

let provider: LogInProviderProcess;
let service: Service;

beforeAll(async () => {
  provider = await startLogInProvider();
  service = await startService({
    config: {
      auth: {
        login: { issuer: provider.issuer, ...CLIENT, title: 'Example <ID>' },
        issuers: [{ issuer: provider.issuer, audience: 'mcpo-ts' }],
        groups: { 'mcp-admins': ['admin'] },
      },
      mcpServers: {
        tracker: fixture('env.js', [], {
          env: { TRACKER_TOKEN: '${TOKEN}' },
          userVars: { TOKEN: { title: 'Tracker token' } },
        }),
      },
    },
    env: { MCPO_API_KEY: KEY, MCPO_DATA_DIR: temporaryFolder(), SECURITY_LOG_FILE: audit },
  });
  await provider.register({
    redirectUri: `${service.url}/vault/log-in/callback`,
    backChannelUri: `${service.url}/vault/log-in/back-channel`,
  });
}, 60_000);
afterAll(() => provider.kill());

const startUrl = (page = 'vault') => `${service.url}/vault/log-in/start?page=${encodeURIComponent(page)}`;

async function logIn(name: string, page = 'vault') {
  const browser = new LogInBrowser();
  const callback = await browser.logInAtProvider(startUrl(page), name);
  return { browser, callback, answer: await browser.get(callback) };
}

const vault = (browser: LogInBrowser) => browser.get(`${service.url}/vault`);
const isLoggedIn = async (browser: LogInBrowser) => (await vault(browser)).text.includes('Log out</button>');
const sessionCookie = (browser: LogInBrowser) => browser.cookies(service.url).get('mcpo-vault');

describe('a log-in at a provider', () => {
  test('is offered on both pages beside the form for keys, with the title as text', async () => {
    for (const page of ['vault', 'admin']) {
      const { text } = await service.get(`/${page}`);
      expect(text).toContain('Log in with <bdi>Example &lt;ID&gt;</bdi>');
      expect(text).toContain('name="credential"');
    }
  });

  test('asks for a code with PKCE, state and nonce, and leads back to one URL', async () => {
    const { status, location = '', headers } = await new LogInBrowser().get(startUrl());
    expect(status).toBe(303);
    const { searchParams } = new URL(location);
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'mcpo',
      redirect_uri: `${service.url}/vault/log-in/callback`,
      scope: 'openid profile email',
      code_challenge_method: 'S256',
    });
    for (const name of ['state', 'nonce', 'code_challenge']) expect(searchParams.get(name)).toMatch(/^[\w-]{43}$/);
    const [cookie = ''] = headers.getSetCookie();
    expect(cookie).toMatch(/; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/);
    const challenge = searchParams.get('code_challenge') ?? '';
    for (const secret of [challenge, searchParams.get('state') ?? '']) expect(cookie).not.toContain(secret);
  });

  test('opens the vault of the same person as the tokens of that issuer name', async () => {
    const { browser, answer } = await logIn('alice');
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('<meta http-equiv="refresh" content="0; url=../../vault">');
    const page = await vault(browser);
    expect(page.text).toContain('Logged in as <b>alice Example (alice@example.org)</b>');
    expect(page.text).toContain('single sign-on');
    const formToken = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const saved = await browser.post(`${service.url}/vault/servers/tracker`, {
      form_token: formToken,
      'value.TOKEN': 'value-of-alice',
      action: 'save',
    });
    expect(saved.status).toBe(303);
    const token = await provider.sign({ sub: 'alice', aud: 'mcpo-ts' });
    const called = await service.call('tracker', 'environment', {}, { authorization: `Bearer ${token}` });
    expect([called.status, called.text]).toEqual([200, expect.stringContaining('value-of-alice')]);
    const list = await service.get('/vault/api/servers', { authorization: `Bearer ${token}` });
    expect(JSON.stringify(list.json())).toContain('"is_set":true');
    await waitForLine(audit, ({ event_type, user_id, details }) => {
      return (
        event_type === 'log_in' &&
        user_id === `user:${provider.issuer.length}:${provider.issuer}:alice` &&
        details?.way === 'provider'
      );
    });
  });

  test('makes an admin of who is in the group for it, and of nobody else', async () => {
    const root = await logIn('root', 'admin');
    expect(root.answer.text).toContain('url=../../admin"');
    expect((await root.browser.get(`${service.url}/admin`)).status).toBe(200);
    const alice = await logIn('alice', 'admin');
    expect((await alice.browser.get(`${service.url}/admin`)).status).toBe(403);
  });

  for (const page of [
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    'vault/../../evil',
    'javascript:alert(1)',
    'vault/link/x?y=https://evil.example',
    'https:evil.example',
  ]) {
    test(`never leads to a page that is not ours: ${page}`, async () => {
      const { answer } = await logIn('alice', page);
      expect(answer.text).toContain('content="0; url=../../vault"');
      expect(answer.text).not.toContain('evil');
    });
  }

  test('leads back to a setup link', async () => {
    const { answer } = await logIn('alice', 'vault/link/abc_DEF-123');
    expect(answer.text).toContain('content="0; url=../../vault/link/abc_DEF-123"');
  });

  test('that the person cancels says so on the page it began on', async () => {
    const { browser, answer } = await logIn('', 'admin');
    expect(answer.status).toBe(401);
    expect(answer.text).toContain('Example &lt;ID&gt; did not log you in, because you or its admin did not allow it.');
    expect(answer.text).toContain('Administration');
    expect(sessionCookie(browser)).toBeUndefined();
  });
});

describe('what an attacker tries', () => {
  test('the callback of another browser logs nobody in, and neither does a made-up one', async () => {
    const browser = new LogInBrowser();
    const callback = await browser.logInAtProvider(startUrl(), 'mallory');
    const victim = new LogInBrowser();
    const answers = [
      await victim.get(callback),
      await victim.get(`${service.url}/vault/log-in/callback?code=x&state=y`),
      await victim.get(`${service.url}/vault/log-in/callback`),
    ];
    await victim.get(startUrl());
    answers.push(await victim.get(callback));
    for (const { status, text } of answers) {
      expect(status).toBe(401);
      expect(text).toContain('This log-in was not begun in this browser');
    }
    expect(sessionCookie(victim)).toBeUndefined();
  });

  test('a callback works once, also for a thief of all cookies', async () => {
    const browser = new LogInBrowser();
    const callback = await browser.logInAtProvider(startUrl(), 'alice');
    const thief = browser.clone();
    expect((await browser.get(callback)).status).toBe(200);
    expect((await browser.get(callback)).status).toBe(401);
    expect((await thief.get(callback)).text).toContain('This log-in has expired or was used already.');
    expect(sessionCookie(thief)).toBeUndefined();
  });

  test('a code of another log-in is refused by PKCE, and another state by the cookie', async () => {
    const one = new LogInBrowser();
    const other = new LogInBrowser();
    const callbackOfOne = new URL(await one.logInAtProvider(startUrl(), 'alice'));
    const callbackOfOther = new URL(await other.logInAtProvider(startUrl(), 'mallory'));
    callbackOfOne.searchParams.set('code', callbackOfOther.searchParams.get('code') ?? '');
    expect((await one.get(callbackOfOne.href)).status).toBe(401);
    expect(sessionCookie(one)).toBeUndefined();
  });

  test('an answer that names another issuer, or none, is refused', async () => {
    for (const iss of ['https://evil.example', undefined]) {
      const browser = new LogInBrowser();
      const callback = new URL(await browser.logInAtProvider(startUrl(), 'alice'));
      if (iss === undefined) callback.searchParams.delete('iss');
      else callback.searchParams.set('iss', iss);
      const { status, text } = await browser.get(callback.href);
      expect(status).toBe(401);
      expect(text).toContain('could not be verified');
      expect(sessionCookie(browser)).toBeUndefined();
    }
  });

  test('two tabs can log in at once', async () => {
    const browser = new LogInBrowser();
    const first = await browser.logInAtProvider(startUrl(), 'alice');
    const second = await browser.logInAtProvider(startUrl('admin'), 'alice');
    expect((await browser.get(first)).text).toContain('url=../../vault"');
    expect((await browser.get(second)).text).toContain('url=../../admin"');
  });

  test('a page of another site begins no log-in, and a cookie that was planted is not kept', async () => {
    const browser = new LogInBrowser();
    const begun = await browser.get(startUrl(), { 'sec-fetch-site': 'cross-site' });
    expect(begun.location).toBe('../../vault');
    browser.set(service.url, 'mcpo-vault', 'planted.by-a-neighbour');
    const callback = await browser.logInAtProvider(startUrl(), 'alice');
    await browser.get(callback);
    expect(sessionCookie(browser)).not.toBe('planted.by-a-neighbour');
    expect(await isLoggedIn(browser)).toBe(true);
  });

  test('a log-in over an earlier one ends that one', async () => {
    const { browser } = await logIn('alice');
    const before = browser.clone();
    await browser.get(await browser.logInAtProvider(startUrl(), 'alice'));
    expect(await isLoggedIn(browser)).toBe(true);
    expect(await isLoggedIn(before)).toBe(false);
  });

  test('a cookie that was copied is of no use after the log-out', async () => {
    const { browser } = await logIn('alice');
    const thief = browser.clone();
    const formToken = /name="form_token" value="([^"]+)"/.exec((await vault(browser)).text)?.[1] ?? '';
    expect(await isLoggedIn(thief)).toBe(true);
    await browser.post(`${service.url}/vault/log-out`, { form_token: formToken });
    expect(await isLoggedIn(thief)).toBe(false);
    await waitForLine(audit, ({ event_type, result }) => event_type === 'log_out' && result === 'success');
  });

  test('nothing of it is in the log or the audit log: no code, state, token or cookie', async () => {
    const { browser, callback } = await logIn('alice');
    const { searchParams } = new URL(callback);
    const cookie = sessionCookie(browser) ?? 'none';
    const said = service.stdout() + service.stderr() + JSON.stringify(auditLines(audit));
    for (const secret of [searchParams.get('code'), searchParams.get('state'), cookie, CLIENT.clientSecret]) {
      expect(said).not.toContain(secret);
    }
  });
});

describe('the back channel', () => {
  const send = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
    service.request('POST', '/vault/log-in/back-channel', {
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(fields).toString(),
    });
  const notice = (claims: object = {}) =>
    provider.sign({ aud: 'mcpo', jti: randomUUID(), sub: 'alice', events: { [LOGOUT_EVENT]: {} }, ...claims });

  test('ends the session that the provider has ended, and not another one of the same user', async () => {
    const here = await logIn('bob');
    const elsewhere = await logIn('bob');
    const { browser } = here;
    const asked = await browser.get(`${provider.issuer}/session/end?client_id=mcpo`);
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(asked.text)?.[1] ?? '';
    await browser.post(`${provider.issuer}/session/end/confirm`, { xsrf, logout: 'yes' });
    await waitForLine(audit, ({ event_type, action, result }) => {
      return event_type === 'session_ended' && action === 'back_channel' && result === 'success';
    });
    expect(await isLoggedIn(browser)).toBe(false);
    expect(await isLoggedIn(elsewhere.browser)).toBe(true);
  });

  test('ends all sessions of a user by the subject, and answers 200 where there is none', async () => {
    const browsers = [(await logIn('carol')).browser, (await logIn('carol')).browser];
    const answer = await send({ logout_token: await notice({ sub: 'carol' }) });
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    for (const browser of browsers) expect(await isLoggedIn(browser)).toBe(false);
    expect((await send({ logout_token: await notice({ sub: 'nobody' }) })).status).toBe(200);
  });

  test('refuses every other token, with 400 and a JSON error, and ends nothing', async () => {
    const { browser } = await logIn('alice');
    const right = await notice({ sub: 'nobody' });
    expect((await send({ logout_token: right })).status).toBe(200);
    const [header = '', payload = ''] = (await notice()).split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
    const bad = [
      right,
      none,
      `${header}.${payload}.${'A'.repeat(342)}`,
      await notice({ iss: 'https://evil.example' }),
      await notice({ aud: 'another-client' }),
      await notice({ aud: undefined }),
      await notice({ exp: 1 }),
      await notice({ iat: undefined, header: {} }).then((token) => token.replace(/^/, 'x')),
      await notice({ iat: Math.floor(Date.now() / 1_000) + 3_600 }),
      await notice({ nonce: 'n' }),
      await notice({ events: {} }),
      await notice({ events: { [LOGOUT_EVENT]: 'yes' } }),
      await notice({ events: undefined }),
      await notice({ jti: undefined }),
      await notice({ sub: undefined }),
      await notice({ header: { typ: 'at+jwt' } }),
      'nonsense',
      '',
    ];
    for (const token of bad) {
      const answer = await send({ logout_token: token });
      expect([token.slice(0, 20), answer.status]).toEqual([token.slice(0, 20), 400]);
      expect(answer.json()).toMatchObject({ error: 'invalid_request' });
    }
    expect((await send({ logout_token: await notice() }, { 'content-type': 'text/plain' })).status).toBe(400);
    expect(await isLoggedIn(browser)).toBe(true);
  });
});
