import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, jest } from '@jest/globals';
import { fixture, startService, temporaryFolder, test } from '../e2e/harness.ts';
import { accessibilityProblems, overflow } from './accessibility.ts';
import { ChromiumLauncher } from './launch-chromium.ts';

jest.setTimeout(120_000);

const KEY = 'key-of-the-edit-pages-test';
const chromium = new ChromiumLauncher();
afterAll(() => chromium.close());

/** The page that asks for the log-in is a 401, which the browser notes. */
const unlessStatus = (problems: readonly string[]) =>
  problems.filter((one) => !one.includes('Failed to load resource'));

const server = {
  $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
  name: 'io.github.example/tracker',
  title: 'Issue Tracker',
  description: 'Issues of the house',
  version: '1.0.0',
  remotes: [
    {
      type: 'streamable-http',
      url: 'https://tracker.invalid/mcp',
      headers: [{ name: 'X-Key', isSecret: true, isRequired: true, description: 'Your key of the tracker' }],
    },
  ],
  packages: [
    {
      registryType: 'npm',
      identifier: '@example/tracker',
      version: '1.0.0',
      transport: { type: 'stdio' },
      environmentVariables: [{ name: 'TRACKER_REGION', choices: ['eu', 'us'], default: 'eu' }, { name: 'PROXY' }],
    },
  ],
};

async function start() {
  const file = join(temporaryFolder(), 'servers.json');
  const tools = { write_file: { name: 'save', description: 'Saves a text.' } };
  const names = ['read_file', 'write_file', 'a_tool_with_a_name_that_is_longer_than_a_phone_is_wide_0123456789'];
  const first = fixture('named.js', names, { tools });
  writeFileSync(file, `{\n  // kept\n  "mcpServers": {\n    "notes": ${JSON.stringify(first)}\n  }\n}\n`);
  const service = await startService({
    args: ['--config', file],
    env: { MCPO_API_KEY: KEY, MCPO_ADMIN_EDITS: 'commands' },
  });
  return { service, file };
}

async function logIn(url: string, options: object = {}) {
  const watched = await chromium.open(url, options);
  const { page } = watched;
  await page.goto(`${url}/admin`);
  await page.getByLabel('API key or token with the scope “admin”').fill(KEY);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Log out' }).waitFor();
  return watched;
}

for (const javaScriptEnabled of [true, false]) {
  test(`a server.json is uploaded, another way is chosen, and it is written after the log-in (script: ${javaScriptEnabled})`, async () => {
    const { service, file } = await start();
    const { page, problems } = await logIn(service.url, { javaScriptEnabled });
    await page.getByRole('link', { name: 'Add a server' }).click();
    const buffer = Buffer.from(JSON.stringify(server));
    await page.getByLabel('or a file').setInputFiles({ name: 'server.json', mimeType: 'application/json', buffer });
    await page.getByRole('button', { name: 'Show the change' }).first().click();
    await page.getByText('https://tracker.invalid/mcp', { exact: false }).first().waitFor();
    await page.getByLabel('npm package @example/tracker 1.0.0').check();
    await page.getByRole('button', { name: 'Show the selected way' }).click();
    await page.getByText('PROXY is optional and is left out.').waitFor();
    await page.getByLabel('Your API key or token, again').fill(KEY);
    await page.getByRole('button', { name: 'Write and reload' }).click();
    await page.getByText('tracker is in the servers file and is starting.').waitFor();
    expect(readFileSync(file, 'utf8')).toMatch(
      /\/\/ kept[\s\S]*"tracker": \{[\s\S]*"TRACKER_REGION": "\$\{TRACKER_REGION\}"/,
    );

    await page.getByRole('link', { name: 'Edit the tools of notes' }).click();
    await page.getByLabel('read_file is on').uncheck();
    await page.getByRole('button', { name: 'Write and reload' }).click();
    await page.getByText('The tools of notes are saved.').waitFor();
    expect(readFileSync(file, 'utf8')).toMatch(/"disabledTools": \[\s*"read_file"\s*\]/);
    expect(unlessStatus(problems)).toEqual([]);
  });
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [390, 1280]) {
    test(`the pages are accessible: ${colorScheme}, ${width} px`, async () => {
      const { service } = await start();
      const { page, problems } = await logIn(service.url, { colorScheme, viewport: { width, height: 900 } });
      const check = async (name: string) => {
        const folder = process.env.PICTURES_FOLDER;
        if (folder !== undefined)
          await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true });
        expect([name, await accessibilityProblems(page), await overflow(page)]).toEqual([name, [], 0]);
      };
      await page.goto(`${service.url}/admin/add-server`);
      await check('add-server');
      await page.getByLabel('Configuration').fill(JSON.stringify(server));
      await page.getByRole('button', { name: 'Show the change' }).first().click();
      await page.getByRole('button', { name: 'Write and reload' }).waitFor();
      await page.getByLabel('npm package @example/tracker 1.0.0').check();
      await page.getByRole('button', { name: 'Show the selected way' }).click();
      await page.getByLabel('Your API key or token, again').waitFor();
      await check('preview');
      await page.goto(`${service.url}/admin/tools/notes`);
      await check('edit-tools');
      await page.goto(`${service.url}/admin`);
      await check('admin');
      expect(unlessStatus(problems)).toEqual([]);
    });
  }
}
