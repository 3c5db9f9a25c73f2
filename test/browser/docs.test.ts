import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { issueToken } from '../../src/cli/token.ts';
import { fixture, type Service, startService } from '../e2e/harness.ts';
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

async function overflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - innerWidth');
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
    if (colorScheme === 'dark') expect(lightness).toBeLessThan(64);
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
