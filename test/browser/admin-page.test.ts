import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import type { BrowserContextOptions } from 'playwright-core';
import { ALICE, type PageApp, type PageAppOptions, startPageApp } from '../unit/http/pages/page-app.ts';
import { accessibilityProblems, overflow } from './accessibility.ts';
import { ChromiumLauncher } from './launch-chromium.ts';
import { ADMIN_SERVERS, SERVERS } from './page-servers.ts';

jest.setTimeout(60_000);

const makesPictures = process.env.UPDATE_PICTURES === '1';
const BOB = { issuer: 'https://id.example.org', subject: 'auth0|5f7c8ec7c33c6c004bbafe82' };
const chromium = new ChromiumLauncher();
const apps: PageApp[] = [];

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});
afterAll(() => chromium.close());

async function start(options: PageAppOptions = {}): Promise<PageApp> {
  const app = await startPageApp({ servers: SERVERS, adminServers: ADMIN_SERVERS, ...options });
  apps.push(app);
  app.userVariables.put(ALICE, 'jira', 'JIRA_TOKEN', 'jira-canary4711');
  app.userVariables.put(ALICE, 'jira', 'JIRA_EMAIL', 'alice@example.org');
  app.userVariables.put(BOB, 'github', 'GITHUB_TOKEN', 'github-canary4712');
  return app;
}

async function logIn(app: PageApp, key = 'key-of-admin', options: BrowserContextOptions = {}) {
  const watched = await chromium.open(app.url, options);
  await watched.page.goto(`${app.url}/admin`);
  await watched.page.getByLabel('API key or token with the scope “admin”').fill(key);
  await watched.page.getByRole('button', { name: 'Log in' }).click();
  await watched.page.getByRole('button', { name: 'Log out' }).waitFor();
  return watched;
}

const unlessStatus = (problems: readonly string[]) =>
  problems.filter((one) => !one.includes('Failed to load resource'));

test.each([true, false])(
  'shows servers, sessions and values set by users; restarts and erases (script: %s)',
  async (javaScriptEnabled) => {
    const app = await start();
    const { page, problems } = await logIn(app, 'key-of-chief', { javaScriptEnabled });
    const jira = page.getByRole('article', { name: 'jira' });
    expect(await jira.locator('.state').textContent()).toBe('each user signs in');
    expect(await jira.textContent()).toMatch(/isolation: user · 3 tools · 2 sessions/);
    await jira.getByText('2 sessions', { exact: true }).click();
    expect(await jira.getByRole('row').nth(2).textContent()).toMatch(
      /auth0\|5f7c8ec7c33c6c004bbafe82.*c0ffee.*2 calls running/,
    );
    expect(await page.getByRole('article', { name: 'files' }).textContent()).toContain('cannot open /srv/files');
    expect(await page.content()).not.toMatch(/canary|471[12]/);

    await jira.getByRole('button', { name: 'Restart jira' }).click();
    await page.getByText('jira is being restarted.').waitFor();
    expect(app.restarted).toEqual(['jira']);

    await page.getByLabel('User (part of the name, e-mail address or id)').fill('AUTH0');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('article', { name: 'alice' }).waitFor({ state: 'detached' });
    const bob = page.getByRole('article', { name: BOB.subject, exact: true });
    expect(await bob.textContent()).toContain(`issuer: ${BOB.issuer}`);
    await bob.getByText('Erase this user').click();
    await bob.getByLabel('Yes, erase all data of this user').check();
    await bob.getByRole('button', { name: 'Erase' }).click();
    await page.getByText('All data of the user is erased (1 value).').waitFor();
    expect(app.userVariables.value(BOB, 'github', 'GITHUB_TOKEN')).toBeUndefined();
    expect(app.userVariables.value(ALICE, 'jira', 'JIRA_TOKEN')).toBeDefined();
    expect(app.changes).toMatchObject([
      { action: 'erase', subjectId: `user:22:${BOB.issuer}:${BOB.subject}`, userId: 'user:10:open-webui:chief' },
    ]);
    await page.getByRole('link', { name: 'Your vault' }).click();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Your vault');
    expect(problems).toEqual([
      'console: Failed to load resource: the server responded with a status of 401 (Unauthorized)',
    ]);
  },
);

test('says so to a user who is not an admin, and shows nothing', async () => {
  const app = await start();
  const { page } = await logIn(app, 'key-of-alice');
  expect(await page.getByRole('alert').textContent()).toContain('This page is for admins');
  expect(await page.content()).not.toMatch(/jira|auth0/);
  expect((await page.reload())?.status()).toBe(403);
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByText('You are logged out.').waitFor();
});

test('markup in names, reasons, users and chats is text, and nothing of it runs', async () => {
  const bad = `</table></details>"'><script>document.title='XSS'</script><img src=x onerror=alert(1)><svg onload=alert(2)>`;
  const app = await start({
    adminServers: [
      {
        name: bad,
        title: `title ${bad}`,
        state: bad,
        reason: bad,
        detail: bad,
        transport: bad,
        isolation: bad,
        tools: [bad],
        otherLists: [
          {
            id: bad,
            owner: { issuer: bad, subject: bad },
            since: Number.NaN,
            changes: { added: [bad], removed: [bad], changed: [bad] },
            isServerTextChanged: true,
          },
        ],
        sessions: [
          {
            owner: { issuer: bad, subject: bad },
            chatId: bad,
            state: bad,
            lastUsedAt: Number.NaN,
            runningCalls: 0,
            pid: undefined,
          },
        ],
      },
    ],
  });
  app.userVariables.put({ issuer: bad, subject: bad }, bad, bad, 'x');
  const { page, problems } = await logIn(app);
  expect(await page.title()).toBe('Administration');
  expect((await page.locator('main').textContent())?.split(bad).length).toBeGreaterThan(12);
  expect(await page.locator('script:not([src]), iframe, img, svg, [onerror], [onload]').count()).toBe(0);
  await page.goto(`${app.url}/admin?${new URLSearchParams({ user: bad })}`);
  expect(await page.getByRole('searchbox').inputValue()).toBe(bad);
  expect(await page.getByRole('heading', { name: bad }).count()).toBe(3);
  expect(unlessStatus(problems)).toEqual([]);
});

test('states, reasons and new lines on stderr appear by themselves; what is typed, opened or focused stays', async () => {
  const app = await start();
  const { page } = await logIn(app, 'key-of-chief');
  const files = page.getByRole('article', { name: 'files' });
  await page.getByLabel('User (part of the name, e-mail address or id)').fill('half typ');
  const jira = page.getByRole('article', { name: 'jira' });
  await jira.getByText('2 sessions', { exact: true }).click();
  await jira.getByText('2 sessions', { exact: true }).focus();
  app.show('files', { state: 'failed', reason: 'its process ended with code 3', stderr: ['<i>disk</i> full'] });
  app.show('jira', { tools: ['search_issues'] });
  await files.getByText('failed', { exact: true }).waitFor();
  await files.getByText('its process ended with code 3').waitFor();
  expect(await files.textContent()).toContain('<i>disk</i> full');
  expect(await files.locator('i').count()).toBe(0);
  await jira.getByText('isolation: user · 1 tool ·').waitFor();
  expect(await page.locator('#announcement').textContent()).toBe('files: failed');
  expect(await jira.getByRole('row').nth(1).isVisible()).toBe(true);
  expect(await page.evaluate('document.activeElement.textContent')).toBe('2 sessions');
  expect(await page.getByRole('searchbox').inputValue()).toBe('half typ');
  expect(await page.locator('time[datetime$="Z"]').first().textContent()).not.toContain('UTC');

  app.registry.lastReload = { kind: 'refused', at: Date.now(), problems: ['servers.json:7: server "x": is wrong'] };
  await page.getByText('the previous configuration stays in use').waitFor();
  await page.getByText('servers.json:7: server "x": is wrong').waitFor();
});

test('an admin who loses the role meanwhile reads so on the open page', async () => {
  const app = await start();
  const { page } = await logIn(app, 'key-of-chief');
  app.setScopes('chief', ['vault']);
  await page.getByText('You are no longer an admin, so this page is out of date.').waitFor();
  app.setScopes('chief', ['vault', 'admin']);
  await page.reload();
  app.setScopes('chief', []);
  await page.getByText('You are no longer logged in, so this page is out of date.').waitFor();
});

test('creates a key, which is shown once, and revokes it; ends the log-ins of a person', async () => {
  const app = await start();
  const { page } = await logIn(app, 'key-of-chief');
  await page.getByText('Create a key …').click();
  await page.getByLabel('Name of the key').fill('helper');
  await page.getByRole('button', { name: 'Create the key' }).click();
  await page.getByText('Choose what the key may do').waitFor();
  expect(await page.getByLabel('Name of the key').inputValue()).toBe('helper');
  await page.getByRole('checkbox', { name: 'admin all of this page' }).check();
  await page.getByLabel('User it belongs to').fill('bob');
  await page.getByRole('button', { name: 'Create the key' }).click();
  const created = page.locator('#new-key');
  await created.waitFor();
  const key = (await created.locator('code').textContent()) ?? '';
  expect(key).toMatch(/^mcpo_[\w-]{43}$/);
  expect(await accessibilityProblems(page)).toEqual([]);
  const other = await logIn(app, key);
  await page.goto(`${app.url}/admin`);
  expect(await page.content()).not.toContain(key);
  const row = page.getByRole('table', { name: 'API keys' }).getByRole('row', { name: 'helper' });
  expect(await row.textContent()).toContain('bob (open-webui)');

  const bob = page.getByRole('article', { name: 'bob (open-webui)' });
  await bob.getByRole('button', { name: 'End all' }).click();
  await page.getByText('All sessions of this person have ended, and 1 log-in.').waitFor();
  await other.page.getByText('You are no longer logged in, so this page is out of date.').waitFor();

  await row.getByText('Revoke', { exact: false }).first().click();
  await row.getByRole('button', { name: 'Revoke the key helper' }).click();
  await page.getByText('The key is revoked.').waitFor();
  expect(await page.getByRole('table', { name: 'API keys' }).textContent()).not.toContain('bob');
  expect(app.changes.map(({ eventType, action }) => `${eventType} ${action}`)).toEqual([
    'key_change create',
    'session_ended end_all',
    'key_change revoke',
  ]);
});

test('sixty servers fit, and those that are not ready are linked at the top', async () => {
  const adminServers = Array.from({ length: 60 }, (_, index) => {
    const example = ADMIN_SERVERS[index % ADMIN_SERVERS.length];
    return { ...example, name: `server-${index}` } as (typeof ADMIN_SERVERS)[number];
  });
  const app = await start({ adminServers });
  const { page } = await logIn(app, 'key-of-chief', { viewport: { width: 390, height: 844 } });
  await page.getByText('40 of 60 servers ready').waitFor();
  await page.getByRole('link', { name: 'server-59', exact: true }).click();
  await page.getByRole('article', { name: 'server-59', exact: true }).getByText('backing off').waitFor();
  expect(await overflow(page)).toBeLessThanOrEqual(0);
  expect(await accessibilityProblems(page)).toEqual([]);
});

test('many secrets are on several pages, which a search narrows down', async () => {
  const app = await start();
  for (let i = 0; i < 450; i += 1) {
    app.userVariables.put({ issuer: 'many', subject: `user-${i}` }, 'github', 'GITHUB_TOKEN', 'x');
  }
  const { page } = await logIn(app);
  await page.getByText('Page 1 of 3').waitFor();
  await page.getByRole('link', { name: 'Next' }).click();
  await page.getByRole('link', { name: 'Next' }).click();
  await page.getByText('Page 3 of 3').waitFor();
  expect(await page.getByRole('heading', { name: 'user-449' }).count()).toBe(1);
  await page.goto(`${app.url}/admin?user=user-44&page=99`);
  expect(await page.getByRole('heading', { name: /^user-44/ }).count()).toBe(11);
  expect(await page.getByText(/Page \d/).count()).toBe(0);
});

describe.each(['light', 'dark'] as const)('in %s colours', (colorScheme) => {
  test.each([1280, 360])('%i pixels wide axe finds nothing, and nothing is cut off', async (width) => {
    const app = await start();
    app.userVariables.unreadable.add('github');
    const options = { colorScheme, viewport: { width, height: 900 }, locale: 'en-GB', timezoneId: 'UTC' };
    const { page } = await chromium.open(app.url, options);
    const check = async (): Promise<void> => {
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
    };
    await page.goto(`${app.url}/admin`);
    await check();
    await page.getByLabel('API key or token with the scope “admin”').fill('key-of-alice');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').waitFor();
    await check();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.goto(`${app.url}/admin`);
    await page.getByLabel('API key or token with the scope “admin”').fill('key-of-chief');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('2 sessions', { exact: true }).click();
    if (makesPictures && colorScheme === 'light' && width > 360) {
      await page.screenshot({ path: 'docs/pictures/admin-page.png', fullPage: true });
    }
    await page.evaluate('for (const details of document.querySelectorAll("details")) details.open = true');
    await check();
    await page.goto(`${app.url}/admin?user=nobody`);
    await check();
  });
});
