import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { issueToken } from '../../src/cli/token.ts';
import { fixture, type Service, startService } from '../e2e/harness.ts';
import { accessibilityProblems, overflow } from './accessibility.ts';
import { ChromiumLauncher } from './launch-chromium.ts';

jest.setTimeout(60_000);

const phone = { width: 360, height: 740 };
const key = 'a-key-for-the-browser';
const secret = 'a-secret-for-tokens-of-the-browser-test';
const chromium = new ChromiumLauncher();
let service: Service;

beforeAll(async () => {
  service = await startService({
    args: ['--api-key', key],
    env: { JWT_SECRET: secret },
    servers: {
      answers: fixture('answers.js'),
      many: fixture('many.js', ['2']),
      broken: { command: 'mcpo-ts-no-such-command' },
      jira: {
        ...fixture('whoami.js'),
        env: { TOKEN: '${JIRA_TOKEN}' },
        userVars: { JIRA_TOKEN: { title: 'API token' } },
      },
    },
  });
});
afterAll(async () => {
  await chromium.close();
  await service?.stop();
});

/** Gives the key under Authorize, opens the tool, runs it as it stands and returns what Swagger UI shows as the answer. */
async function tryOut(page: Page, tool: string, credential = key): Promise<string> {
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  await page.locator('.auth-container input').fill(credential);
  await page.locator('.auth-container').getByRole('button', { name: 'Apply credentials' }).click();
  await page.locator('.modal-ux').getByRole('button', { name: 'Close' }).last().click();
  const operation = page.locator('.opblock', { has: page.locator(`[data-path$="/${tool}"]`) });
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  const live = operation.locator('.live-responses-table .response');
  await live.waitFor();
  return (await live.textContent()) ?? '';
}

describe('Swagger UI', () => {
  test.each(['/answers/docs', '/answers/docs/', '/docs'])('%s calls a tool with the key', async (path) => {
    const { page, problems } = await chromium.open(service.url);
    await page.goto(service.url + path);
    // With several groups they are closed at first.
    const group = page.locator('#operations-tag-answers');
    await page.locator('.opblock-tag-section').first().waitFor();
    if (path === '/docs') await group.click();
    const answer = await tryOut(page, 'text');
    expect(answer).toContain('200');
    expect(answer).toContain('"hello"');
    expect(problems).toEqual([]);
  });

  test('calls a tool with a token, and shows when it lacks the scope', async () => {
    const request = { user: 'alice', scope: ['call:answers/text'] };
    const { text } = issueToken(request, { values: {}, secrets: { JWT_SECRET: secret } });
    for (const [tool, status] of [
      ['text', '200'],
      ['echo', '403'],
    ] as const) {
      const { page } = await chromium.open(service.url);
      await page.goto(`${service.url}/answers/docs`);
      expect(await tryOut(page, tool, text.trim())).toContain(status);
    }
  });

  test('is filtered by a part of a tool’s name', async () => {
    const { page, problems } = await chromium.open(service.url);
    await page.goto(`${service.url}/answers/docs`);
    await page.locator('.operation-filter-input').fill('embedded');
    const operations = page.locator('.opblock');
    await operations.nth(2).waitFor({ state: 'detached' });
    expect(await operations.count()).toBe(2);
    expect(problems).toEqual([]);
  });

  test('finds tools by title and description, in groups that are closed', async () => {
    const { page, problems } = await chromium.open(service.url);
    await page.goto(`${service.url}/docs`);
    await page.locator('.opblock-tag-section').first().waitFor();
    expect(await page.locator('.opblock').count()).toBe(0);
    await page.getByRole('searchbox', { name: 'Filter tools' }).fill('NUMBER 2');
    await page.locator('.opblock').waitFor();
    expect(await page.locator('.opblock [data-path]').getAttribute('data-path')).toBe('/many/tool_2');
    expect(problems).toEqual([]);
  });

  test('has the tools before all else, each with an address of its own that opens it', async () => {
    const { page, problems } = await chromium.open(service.url);
    await page.goto(`${service.url}/docs`);
    await page.locator('.opblock-tag-section').first().waitFor();
    const top = (selector: string) =>
      page.evaluate<number>(`document.querySelector('${selector}').getBoundingClientRect().top`);
    expect(await top('#operations-tag-answers')).toBeLessThan(await top('[data-server=answers]'));
    await page.locator('#operations-tag-many').click();
    const link = page.locator('[data-path="/many/tool_2"] a');
    expect(await link.getAttribute('href')).toBe('#/many/many_tool_2');
    await link.click();
    await page.getByRole('button', { name: 'Try it out' }).waitFor();
    expect(page.url()).toBe(`${service.url}/docs#/many/many_tool_2`);
    const { page: other, problems: others } = await chromium.open(service.url);
    await other.goto(page.url());
    await other.locator('#operations-many-many_tool_2').getByRole('button', { name: 'Try it out' }).waitFor();
    expect(await other.getByRole('button', { name: 'Try it out' }).count()).toBe(1);
    await other.goto(`${service.url}/docs#/answers/answers_echo_line`);
    await other.locator('#operations-answers-answers_echo_line').getByRole('button', { name: 'Try it out' }).waitFor();
    expect([...problems, ...others]).toEqual([]);
  });

  test('keeps the key for the tab until the log-out, and nowhere else', async () => {
    const { page, problems } = await chromium.open(service.url);
    await page.goto(`${service.url}/answers/docs`);
    expect(await tryOut(page, 'text')).toContain('"hello"');
    const stored = 'JSON.stringify([{ ...localStorage }, document.cookie])';
    expect(await page.evaluate(stored)).toBe('[{},""]');
    for (const path of ['/many/docs', '/docs', '/answers']) {
      await page.goto(service.url + path);
      await page.locator('.authorization__btn.locked, .btn.authorize.locked').first().waitFor();
    }
    await page.locator('#operations-default-answers_text .opblock-summary-control').click();
    await page.getByRole('button', { name: 'Try it out' }).click();
    await page.getByRole('button', { name: 'Execute' }).click();
    await page.getByText('"hello"').first().waitFor();
    const { page: tab } = await chromium.open(service.url);
    await tab.goto(`${service.url}/answers/docs`);
    await tab.locator('.btn.authorize.unlocked').waitFor();
    await page.locator('.btn.authorize').first().click();
    await page.getByRole('button', { name: 'Logout' }).click();
    expect(await page.evaluate('JSON.stringify({ ...sessionStorage })')).toBe('{}');
    await page.goto(`${service.url}/many/docs`);
    await page.locator('.btn.authorize.unlocked').waitFor();
    expect(problems).toEqual([]);
  });

  test('folds the responses that all tools have in common', async () => {
    const { page, problems } = await chromium.open(service.url);
    await page.goto(`${service.url}/answers/docs#/default/answers_structured`);
    const operation = page.locator('#operations-default-answers_structured');
    await operation.locator('tr.response').first().waitFor();
    expect(await operation.locator('tr.response').count()).toBe(1);
    expect(await operation.locator('tr.response').textContent()).toContain('200');
    const shared = operation.locator('.shared-responses');
    expect(await shared.getByText('A rate limit is exceeded').isVisible()).toBe(false);
    await shared.locator('summary').click();
    for (const text of ['401', '429', 'A rate limit is exceeded', 'The tool took too long']) {
      expect(await shared.getByText(text).first().isVisible()).toBe(true);
    }
    expect(problems).toEqual([]);
  });

  test.each([
    ['light', 1280],
    ['light', 360],
    ['dark', 1280],
    ['dark', 360],
  ] as const)('is readable for all and fits, with everything open: %s, %i px', async (colorScheme, width) => {
    const { page, problems } = await chromium.open(service.url, { colorScheme, viewport: { width, height: 800 } });
    await page.goto(`${service.url}/answers`);
    await page.locator('.btn.authorize').click();
    await page.locator('.auth-container input').fill(key);
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.locator('.auth-container').getByRole('button', { name: 'Apply credentials' }).click();
    await page.getByRole('button', { name: 'Logout' }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    await page.locator('.modal-ux').getByRole('button', { name: 'Close' }).last().click();
    for (const tool of ['echo', 'structured', 'bytes']) {
      const operation = page.locator(`#operations-default-answers_${tool}`);
      await operation.locator('.opblock-summary-control').click();
      await operation.locator('.tablinks', { hasText: 'Schema' }).last().click();
      await operation.locator('.shared-responses summary').click();
    }
    const echo = page.locator('#operations-default-answers_echo');
    await echo.getByRole('button', { name: 'Try it out' }).click();
    await echo.locator('textarea').fill(JSON.stringify({ value: 'x'.repeat(500) }));
    await echo.getByRole('button', { name: 'Execute' }).click();
    await echo.locator('.live-responses-table .response').waitFor();
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(problems).toEqual([]);
  });

  test('is titled after the server and is dark where the system is', async () => {
    const { page, problems } = await chromium.open(service.url, { colorScheme: 'dark', viewport: phone });
    await page.goto(`${service.url}/answers/docs`);
    await page.locator('.opblock').first().waitFor();
    expect(await page.title()).toContain('answers');
    expect(await page.evaluate('getComputedStyle(document.querySelector(".swagger-ui")).backgroundColor')).toMatch(
      /^rgb\(\d\d, \d\d, \d\d\)$/,
    );
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
  });

  test('says what is wrong when there is no document', async () => {
    const { page } = await chromium.open(service.url);
    await page.route('**/openapi.json', (route) =>
      route.fulfill({ status: 503, contentType: 'application/json', body: '{"detail":"many is starting."}' }),
    );
    await page.goto(`${service.url}/many/docs`);
    expect(await page.getByRole('alert').textContent()).toContain('many is starting.');
  });
});

describe('behind a proxy that strips a prefix which the service does not know', () => {
  let proxy: Server;
  let outside: string;
  beforeAll(async () => {
    proxy = createServer((request, response) => {
      const path = request.url ?? '';
      if (!path.startsWith('/some/prefix/')) {
        response.writeHead(418).end();
        return;
      }
      const { method, headers } = request;
      const inner = httpRequest(
        { port: service.port, method, headers, path: path.slice('/some/prefix'.length) },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      request.pipe(inner);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    outside = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    proxy.close();
    proxy.closeAllConnections();
  });

  test('a tool can be called from the page', async () => {
    const { page, problems } = await chromium.open(outside);
    await page.goto(`${outside}/some/prefix/answers/docs`);
    expect(await tryOut(page, 'text')).toContain('"hello"');
    expect(problems).toEqual([]);
  });

  test('the start page leads to the others', async () => {
    const { page, problems } = await chromium.open(outside);
    await page.goto(`${outside}/some/prefix/`);
    const card = page.getByRole('article', { name: 'answers' });
    await card.getByText('24 tools').click();
    await card.getByRole('link', { name: 'ReDoc' }).click();
    await page.locator('.redoc-wrap').waitFor();
    expect(problems).toEqual([]);
  });
});

describe('ReDoc', () => {
  test.each(['/answers/redoc', '/redoc/'])('%s shows the tools and searches them', async (path) => {
    const { page, problems } = await chromium.open(service.url);
    await page.goto(service.url + path);
    await page.getByRole('heading', { name: 'Embedded Text' }).first().waitFor();
    await page.getByRole('textbox', { name: 'Search' }).fill('embedded');
    await page.locator('[data-role="search:results"] li').first().waitFor();
    expect(problems).toEqual([]);
  });
});

describe('the start page', () => {
  test.each(['light', 'dark'] as const)('fits a phone, %s', async (colorScheme) => {
    const { page, problems } = await chromium.open(service.url, { colorScheme, viewport: phone });
    await page.goto(service.url);
    for (const summary of await page.locator('summary').all()) await summary.click();
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    const lightness = await page.evaluate('parseInt(getComputedStyle(document.body).backgroundColor.slice(4))');
    if (colorScheme === 'dark') expect(lightness).toBeLessThan(72);
    else expect(lightness).toBeGreaterThan(192);
    expect(problems).toEqual([]);
  });

  test('is complete without script', async () => {
    const { page } = await chromium.open(service.url, { javaScriptEnabled: false });
    await page.goto(service.url);
    const card = page.getByRole('article', { name: 'answers' });
    expect(await card.textContent()).toMatch(/\bready\b/);
    expect(await card.locator('code').first().textContent()).toBe(`${service.url}/answers`);
    expect(await page.getByRole('article', { name: 'broken' }).textContent()).toContain('command was not found');
  });

  test('copies the URL to register', async () => {
    const { page, problems } = await chromium.open(service.url, {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await page.goto(service.url);
    await page.getByRole('article', { name: 'answers' }).getByRole('button', { name: 'Copy' }).first().click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(`${service.url}/answers`);
    expect(problems).toEqual([]);
  });

  test('copies where the page has no secure origin', async () => {
    const origin = `http://mcpo.test:${service.port}`;
    const { page, problems } = await chromium.open(origin);
    await page.goto(origin);
    expect(await page.evaluate('[isSecureContext, navigator.clipboard]')).toEqual([false, undefined]);
    await page.getByRole('article', { name: 'answers' }).getByRole('button', { name: 'Copy' }).first().click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    await page.getByRole('searchbox').focus();
    await page.keyboard.press('Control+V');
    expect(await page.getByRole('searchbox').inputValue()).toBe(`${origin}/answers`);
    expect(problems.filter((problem) => !problem.includes('Cross-Origin-Opener-Policy'))).toEqual([]);
  });

  test('selects the text and says which keys copy it, where the browser does not', async () => {
    const origin = `http://mcpo.test:${service.port}`;
    const { page } = await chromium.open(origin);
    await page.addInitScript('Document.prototype.execCommand = () => false');
    await page.goto(origin);
    await page.getByRole('article', { name: 'answers' }).getByRole('button', { name: 'Copy' }).first().click();
    await page.getByRole('button', { name: 'Press Ctrl+C' }).waitFor();
    expect(await page.evaluate('String(getSelection())')).toBe(`${origin}/answers`);
  });

  test('shows who signs in, and where to', async () => {
    const { page } = await chromium.open(service.url);
    await page.goto(service.url);
    const card = page.getByRole('article', { name: 'jira' });
    expect(await card.textContent()).toMatch(/each user signs in/);
    expect(await card.textContent()).not.toMatch(/\bready\b|0 tools/);
    await page.getByRole('link', { name: 'Your vault' }).click();
    await page.waitForURL(`${service.url}/vault`);
    await page.goBack();
    await page.getByRole('link', { name: 'Administration' }).click();
    await page.waitForURL(`${service.url}/admin`);
  });

  test('leads from the name of a tool to the tool, opened', async () => {
    const { page, problems } = await chromium.open(service.url);
    await page.goto(service.url);
    const card = page.getByRole('article', { name: 'answers' });
    await card.getByText('24 tools').click();
    await card.getByRole('link', { name: 'echo_line' }).click();
    await page.locator('#operations-default-answers_echo_line').getByRole('button', { name: 'Try it out' }).waitFor();
    expect(problems).toEqual([]);
  });

  test('searches while one types, by tools too, and its address says so', async () => {
    const { page, problems } = await chromium.open(service.url);
    await page.goto(service.url);
    const shown = () =>
      page.evaluate<string[]>(
        "[...document.querySelectorAll('article:not([hidden])')].map((row) => row.dataset.server)",
      );
    await page.getByRole('searchbox').fill('Number 2');
    expect(await shown()).toEqual(['many']);
    const many = page.getByRole('article', { name: 'many' });
    expect(await many.locator('.tools a:visible').allTextContents()).toEqual(['tool_2']);
    expect(await page.locator('#found').textContent()).toBe('1 of 4 servers found');
    expect(new URL(page.url()).searchParams.get('q')).toBe('Number 2');
    await page.reload();
    expect(await shown()).toEqual(['many']);
    await page.getByRole('searchbox').fill('');
    expect((await shown()).length).toBe(4);
    expect(new URL(page.url()).search).toBe('');
    expect(problems).toEqual([]);
  });

  test('searches without script, by the address', async () => {
    const { page } = await chromium.open(service.url, { javaScriptEnabled: false });
    await page.goto(`${service.url}/?q=tool_2`);
    await page.getByText('1 of 4 servers found').waitFor();
    expect(await page.getByRole('article').count()).toBe(1);
    expect(await page.getByRole('link', { name: 'tool_2' }).isVisible()).toBe(true);
  });

  test.each([
    ['light', 1280],
    ['dark', 390],
  ] as const)('has a row for each of sixty servers: %s, %i px', async (colorScheme, width) => {
    const sixty = await startService({
      servers: Object.fromEntries(
        Array.from({ length: 60 }, (_, index) => [
          `server-${index + 1}`,
          // Sixty processes would take the machine: what is shown is the same.
          index < 2 ? fixture('many.js') : { type: 'streamable-http', url: `http://127.0.0.1:9/${index}` },
        ]),
      ),
    });
    try {
      const { page, problems } = await chromium.open(sixty.url, { colorScheme, viewport: { width, height: 900 } });
      await page.goto(sixty.url);
      expect(await page.locator('#summary').textContent()).toBe('Servers: 2 of 60 ready, 6 tools');
      expect(await page.getByRole('article').count()).toBe(60);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
      expect(await accessibilityProblems(page)).toEqual([]);
      if (width > 1000) {
        expect(await page.evaluate<number>("document.querySelector('article').offsetHeight")).toBeLessThan(72);
      }
      await page.getByRole('searchbox').fill('server-59');
      expect(await page.getByRole('article').count()).toBe(1);
      expect(problems).toEqual([]);
    } finally {
      await sixty.stop();
    }
  });

  test('follows a server from starting to ready by itself', async () => {
    const starting = await startService({
      servers: { slow: fixture('slow-start.js', ['3000']) },
      waitForReady: false,
    });
    try {
      const { page, problems } = await chromium.open(starting.url);
      await page.goto(starting.url);
      const card = page.getByRole('article', { name: 'slow' });
      await card.locator('.state-starting').waitFor();
      await card.locator('.state-ready').waitFor();
      expect(await page.getByRole('status').textContent()).toBe('slow is ready');
      expect(problems).toEqual([]);
    } finally {
      await starting.stop();
    }
  });
});
