import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { ALICE, CHIEF, type PageApp, type PageAppOptions, startPageApp } from '../unit/http/pages/page-app.ts';
import { accessibilityProblems, overflow } from './accessibility.ts';
import { ChromiumLauncher } from './launch-chromium.ts';
import { SERVERS } from './page-servers.ts';

jest.setTimeout(60_000);

const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 900 };
const makesPictures = process.env.UPDATE_PICTURES === '1';
const secret = 'jira-canary4711';

const chromium = new ChromiumLauncher();
const apps: PageApp[] = [];

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});
afterAll(() => chromium.close());

async function start(options: PageAppOptions = {}): Promise<PageApp> {
  const app = await startPageApp({ servers: SERVERS, ...options });
  apps.push(app);
  return app;
}

async function logIn(app: PageApp, key = 'key-of-alice', options: BrowserContextOptions = {}) {
  const watched = await chromium.open(app.url, options);
  await watched.page.goto(`${app.url}/vault`);
  await watched.page.getByLabel('Personal API key or token').fill(key);
  await watched.page.getByRole('button', { name: 'Log in' }).click();
  await watched.page.getByRole('button', { name: 'Log out', exact: true }).waitFor();
  return watched;
}

/** Opens a setup link and says that it is one's own. */
async function openLink(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByRole('button', { name: 'This is me: continue' }).click();
  await page.getByRole('button', { name: 'Log out', exact: true }).waitFor();
}
const card = (page: Page, name: string) => page.getByRole('article', { name });

/** Errors that the browser's console adds to answers that are no success. */
const unlessStatus = (problems: readonly string[]) =>
  problems.filter((one) => !one.includes('Failed to load resource'));

for (const javaScriptEnabled of [true, false]) {
  describe(javaScriptEnabled ? 'with script' : 'without script', () => {
    test('a link leads to one server’s form, and a saved value back to the chat', async () => {
      const app = await start();
      const { page, problems } = await chromium.open(app.url, { javaScriptEnabled });
      await openLink(page, app.url + app.createLink(ALICE, 'github'));
      expect(await page.getByRole('article').count()).toBe(1);
      expect(await page.getByText('My recent use').count()).toBe(0);
      expect(await page.getByText('Go back to your chat').count()).toBe(0);
      const tasks = page.getByRole('region', { name: 'What is still missing' });
      expect((await tasks.textContent())?.trim()).toBe('GitHub: still missing Personal access token.');
      await tasks.getByRole('link', { name: 'Personal access token' }).click();
      expect(new URL(page.url()).hash).toBe('#field-0-0');
      await page.getByLabel('Personal access token').fill(secret);
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByText('Your values for GitHub are saved.').waitFor();
      expect(await page.getByText('Go back to your chat and ask again').count()).toBe(1);
      expect(await card(page, 'GitHub').locator('.state').textContent()).toBe('set');
      expect(app.userVariables.value(ALICE, 'github', 'GITHUB_TOKEN')).toBe(secret);
      expect(await page.getByLabel('Personal access token').inputValue()).toBe('');
      expect(await page.content()).not.toContain(secret);
      expect(problems).toEqual([]);
    });

    test('a log-in, a wrong value, a test, a removal and erasing', async () => {
      const app = await start();
      const { page, problems } = await chromium.open(app.url, { javaScriptEnabled });
      await page.goto(`${app.url}/vault`);
      await page.getByLabel('Personal API key or token').fill('key-of-nobody');
      await page.getByRole('button', { name: 'Log in' }).click();
      expect(await page.getByRole('alert').textContent()).toBe('Invalid API key');
      await page.getByLabel('Personal API key or token').fill('key-of-alice');
      await page.getByRole('button', { name: 'Log in' }).click();
      const jira = card(page, 'Jira');
      expect(await jira.getByText('Still missing: API token and E-mail address.').count()).toBe(1);

      await jira.getByLabel('API token').fill('no-such-form');
      await jira.getByLabel('E-mail address').fill('alice@example.org');
      await jira.getByLabel('Region').selectOption('us');
      await jira.getByRole('button', { name: 'Save', exact: true }).click();
      const field = jira.getByLabel('API token');
      expect(await page.getByRole('alert').textContent()).toContain('does not have the right form');
      expect(await field.getAttribute('aria-invalid')).toBe('true');
      const about = (await field.getAttribute('aria-describedby'))?.split(' ') ?? [];
      expect(await page.locator(`#${about.at(-1)}`).textContent()).toContain(
        '"API token" does not have the right form',
      );
      expect(about).toContain('format-0-0');
      expect(await page.locator('#format-0-0').textContent()).toBe('Expected format: jira- and letters or digits');
      expect(await field.getAttribute('type')).toBe('password');
      expect(await field.inputValue()).toBe('no-such-form');
      expect(page.url()).not.toContain('no-such-form');
      expect(await jira.getByLabel('E-mail address').inputValue()).toBe('alice@example.org');
      expect(await jira.getByLabel('Region').inputValue()).toBe('us');
      expect(await page.evaluate('document.activeElement.name').catch(() => 'value.JIRA_TOKEN')).toBe(
        'value.JIRA_TOKEN',
      );
      expect(app.userVariables.entries.size).toBe(0);

      await field.fill('jira-wrong');
      await jira.getByRole('button', { name: 'Test and save' }).click();
      await page.getByText('Jira refused the new values').waitFor();
      expect(app.userVariables.entries.size).toBe(0);
      expect(await field.inputValue()).toBe('jira-wrong');
      await field.fill(secret);
      await jira.getByRole('button', { name: 'Test and save' }).click();
      await page.getByText('Jira works with your values, and they are saved.').waitFor();
      expect(app.userVariables.value(ALICE, 'jira', 'JIRA_EMAIL')).toBe('alice@example.org');
      await jira.getByRole('button', { name: 'Test what is set' }).click();
      await page.getByText('Jira works with your values: it offers 2 tools.').waitFor();

      const mail = jira.getByLabel('E-mail address');
      expect([await mail.inputValue(), await field.inputValue()]).toEqual(['alice@example.org', '']);
      await mail.fill('');
      await jira.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByRole('alert').waitFor();
      expect(app.userVariables.value(ALICE, 'jira', 'JIRA_EMAIL')).toBe('alice@example.org');
      await mail.fill('alice@example.com');
      await jira.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByText('Your values for Jira are saved.').waitFor();
      expect(app.userVariables.value(ALICE, 'jira', 'JIRA_EMAIL')).toBe('alice@example.com');
      expect(app.userVariables.value(ALICE, 'jira', 'JIRA_TOKEN')).toBe(secret);

      const removal = jira.getByRole('button', { name: 'Yes, remove API token' });
      expect(await removal.isVisible()).toBe(false);
      await jira.getByText('Remove API token …').click();
      await jira.getByText('Jira does not work for you without it.').first().waitFor();
      await removal.click();
      await page.getByText('The value for Jira is removed.').waitFor();
      expect(app.userVariables.value(ALICE, 'jira', 'JIRA_TOKEN')).toBeUndefined();
      expect(app.userVariables.value(ALICE, 'jira', 'JIRA_EMAIL')).toBe('alice@example.com');

      await page.getByText('Erase all data stored about me').click();
      await page.getByLabel('Yes, erase all my data').check();
      await page.getByRole('button', { name: 'Erase everything' }).click();
      await page.getByText('All your data is erased (2 values), and you are logged out.').waitFor();
      expect(app.userVariables.entries.size).toBe(0);
      await page.goto(`${app.url}/vault`);
      expect(await page.getByLabel('Personal API key or token').count()).toBe(1);
      expect(app.changes.map(({ action, result }) => (result === 'failure' ? `${action} failed` : action))).toEqual([
        ...Array(3).fill('set failed'),
        ...['set failed', 'set failed', 'set failed'],
        ...['set', 'set', 'set', 'test', 'set failed', 'set', 'remove', 'erase'],
      ]);
      expect(unlessStatus(problems)).toEqual([]);
    });
  });
}

test('a secret field shows what is typed when it is asked to, and is a password field again when it is sent', async () => {
  const app = await start();
  const { page } = await logIn(app);
  const field = card(page, 'GitHub').getByLabel('Personal access token');
  const show = card(page, 'GitHub').getByRole('button', { name: 'Show Personal access token' });
  await field.fill(secret);
  expect([await field.getAttribute('type'), await show.getAttribute('aria-pressed')]).toEqual(['password', 'false']);
  await show.click();
  expect([await field.getAttribute('type'), await show.getAttribute('aria-pressed')]).toEqual(['text', 'true']);
  await show.click();
  expect(await field.getAttribute('type')).toBe('password');
  await show.click();
  await page.evaluate(`document.addEventListener('submit', (event) => {
    event.preventDefault();
    document.title = document.querySelector('[name="value.GITHUB_TOKEN"]').type;
  })`);
  await field.press('Enter');
  expect(await page.title()).toBe('password');
  const { page: plain } = await chromium.open(app.url, { javaScriptEnabled: false });
  await openLink(plain, app.url + app.createLink(ALICE, 'github'));
  expect(await plain.getByRole('button', { name: 'Show Personal access token' }).count()).toBe(0);
});

test('what is set and no secret is shown after a log-in, and never through a link', async () => {
  const app = await start();
  app.userVariables.put(ALICE, 'calendar', 'TIME_ZONE', 'Pacific/Chatham');
  app.userVariables.put(ALICE, 'calendar', 'CALENDAR_PASSWORD', secret);
  app.userVariables.put(ALICE, 'jira', 'JIRA_REGION', 'us');
  const { page } = await logIn(app);
  expect(await page.getByLabel('Time zone').inputValue()).toBe('Pacific/Chatham');
  expect(await page.getByLabel('Region').inputValue()).toBe('us');
  expect(await page.content()).not.toContain(secret);
  const { page: byLink } = await chromium.open(app.url);
  await openLink(byLink, app.url + app.createLink(ALICE, 'calendar'));
  expect(await byLink.getByLabel('Time zone').inputValue()).toBe('');
  expect(await byLink.content()).not.toContain('Pacific/Chatham');
});

test('a test keeps what was typed and not saved', async () => {
  const app = await start();
  app.userVariables.put(ALICE, 'github', 'GITHUB_TOKEN', secret);
  const { page } = await logIn(app);
  const github = card(page, 'GitHub');
  await github.getByLabel('Personal access token').fill('typed and not saved');
  await github.getByRole('button', { name: 'Test what is set' }).click();
  await page.getByText('GitHub works with your values: it offers 2 tools.').waitFor();
  expect(await github.getByLabel('Personal access token').inputValue()).toBe('typed and not saved');
  expect(app.userVariables.value(ALICE, 'github', 'GITHUB_TOKEN')).toBe(secret);
});

test('descriptions are Markdown, and there is a way back to the chat that held the link', async () => {
  const app = await start({ openWebUiPublicUrl: 'https://chat.example.org' });
  const { page } = await chromium.open(app.url);
  const chatId = 'c0ffee00-1111-2222-3333-444455556666';
  await openLink(page, app.url + app.createLink(ALICE, 'github', { name: 'Alice', chatId }));
  expect(await page.locator('.markdown strong').textContent()).toBe('fine-grained');
  const back = page.getByRole('link', { name: 'Back to the chat' });
  expect(await back.getAttribute('href')).toBe(`https://chat.example.org/c/${chatId}`);
  await page.getByLabel('Personal access token').fill(secret);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('where you can ask again').waitFor();
  expect(await back.getAttribute('href')).toBe(`https://chat.example.org/c/${chatId}`);
  const { page: other } = await chromium.open(app.url);
  await openLink(other, app.url + app.createLink(ALICE, 'github', { chatId: '../../evil' }));
  expect(await other.getByRole('link', { name: 'Back to the chat' }).getAttribute('href')).toBe(
    'https://chat.example.org/',
  );
});

test('a link that was used says so, unless its own page is loaded again', async () => {
  const app = await start();
  const path = app.createLink(ALICE, 'github');
  const { page } = await chromium.open(app.url);
  await openLink(page, app.url + path);
  await page.reload();
  expect(await page.getByLabel('Personal access token').count()).toBe(1);
  const { page: other } = await chromium.open(app.url);
  const answer = await other.goto(app.url + path);
  expect(answer?.status()).toBe(410);
  expect(await other.getByRole('alert').textContent()).toContain('used already');
  await other.getByRole('link', { name: 'To your vault' }).click();
  expect(await other.getByLabel('Personal API key or token').count()).toBe(1);
});

test('everything can be done with the keyboard, in the order of the page, and the focus shows', async () => {
  const app = await start();
  const { page } = await chromium.open(app.url);
  await openLink(page, app.url + app.createLink(ALICE, 'github'));
  const focused = () =>
    page.evaluate<string>('document.activeElement.name || document.activeElement.textContent.trim()');
  const order: string[] = [];
  for (let i = 0; i < 7; i += 1) {
    await page.keyboard.press('Tab');
    order.push(await focused());
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
  }
  expect(order).toEqual([
    ...['Log out', 'Personal access token', 'How to get it (opens in a new tab)', 'value.GITHUB_TOKEN'],
    ...['Show Personal access token', 'action', 'action'],
  ]);
  for (let i = 0; i < 3; i += 1) await page.keyboard.press('Shift+Tab');
  await page.keyboard.type(secret);
  await page.keyboard.press('Enter');
  await page.getByText('Your values for GitHub are saved.').waitFor();
  expect(await page.evaluate('document.activeElement.id')).toBe('notice');
  expect(app.userVariables.value(ALICE, 'github', 'GITHUB_TOKEN')).toBe(secret);
});

test('while a test runs the button says so, and a second click sends nothing', async () => {
  const app = await start();
  const { page } = await logIn(app);
  let posts = 0;
  let report: (texts: unknown) => void = () => undefined;
  const announced = new Promise<unknown>((resolve) => {
    report = resolve;
  });
  await page.exposeFunction('report', (texts: unknown) => report(texts));
  await page.route('**/vault/servers/github', async (route) => {
    posts += 1;
    await announced;
    await route.continue();
  });
  // The page's own script listens first then.
  await page.waitForLoadState('load');
  await page.evaluate(`document.addEventListener('submit', ({ submitter }) => setTimeout(() => {
    submitter.click();
    report([submitter.textContent, document.getElementById('announcement').textContent]);
  }), { once: true })`);
  const github = card(page, 'GitHub');
  await github.getByLabel('Personal access token').fill(secret);
  await github.getByRole('button', { name: 'Test and save' }).click();
  await page.getByText('GitHub works with your values').waitFor();
  const text = 'Testing, this may take half a minute …';
  expect(await announced).toEqual([text, text]);
  expect(posts).toBe(1);
});

test('times are shown by the reader’s own clock', async () => {
  const app = await start();
  app.userVariables.put(ALICE, 'github', 'GITHUB_TOKEN', secret);
  const { page } = await logIn(app, 'key-of-alice', { locale: 'en-GB', timezoneId: 'Asia/Tokyo' });
  const time = card(page, 'GitHub').locator('time').first();
  expect(await time.textContent()).toBe('2 Nov 2026, 18:30');
  expect(await time.getAttribute('datetime')).toBe('2026-11-02T09:30:00.000Z');
});

const PAYLOADS = [
  '<script>document.title="XSS"</script>',
  '"><img src=x onerror="document.title=\'XSS\'">',
  "' autofocus onfocus=document.title='XSS' x='",
  '</title></textarea></select></style><svg onload=document.title="XSS">',
  '<iframe srcdoc="<script>parent.document.title=1</script>"></iframe>',
  '<%= process.exit(1) %>${7*7}{{7*7}}',
  '<a href="javascript:document.title=\'XSS\'">click</a>',
  '</script><script>alert(1)</script><!--',
];
const HELP_URLS = [
  'javascript:document.title="XSS"',
  'data:text/html,<script>alert(1)</script>',
  ' java\nscript:alert(1)',
  'vbscript:x',
  'https://help.example/"><script>alert(1)</script>',
];

test('markup in titles, descriptions, choices, names and links is text, and nothing of it runs', async () => {
  const everything = PAYLOADS.join(' ');
  const app = await start({
    oddUser: { issuer: 'x', subject: everything },
    servers: [
      {
        server: 'odd',
        title: everything,
        variables: Object.fromEntries(
          [...PAYLOADS, ...HELP_URLS].map((text, index) => [
            `V${index}`,
            {
              title: `${index} ${text}`,
              description: text,
              sensitive: false,
              default: text,
              helpUrl: text,
              ...(index % 2 ? { choices: [{ value: text, label: text }] } : {}),
            },
          ]),
        ),
      },
    ],
  });
  app.userVariables.uses.push({ server: everything, tool: everything, lastUsedAt: 0, calls: 1 });
  const { page, problems } = await logIn(app, 'key-of-odd');
  expect(await page.title()).toBe('Your vault');
  expect(await page.getByRole('heading', { level: 2 }).first().textContent()).toBe(everything);
  const text = await page.locator('main').textContent();
  for (const payload of PAYLOADS) expect(text).toContain(payload);
  expect(await page.locator('.who').textContent()).toBe(`Logged in as ${everything}`);
  const links = await page.evaluate(
    '[...document.querySelectorAll("main a")].map(({ href, rel }) => href + " " + rel)',
  );
  // The first is a URL of a description, which is Markdown.
  expect(links).toEqual([
    'https://help.example/ noopener noreferrer',
    'https://help.example/%22%3E%3Cscript%3Ealert(1)%3C/script%3E noopener noreferrer',
  ]);
  expect(await page.locator('script:not([src]), iframe, img, svg, [onerror], [onfocus], [onload]').count()).toBe(0);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('alert').waitFor();
  expect(await page.title()).toBe('Your vault');
  expect(unlessStatus(problems)).toEqual([]);
});

describe('a page of another origin', () => {
  let evil: Server | undefined;
  afterEach(() => {
    evil?.close();
    evil?.closeAllConnections();
  });

  async function serveEvil(html: string): Promise<string> {
    evil = createServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end(html);
    });
    await new Promise<void>((resolve) => evil?.listen(0, '127.0.0.1', resolve));
    return `http://localhost:${(evil.address() as AddressInfo).port}`;
  }

  test('cannot change anything by posting the form, though its user is logged in', async () => {
    const app = await start();
    const { page } = await logIn(app);
    const token = await page.locator('input[name=form_token]').first().inputValue();
    const post = (path: string, fields: string) =>
      `<form id=f method=post action="${app.url}/vault/${path}"><input name=form_token value="${token}">${fields}</form><script>f.submit()</script>`;
    for (const [path, fields] of [
      ['servers/github', '<input name=value.GITHUB_TOKEN value=of-evil>'],
      ['erase', '<input name=confirm value=yes>'],
      ['log-in', '<input name=credential value=key-of-odd>'],
    ] as const) {
      app.userVariables.put(ALICE, 'github', 'GITHUB_TOKEN', secret);
      const origin = await serveEvil(post(path, fields));
      await page.goto(origin);
      await page.waitForURL(`${app.url}/vault/${path}`);
      await page.waitForLoadState();
      expect(app.userVariables.value(ALICE, 'github', 'GITHUB_TOKEN')).toBe(secret);
      expect(await page.getByText(/did not come from a page of the service|no longer logged in/).count()).toBe(1);
      evil?.close();
      evil?.closeAllConnections();
    }
    expect(app.changes).toEqual([]);
  });

  test('cannot show the page in a frame', async () => {
    const app = await start();
    const { page, problems } = await logIn(app);
    const origin = await serveEvil(`<iframe src="${app.url}/vault"></iframe>`);
    await page.goto(origin);
    await page.waitForLoadState('networkidle');
    const frame = page.frames()[1];
    expect(await frame?.locator('form').count()).toBe(0);
    expect(problems.join(' ')).toMatch(/frame-ancestors|X-Frame-Options/);
  });

  test('shows of a setup link in a sandboxed frame only the way out of it, in a new tab', async () => {
    const app = await start();
    const link = app.url + app.createLink(ALICE, 'github', { name: 'Alice' });
    const { page } = await chromium.open(app.url);
    await page.goto(
      await serveEvil(`<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" src="${link}"></iframe>`),
    );
    const frame = page.frameLocator('iframe');
    await frame.getByRole('link', { name: 'Open in a new tab' }).waitFor();
    expect([await frame.locator('form').count(), await frame.getByText('Alice').count()]).toEqual([0, 0]);
    const [opened] = await Promise.all([
      page.context().waitForEvent('page'),
      frame.getByRole('link', { name: 'Open in a new tab' }).click(),
    ]);
    await opened.getByRole('button', { name: 'This is me: continue' }).click();
    await opened.getByLabel('Personal access token').fill(secret);
    await opened.getByRole('button', { name: 'Save', exact: true }).click();
    await opened.getByText('Your values for GitHub are saved.').waitFor();
    expect(app.userVariables.value(ALICE, 'github', 'GITHUB_TOKEN')).toBe(secret);
  });
});

test('a form whose page is too old changes nothing', async () => {
  const app = await start();
  const { page } = await logIn(app);
  await page.evaluate(`for (const input of document.querySelectorAll('input[name=form_token]')) input.value = 'x'`);
  await card(page, 'GitHub').getByLabel('Personal access token').fill(secret);
  await card(page, 'GitHub').getByRole('button', { name: 'Save', exact: true }).click();
  expect(await page.getByRole('alert').textContent()).toContain('This page is out of date');
  expect(app.userVariables.entries.size).toBe(0);
});

/** Every state that a server can be in, on one page. */
function showStates({ userVariables }: PageApp): void {
  userVariables.put(ALICE, 'jira', 'JIRA_TOKEN', secret);
  userVariables.put(ALICE, 'jira', 'JIRA_EMAIL', 'alice@example.org');
  userVariables.put(ALICE, 'calendar', 'CALENDAR_PASSWORD', 'abcd-efgh');
  userVariables.refused.set('calendar', Date.UTC(2026, 10, 20, 7, 45));
  userVariables.uses.push(
    { server: 'jira', tool: 'search_issues', lastUsedAt: Date.UTC(2026, 10, 20, 14, 5), calls: 12 },
    { server: 'calendar', tool: 'list_events', lastUsedAt: Date.UTC(2026, 10, 19, 8, 0), calls: 1 },
  );
}

describe.each(['light', 'dark'] as const)('in %s colours', (colorScheme) => {
  test.each([
    ['desktop', desktop],
    ['phone', phone],
  ] as const)('on a %s axe finds nothing, and nothing is cut off', async (device, viewport) => {
    const app = await start();
    const { page } = await chromium.open(app.url, { colorScheme, viewport, locale: 'en-GB', timezoneId: 'UTC' });
    const check = async (): Promise<void> => {
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
    };
    await page.goto(`${app.url}/vault`);
    await check();
    await page.getByLabel('Personal API key or token').fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').waitFor();
    await check();
    showStates(app);
    await page.getByLabel('Personal API key or token').fill('key-of-alice');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('article').first().waitFor();
    await check();
    if (makesPictures && colorScheme === 'light' && device === 'desktop') {
      await page.screenshot({ path: 'docs/pictures/vault-page.png', fullPage: true });
    }
    if (makesPictures && colorScheme === 'dark' && device === 'phone') {
      await page.screenshot({ path: 'docs/pictures/vault-page-phone-dark.png' });
    }
    app.userVariables.unreadable.add('jira');
    await card(page, 'Jira').getByLabel('API token').fill('no-such-form');
    await card(page, 'Jira').getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('alert').waitFor();
    await page.getByText('Erase all data stored about me').click();
    await check();
    // Logged in as Alice: a link of another user asks to log out first, and shows itself then.
    await page.goto(app.url + app.createLink(CHIEF, 'calendar', { name: 'Chief', email: 'chief@example.org' }));
    await check();
    await page.getByRole('button', { name: 'Log out and return to this link' }).click();
    await page.getByRole('button', { name: 'This is me: continue' }).waitFor();
    await check();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('article', { name: 'Calendar' }).waitFor();
    await check();
    await page.goto(`${app.url}/vault/link/unknown`);
    await check();
  });
});
