import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, jest } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from '../e2e/harness.ts';
import { accessibilityProblems, overflow } from './accessibility.ts';
import { ChromiumLauncher } from './launch-chromium.ts';

jest.setTimeout(60_000);

const KEY = 'key-of-the-admin-of-the-browser-test';
const CANARY = 'canary-typed-in-chromium-5a1f';
const BAD = `</script></details>"'><script>document.title='XSS'</script><img src=x onerror=alert(1)><svg onload=alert(2)>`;

const whoami = (title: string, more: object = {}) =>
  fixture('whoami.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title, ...more } } });
const servers = {
  jira: whoami('Jira token', { description: 'Made under Profile.', helpUrl: 'https://example.org/help' }),
  // What a careless or hostile admin, or their template, may write.
  bad: whoami(BAD, {
    description: BAD,
    choices: [{ value: 'x', label: BAD }],
    helpUrl: 'https://example.org/"><script>',
  }),
  shared: fixture('answers.js'),
};

interface Who {
  readonly token: string;
  readonly pid: number;
}

const chromium = new ChromiumLauncher();
const foreign: Server[] = [];
let service: Service;
let personal = '';
/** Of a user who is not erased, which would take the key along. */
let lasting = '';

beforeAll(async () => {
  const env = { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: temporaryFolder() };
  const newKey = async (user: string) =>
    (await runCommand(['key', 'create', '--id', `of-${user}`, '--user', user], { env })).stdout.trim();
  personal = await newKey('ann');
  lasting = await newKey('zoe');
  service = await startService({ servers, env });
}, 60_000);
afterAll(async () => {
  await chromium.close();
  for (const server of foreign) server.close();
});

const as = (user: string) => ({ authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': user });
const call = (user: string, server = 'jira') => service.call(server, 'whoami', {}, as(user));
async function who(user: string): Promise<Who> {
  const answer = await call(user);
  if (answer.status !== 200) throw new Error(`whoami answered ${answer.status}: ${answer.text}`);
  return answer.json() as Who;
}
async function linkFor(user: string, server = 'jira'): Promise<string> {
  const answer = await call(user, server);
  expect(answer.status).toBe(428);
  return (answer.json() as { detail: { setup_url: string } }).detail.setup_url;
}
const open = (options: BrowserContextOptions = {}) => chromium.open(service.url, options);
const card = (page: Page, name: string) => page.getByRole('article', { name });
async function logIn(page: Page, path: '/vault' | '/admin', credential: string): Promise<void> {
  await page.context().clearCookies();
  await page.goto(service.url + path);
  const label = path === '/vault' ? 'Personal API key or token' : 'API key or token with the scope “admin”';
  await page.getByLabel(label).fill(credential);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Log out', exact: true }).waitFor();
}
/** Errors that the browser's console adds to answers that are no success. */
const unlessStatus = (problems: readonly string[]) =>
  problems.filter((one) => !one.includes('Failed to load resource'));

/** A page of another origin: another port of the same host counts as that, and as the same site besides. */
async function startForeignPage(html: string): Promise<string> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(html),
  );
  foreign.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

for (const javaScriptEnabled of [true, false]) {
  test(`a call leads by its link to the form, and what is typed there makes the call work (script: ${javaScriptEnabled})`, async () => {
    const user = `caller-${javaScriptEnabled}`;
    const link = await linkFor(user);
    const { page, problems } = await open({ javaScriptEnabled });
    await page.goto(link);
    await page.getByRole('button', { name: 'This is me: continue' }).click();
    await page.getByRole('article').waitFor();
    expect(await page.getByRole('article').count()).toBe(1);
    const field = card(page, 'whoami').or(card(page, 'jira')).getByLabel('Jira token');
    await field.fill('dies at once');
    await page.getByRole('button', { name: 'Test and save' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').textContent()).toMatch(/connection test of .* failed: .*nothing was saved/);
    // In its field once more, and nowhere else.
    expect(await field.inputValue()).toBe('dies at once');
    expect((await page.content()).split('dies at once')).toHaveLength(2);
    expect((await call(user)).status).toBe(428);

    await field.fill(CANARY);
    await page.getByRole('button', { name: 'Test and save' }).click();
    await page.getByText('Go back to your chat and ask again').waitFor();
    expect(await page.content()).not.toContain(CANARY);
    expect((await who(user)).token).toBe(CANARY);
    // The page loaded again, and the link opened again where it was opened first.
    await page.reload();
    await page.goto(link);
    expect(await page.getByText('Go back to your chat').count()).toBe(1);
    expect(unlessStatus(problems)).toEqual([]);
    // Anybody else comes too late.
    const late = await open();
    expect((await late.page.goto(link))?.status()).toBe(410);
    await late.page.getByRole('heading', { name: 'This link does not work' }).waitFor();
  });
}

test('a page of another origin changes nothing, with the cookie of the user in the browser', async () => {
  const { page } = await open();
  await page.goto(await linkFor('victim'));
  await page.getByRole('button', { name: 'This is me: continue' }).click();
  await page.getByLabel('Jira token').fill('of the victim');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Go back to your chat').waitFor();
  const token = await page.locator('input[name=form_token]').first().inputValue();
  expect(token.length).toBeGreaterThan(20);
  const inputs = (fields: Readonly<Record<string, string>>) =>
    Object.entries(fields)
      .map(([name, value]) => `<input name="${name}" value="${value}">`)
      .join('');
  const forms = [
    { action: '/vault/servers/jira', fields: { 'value.TOKEN': 'of the thief', action: 'save' } },
    // Not even with a token that was guessed.
    { action: '/vault/servers/jira', fields: { 'value.TOKEN': 'of the thief', action: 'save', form_token: token } },
    { action: '/vault/servers/jira/remove', fields: { name: 'TOKEN', form_token: token } },
    { action: '/vault/log-out', fields: { form_token: token } },
  ];
  for (const { action, fields } of forms) {
    const url = await startForeignPage(
      `<form method="post" action="${service.url}${action}">${inputs(fields)}<button>Win</button></form>`,
    );
    await page.goto(url);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url() === service.url + action),
      page.getByRole('button', { name: 'Win' }).click(),
    ]);
    expect([action, answer.status()]).toEqual([action, expect.any(Number)]);
    expect(answer.status()).toBeGreaterThanOrEqual(400);
  }
  const scripted = await startForeignPage('<p>Nothing to see</p>');
  await page.goto(scripted);
  const outcome = await page.evaluate<string>(`fetch('${service.url}/vault/api/servers/jira/variables/TOKEN', {
    method: 'PUT', credentials: 'include', headers: { 'content-type': 'application/json', 'x-form-token': '${token}' },
    body: '{"value":"of the thief"}' }).then((answer) => String(answer.status), () => 'refused by the browser')`);
  expect(outcome).toMatch(/^(refused by the browser|403)$/);
  const reading = await page.evaluate<string>(
    `fetch('${service.url}/vault/api/servers', { credentials: 'include' }).then((answer) => answer.text(), () => 'refused by the browser')`,
  );
  expect(reading).toBe('refused by the browser');
  const framed = await startForeignPage(`<iframe src="${service.url}/vault"></iframe>`);
  await page.goto(framed);
  expect(await page.frames()[1]?.content()).not.toContain('form_token');
  expect((await who('victim')).token).toBe('of the victim');
  await page.goto(`${service.url}/vault`);
  await page.getByRole('button', { name: 'Log out', exact: true }).waitFor();
});

test('markup in what the admin writes is text, and nothing of it runs', async () => {
  const { page, problems } = await open();
  await page.goto(await linkFor('reader', 'bad'));
  await page.getByRole('button', { name: 'This is me: continue' }).click();
  expect(await page.title()).not.toBe('XSS');
  expect((await page.locator('main').textContent())?.split('<svg onload=alert(2)>').length).toBeGreaterThan(2);
  expect(await page.locator('script:not([src]), iframe, img, svg, [onerror], [onload]').count()).toBe(0);
  await page.getByRole('combobox').selectOption('x');
  await page.getByRole('button', { name: 'Test and save' }).click();
  await page.getByText('Go back to your chat').waitFor();
  expect((await call('reader', 'bad')).status).toBe(200);
  expect(await page.title()).not.toBe('XSS');
  await logIn(page, '/vault', personal);
  await logIn(page, '/admin', KEY);
  for (const path of ['/', '/docs', '/bad/docs', '/admin?user=%3Cscript%3Ealert(3)%3C/script%3E']) {
    await page.goto(service.url + path);
    expect([path, await page.title()]).toEqual([path, expect.not.stringContaining('XSS')]);
    expect([path, await page.locator('img[src=x], svg[onload]').count()]).toEqual([path, 0]);
  }
  expect(unlessStatus(problems)).toEqual([]);
});

test('a user logs in with a personal key, sets, removes and erases; the admin restarts and erases', async () => {
  const ann = await open();
  await logIn(ann.page, '/vault', personal);
  expect(await ann.page.getByRole('article').count()).toBe(2);
  await ann.page.getByLabel('Jira token').fill('of ann');
  const jira = ann.page.getByRole('article').filter({ has: ann.page.getByLabel('Jira token') });
  await jira.getByRole('button', { name: 'Save', exact: true }).click();
  await ann.page.getByText(/^Your values for .* are saved\.$/).waitFor();
  const before = await who('ann');
  expect(before.token).toBe('of ann');
  await ann.page.reload();
  expect(await ann.page.getByText('My recent use').count()).toBe(1);
  // A user is no admin.
  expect((await ann.page.goto(`${service.url}/admin`))?.status()).toBe(403);

  const admin = await open();
  await logIn(admin.page, '/admin', KEY);
  const server = admin.page.getByRole('article', { name: 'jira', exact: true });
  expect(await server.locator('.state').textContent()).toBe('each user signs in');
  expect(await server.textContent()).toMatch(/isolation: user · 5 tools · \d sessions?/);
  expect(await admin.page.content()).not.toMatch(/of ann<|canary/);
  await server.getByRole('button', { name: 'Restart jira' }).click();
  await admin.page.getByText('jira is being restarted.').waitFor();
  await waitFor(() => !service.children().some(({ pid }) => pid === before.pid), 5_000, "the end of Ann's process");
  const after = await who('ann');
  expect([after.token, after.pid === before.pid]).toEqual(['of ann', false]);

  await admin.page.getByLabel('User (part of the name, e-mail address or id)').fill('ann');
  await admin.page.getByRole('button', { name: 'Search' }).click();
  const erased = admin.page.getByRole('article', { name: 'ann', exact: true });
  await erased.getByText('Erase this user').click();
  await erased.getByLabel('Yes, erase all data of this user').check();
  await erased.getByRole('button', { name: 'Erase' }).click();
  await admin.page.getByText('All data of the user is erased (1 value).').waitFor();
  await waitFor(() => !service.children().some(({ pid }) => pid === after.pid), 5_000, "the end of Ann's process");
  expect((await call('ann')).status).toBe(428);
  expect([unlessStatus(ann.problems), unlessStatus(admin.problems)]).toEqual([[], []]);
});

describe.each(['light', 'dark'] as const)('in %s colours', (colorScheme) => {
  test('axe finds nothing on the real pages, and nothing is cut off', async () => {
    for (const width of [1280, 360]) {
      const { page } = await open({ colorScheme, viewport: { width, height: 800 } });
      const check = async (): Promise<void> => {
        const url = page.url();
        expect([url, await accessibilityProblems(page)]).toEqual([url, []]);
        expect([url, await overflow(page)]).toEqual([url, expect.any(Number)]);
        expect(await overflow(page)).toBeLessThanOrEqual(0);
      };
      await page.goto(`${service.url}/vault`);
      await check();
      await page.goto(await linkFor(`looker-${colorScheme}-${width}`));
      await page.getByRole('button', { name: 'This is me: continue' }).click();
      await check();
      await page.getByLabel('Jira token').fill('dies');
      await page.getByRole('button', { name: 'Test and save' }).click();
      await page.getByRole('alert').waitFor();
      await check();
      await page.goto(`${service.url}/vault/link/${'A'.repeat(22)}`);
      await check();
      await logIn(page, '/vault', lasting);
      await check();
      await logIn(page, '/admin', KEY);
      await page.evaluate('for (const details of document.querySelectorAll("details")) details.open = true');
      await check();
    }
  });
});
