import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { LogInBrowser } from '../fixtures/log-in-browser.ts';
import { OpenWebUiSessions } from '../fixtures/open-webui-session-server.ts';
import { auditFile, waitForLine } from './audit-lines.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test } from './harness.ts';

const KEY = 'key-of-the-cookie-test-71aa';
const servers = {
  tracker: fixture('env.js', [], {
    env: { TRACKER_TOKEN: '${TOKEN}' },
    userVars: { TOKEN: { title: 'Tracker token' } },
  }),
};
const audit = auditFile();

let openWebUi: OpenWebUiSessions;
let service: Service;

beforeAll(async () => {
  openWebUi = await new OpenWebUiSessions().start();
  service = await startService({
    config: { auth: { roles: { admin: ['admin'] } }, mcpServers: servers },
    env: {
      MCPO_API_KEY: KEY,
      MCPO_OPENWEBUI_URL: openWebUi.url,
      MCPO_OPENWEBUI_COOKIE: 'true',
      MCPO_OPENWEBUI_PUBLIC_URL: 'https://chat.example.org',
      MCPO_DATA_DIR: temporaryFolder(),
      SECURITY_LOG_FILE: audit,
    },
  });
}, 60_000);
afterAll(() => openWebUi[Symbol.asyncDispose]());

/** A browser that is logged in at Open WebUI. */
function browserOf(id: string, role?: string): LogInBrowser {
  const browser = new LogInBrowser();
  browser.set(service.url, 'token', openWebUi.logIn(id, role));
  return browser;
}

const get = (browser: LogInBrowser, page = 'vault', headers = {}) => browser.get(`${service.url}/${page}`, headers);
const bindingIn = (text: string) => /name="user" value="([^"]+)"/.exec(text)?.[1] ?? '';
const proceed = (browser: LogInBrowser, fields: Record<string, string>, headers = {}) =>
  browser.post(`${service.url}/vault/log-in/open-webui`, fields, headers);
const isLoggedIn = async (browser: LogInBrowser, page = 'vault') =>
  (await get(browser, page)).text.includes('Log out</button>');

async function logIn(id: string, role?: string): Promise<LogInBrowser> {
  const browser = browserOf(id, role);
  expect((await proceed(browser, { user: bindingIn((await get(browser)).text) })).status).toBe(303);
  return browser;
}

describe('the session at Open WebUI', () => {
  test('is offered with the name of its user, and logs in with one click', async () => {
    const browser = browserOf('alice');
    const { text } = await get(browser);
    expect(text).toContain('Continue as <bdi>alice Example (alice@example.org)</bdi>');
    expect(await isLoggedIn(browser)).toBe(false);
    const answer = await proceed(browser, { user: bindingIn(text), page: 'vault' });
    expect([answer.status, answer.location]).toEqual([303, '../../vault']);
    const page = await get(browser);
    expect(page.text).toContain('Logged in as <b>alice Example (alice@example.org)</b>');
    await waitForLine(
      audit,
      ({ event_type, user_id, details }) =>
        event_type === 'log_in' && user_id === 'user:10:open-webui:alice' && details?.way === 'open-webui',
    );
  });

  test('leads back to /admin, and gives its rights to who has them', async () => {
    const browser = browserOf('root', 'admin');
    const { text } = await get(browser, 'admin');
    const answer = await proceed(browser, { user: bindingIn(text), page: 'admin' });
    expect(answer.location).toBe('../../admin');
    expect((await get(browser, 'admin')).status).toBe(200);
    expect((await get(await logIn('bob'), 'admin')).status).toBe(403);
  });

  test('is not offered to who is pending or unknown, and a log-out stays one', async () => {
    expect((await get(browserOf('new', 'pending'))).text).not.toContain('Continue as');
    const unknown = new LogInBrowser();
    unknown.set(service.url, 'token', `${openWebUi.logIn('x').slice(0, -4)}AAAA`);
    expect((await get(unknown)).text).not.toContain('Continue as');
    const browser = await logIn('alice');
    const formToken = /name="form_token" value="([^"]+)"/.exec((await get(browser)).text)?.[1] ?? '';
    await browser.post(`${service.url}/vault/log-out`, { form_token: formToken });
    expect((await get(browser)).text).toContain('Continue as');
    expect(await isLoggedIn(browser)).toBe(false);
  });

  test('ends ours when it ends, or becomes that of another user', async () => {
    const browser = await logIn('carol');
    expect(await isLoggedIn(browser)).toBe(true);
    const token = browser.cookies(service.url).get('token') ?? '';
    browser.set(service.url, 'token', openWebUi.logIn('mallory'));
    expect(await isLoggedIn(browser)).toBe(false);
    browser.set(service.url, 'token', token);
    expect(await isLoggedIn(browser)).toBe(true);
    browser.set(service.url, 'token', 'none');
    expect(await isLoggedIn(browser)).toBe(false);
  });

  test('counts neither for calls nor for the vault’s API nor for documents', async () => {
    const browser = browserOf('alice');
    for (const path of ['vault/api/servers', 'vault/api/me']) {
      expect((await get(browser, path)).status).toBeGreaterThanOrEqual(401);
    }
    const cookie = `token=${openWebUi.logIn('alice')}`;
    expect((await service.call('tracker', 'environment', {}, { cookie })).status).toBe(401);
  });

  test('changes nothing for a form of another site, a script, or without the question', async () => {
    const browser = browserOf('alice');
    const { text } = await get(browser);
    const user = bindingIn(text);
    const refused = [
      await proceed(browser, { user }, { origin: 'https://evil.example' }),
      await proceed(browser, { user }, { origin: new URL(openWebUi.url).origin, 'sec-fetch-site': 'same-site' }),
      await proceed(
        browser,
        { user },
        { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
      ),
      await proceed(
        browser,
        { user },
        { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
      ),
      await proceed(
        browser,
        { user },
        {
          'sec-fetch-site': 'same-origin',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'iframe',
          'sec-fetch-user': '?1',
        },
      ),
      await proceed(browser, {}),
      await proceed(browser, { user: 'x'.repeat(43) }),
    ];
    expect(refused.map(({ status }) => status)).toEqual(Array(7).fill(403));
    expect(await isLoggedIn(browser)).toBe(false);
    const byHand = {
      'sec-fetch-site': 'same-origin',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      'sec-fetch-user': '?1',
    };
    expect((await proceed(browser, { user }, byHand)).status).toBe(303);
    const fetched = await get(browserOf('alice'), 'vault', { 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' });
    expect(fetched.text).not.toContain('Continue as');
  });

  test('that was exchanged between question and answer logs in nobody', async () => {
    const browser = browserOf('alice');
    const user = bindingIn((await get(browser)).text);
    browser.set(service.url, 'token', openWebUi.logIn('mallory'));
    const answer = await proceed(browser, { user });
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('Open WebUI now says that you are somebody else. Check who it is below.');
    expect(answer.text).toContain('Continue as <bdi>mallory Example');
    expect(await isLoggedIn(browser)).toBe(false);
  });

  test('beside a second cookie of the name does not count: a neighbour may have set it', async () => {
    const cookie = `token=${openWebUi.logIn('alice')}; token=${openWebUi.logIn('mallory')}`;
    expect((await service.get('/vault', { cookie })).text).not.toContain('Continue as');
  });

  test('while Open WebUI is away is said to be so, and the other ways remain', async () => {
    const browser = browserOf('dora');
    openWebUi.isDown = true;
    const { status, text } = await get(browser);
    openWebUi.isDown = false;
    expect(status).toBe(200);
    expect(text).toContain('Open WebUI does not answer');
    expect(text).toContain('name="credential"');
  });

  test('goes nowhere: neither to a log nor on with the question', async () => {
    await logIn('alice');
    const said = service.stdout() + service.stderr();
    for (const token of openWebUi.users.keys()) expect(said).not.toContain(token);
    for (const asked of openWebUi.asked) expect(asked).toMatch(/^\["GET","\/api\/v1\/auths\/",null\]$/);
  });
});

test('the page links to Open WebUI and explains the setup link', async () => {
  const { text } = await service.get('/vault');
  expect(text).toContain('<a href="https://chat.example.org">Go to Open WebUI</a>');
  expect(text).toContain('Ask for a tool in the chat.');
});

test('it is off unless said, and needs the URL of Open WebUI', async () => {
  const env = { MCPO_API_KEY: KEY, MCPO_DATA_DIR: temporaryFolder() };
  const other = await startService({ servers, env: { ...env, MCPO_OPENWEBUI_URL: openWebUi.url } });
  const asked = openWebUi.asked.length;
  const { text } = await other.get('/vault', { cookie: `token=${openWebUi.logIn('alice')}` });
  expect(text).not.toContain('Continue as');
  expect(openWebUi.asked.length).toBe(asked);
  expect(text).toContain(`<a href="${openWebUi.url}">Go to Open WebUI</a>`);
  const bare = await runCommand(['check'], { servers, env: { ...env, MCPO_OPENWEBUI_COOKIE: 'true' } });
  expect(bare.code).toBe(2);
  expect(bare.stderr).toContain('"MCPO_OPENWEBUI_COOKIE": needs MCPO_OPENWEBUI_URL beside it');
  const inside = await startService({ servers, env: { ...env, MCPO_OPENWEBUI_URL: 'http://open-webui:8080' } });
  expect((await inside.get('/vault')).text).not.toContain('Go to Open WebUI');
});
