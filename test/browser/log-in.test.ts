import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, jest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { fixture, type Service, startService, temporaryFolder, test } from '../e2e/harness.ts';
import { CLIENT, type LogInProviderProcess, startLogInProvider } from '../fixtures/start-log-in-provider.ts';
import { waitFor } from '../wait-for.ts';
import { accessibilityProblems, overflow } from './accessibility.ts';
import { ChromiumLauncher } from './launch-chromium.ts';

jest.setTimeout(120_000);

const KEY = 'key-of-the-browser-test-5b1c';
const PATH = '/behind/proxy';
const phone = { width: 360, height: 740 };
const chromium = new ChromiumLauncher();

let provider: LogInProviderProcess;
let service: Service;
let proxy: Server;
/** On another site than the provider, which is on 127.0.0.1: strict cookies do not come along from there. */
let publicUrl = '';

beforeAll(async () => {
  provider = await startLogInProvider();
  proxy = createServer((request, response) => {
    if (!request.url?.startsWith(`${PATH}/`)) return void response.writeHead(404).end('another application');
    const path = request.url.slice(PATH.length);
    const { method, headers } = request;
    const sent = forward({ port: service.port, host: '127.0.0.1', path, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    sent.on('error', () => response.destroy());
    request.pipe(sent);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  publicUrl = `http://localhost:${(proxy.address() as AddressInfo).port}${PATH}`;
  service = await startService({
    config: {
      auth: {
        login: [
          { issuer: provider.issuer, ...CLIENT, title: 'Example ID' },
          {
            issuer: 'https://id.example.org',
            clientId: 'x',
            clientSecret: 'never-used-in-this-test',
            title: 'Another one',
          },
        ],
        groups: { 'mcp-admins': ['admin'] },
      },
      mcpServers: {
        tracker: fixture('env.js', [], {
          title: 'Tracker',
          env: { TRACKER_TOKEN: '${TOKEN}' },
          userVars: { TOKEN: { title: 'Tracker token' } },
        }),
      },
    },
    env: { MCPO_API_KEY: KEY, MCPO_DATA_DIR: temporaryFolder(), MCPO_PUBLIC_URL: publicUrl },
  });
  await provider.register({
    redirectUri: `${publicUrl}/vault/log-in/callback`,
    backChannelUri: `${service.url}/vault/log-in/back-channel`,
  });
});
afterAll(async () => {
  await chromium.close();
  await provider.kill();
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
});

/** What is wrong but for the visits to the provider. */
const unexpected = (problems: readonly string[]) =>
  problems.filter((one) => !one.includes(provider.issuer) && !one.includes('Failed to load resource'));

async function signIn(page: Page, name: string): Promise<void> {
  await page.getByRole('link', { name: 'Log in with Example ID' }).click();
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Log out' }).first().waitFor();
}

for (const javaScriptEnabled of [true, false]) {
  describe(`a log-in at a provider ${javaScriptEnabled ? 'with' : 'without'} script, behind a proxy that strips a path`, () => {
    test('leads to the vault, saves a value, and ends with the session at the provider', async () => {
      const { page, problems } = await chromium.open(new URL(publicUrl).origin, { javaScriptEnabled });
      await page.goto(`${publicUrl}/vault`);
      await signIn(page, 'alice');
      expect(page.url()).toBe(`${publicUrl}/vault`);
      expect(await page.locator('.who').textContent()).toContain('alice Example (alice@example.org)');
      expect(await page.getByText('(this browser)').count()).toBe(1);
      await page.getByLabel('Tracker token').fill('value-of-alice');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByRole('status').first().waitFor();
      expect(page.url()).toContain(`${publicUrl}/vault`);
      expect(unexpected(problems)).toEqual([]);
      await page.goto(`${provider.issuer}/session/end?client_id=mcpo`);
      await page.getByRole('button', { name: 'Yes, sign me out' }).click();
      await waitFor(
        async () => {
          await page.goto(`${publicUrl}/vault`);
          return (await page.getByRole('link', { name: 'Log in with Example ID' }).count()) === 1;
        },
        10_000,
        'the end of the session',
      );
    });

    test('leads back to /admin, and after a log-out nobody is logged in by themselves', async () => {
      const { page } = await chromium.open(new URL(publicUrl).origin, { javaScriptEnabled });
      await page.goto(`${publicUrl}/admin`);
      await signIn(page, 'root');
      expect(page.url()).toBe(`${publicUrl}/admin`);
      await page.getByRole('button', { name: 'Log out' }).first().click();
      await page.getByText('You are logged out.').waitFor();
      await page.goto(`${publicUrl}/admin`);
      expect(await page.getByRole('button', { name: 'Log out' }).count()).toBe(0);
    });

    test('that is cancelled says so', async () => {
      const { page } = await chromium.open(new URL(publicUrl).origin, { javaScriptEnabled });
      await page.goto(`${publicUrl}/vault`);
      await page.getByRole('link', { name: 'Log in with Example ID' }).click();
      await page.getByRole('button', { name: 'Cancel' }).click();
      expect(await page.getByRole('alert').textContent()).toContain('Example ID did not log you in');
    });
  });
}

test('everywhere at once: a log-out in one browser ends the log-in of another', async () => {
  const one = await chromium.open(new URL(publicUrl).origin);
  const other = await chromium.open(new URL(publicUrl).origin);
  for (const { page } of [one, other]) {
    await page.goto(`${publicUrl}/vault`);
    await signIn(page, 'carol');
  }
  await one.page.reload();
  await one.page.getByRole('button', { name: 'Log out everywhere' }).click();
  await one.page.getByText('You are logged out everywhere (2 log-ins).').waitFor();
  await other.page.reload();
  expect(await other.page.getByRole('link', { name: 'Log in with Example ID' }).count()).toBe(1);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the pages are readable by everybody, on a phone too: ${colorScheme}`, async () => {
    for (const viewport of [phone, { width: 1280, height: 900 }]) {
      const { page } = await chromium.open(new URL(publicUrl).origin, { colorScheme, viewport });
      const look = async (name: string) => {
        expect(await accessibilityProblems(page)).toEqual([]);
        expect(await overflow(page)).toBe(0);
        if (process.env.UPDATE_PICTURES === '1') {
          await page.screenshot({ path: `/tmp/log-in-${name}-${colorScheme}-${viewport.width}.png`, fullPage: true });
        }
      };
      await page.goto(`${publicUrl}/vault`);
      await look('form');
      await signIn(page, 'alice');
      await look('sessions');
    }
  });
}
