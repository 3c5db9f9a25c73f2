import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { auditFile, auditLines, waitForLine } from './audit-lines.ts';
import {
  fixture,
  fixtureFile,
  runCommand,
  type Service,
  startService,
  temporaryFolder,
  test,
  waitFor,
} from './harness.ts';
import { startUserHttpServer } from './user-servers.ts';
import { type Visit, visitByLogIn } from './vault-visit.ts';

const KEY = 'key-of-the-admin-edits-test';
const first = fixture('named.js', ['read', 'write'], { env: { OLD_SECRET: 'canary-old-4711' } });
const text = `{
  // The servers of the house.
  "mcpServers": {
    "first": ${JSON.stringify(first)} // the first
  }
}
`;

async function start(
  mode: string | undefined,
  more: { readonly env?: Record<string, string>; readonly file?: string } = {},
) {
  const file = more.file ?? join(temporaryFolder(), 'servers.json');
  if (more.file === undefined) writeFileSync(file, text, { mode: 0o640 });
  const env = { MCPO_API_KEY: KEY, ...(mode === undefined ? {} : { MCPO_ADMIN_EDITS: mode }), ...more.env };
  const service = await startService({ args: ['--config', file], env });
  const visit = await visitByLogIn(service.request, service.url, KEY, 'admin');
  return { service, visit, file };
}

const hidden = (page: string, name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1] ?? '';

/** Shows a change and writes it, as the page's forms do. */
async function add(visit: Visit, fields: Record<string, string>, more: Record<string, string> = {}) {
  const shown = await visit.post('/admin/add-server', fields);
  const version = hidden(shown.text, 'version');
  const written = await visit.post('/admin/add-server/write', { ...fields, version, ...more });
  return { shown, written };
}

const readJson = (content: string) => JSON.parse(content.replaceAll(/(^|\s)\/\/.*$/gm, ''));
const toolsPath = '/admin/tools/first';
const status = async (service: Service, server: string, tool: string) =>
  (await service.call(server, tool, {}, { authorization: `Bearer ${KEY}` })).status;

describe('MCPO_ADMIN_EDITS', () => {
  test('is off unless set: no route, no link', async () => {
    const { visit, file } = await start(undefined);
    for (const path of ['/admin/add-server', '/admin/add-server/write', toolsPath]) {
      expect([path, (await visit.get(path)).status]).toEqual([path, 404]);
      expect([path, (await visit.post(path, { kind: 'url', name: 'x', url: 'https://x.example' })).status]).toEqual([
        path,
        404,
      ]);
    }
    expect((await visit.get('/admin')).text).not.toContain('add-server');
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('another value is a configuration error', async () => {
    const { code, stderr } = await runCommand([], { servers: { first }, env: { MCPO_ADMIN_EDITS: 'yes' } });
    expect([code, stderr]).toEqual([2, expect.stringContaining('MCPO_ADMIN_EDITS')]);
  });

  test('remote: a server with a url is shown, written with the comments kept, and runs', async () => {
    const upstream = await startUserHttpServer();
    const log = auditFile();
    const { service, visit, file } = await start('commands', { env: { SECURITY_LOG_FILE: log } });
    // By name: the address of this machine may not be added with "remote".
    const fields = { kind: 'url', name: 'second', url: `${upstream.origin}/mcp`, headers: 'X-Secret: canary-new-4711' };
    const { shown, written } = await add(visit, fields);
    expect(shown.status).toBe(200);
    expect(shown.text).toContain('&quot;second&quot;: {');
    expect(written.status).toBe(303);
    const after = readFileSync(file, 'utf8');
    for (const line of ['// The servers of the house.', '// the first', '"X-Secret": "canary-new-4711"'])
      expect(after).toContain(line);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    await waitFor(
      async () => (await service.serverStates()).get('second')?.state === 'ready',
      10_000,
      'the new server',
    );
    expect((await visit.get(`/admin?done=server-added&server=second`)).text).toContain('second is in the servers file');
    await waitForLine(log, ({ event_type }) => event_type === 'configuration_change');
    const lines = auditLines(log).filter(({ event_type }) => event_type === 'configuration_change');
    expect(lines).toEqual([
      expect.objectContaining({
        action: 'add_server',
        resource: 'second',
        details: { part: 1, parts: 1, difference: expect.arrayContaining(['+ "second": {']) },
      }),
    ]);
    expect(
      JSON.stringify([lines, service.stderr(), shown.text.match(/<pre class="difference"[\s\S]*?<\/pre>/)]),
    ).not.toMatch(/canary/);
  });

  test('a file that was changed since is not overwritten', async () => {
    const { visit, file } = await start('remote');
    const fields = { kind: 'url', name: 'second', url: 'https://second.invalid/mcp' };
    const shown = await visit.post('/admin/add-server', fields);
    const changed = text.replace('of the house', 'of the garden');
    writeFileSync(file, changed);
    const written = await visit.post('/admin/add-server/write', { ...fields, version: hidden(shown.text, 'version') });
    expect([written.status, written.text]).toEqual([409, expect.stringContaining('has been changed since')]);
    expect(readFileSync(file, 'utf8')).toBe(changed);
  });

  test('what would make the file invalid is refused with its key, and nothing is written', async () => {
    const { visit, file } = await start('remote');
    const snippet = { mcpServers: { second: { url: 'https://second.invalid', timeoutMs: 'soon' } } };
    const { shown } = await add(visit, { kind: 'pasted', text: JSON.stringify(snippet) });
    expect([shown.status, shown.text]).toEqual([
      422,
      expect.stringMatching(/servers\.json:\d+: server &quot;second&quot;, key &quot;timeoutMs&quot;/),
    ]);
    expect(shown.text).not.toContain(file);
    for (const [name, why] of [
      ['first', 'already'],
      ['a b', 'rename it'],
      ['vault', 'taken by the service'],
      ['', 'Enter a name'],
    ] as const) {
      const answer = await visit.post('/admin/add-server', { kind: 'url', name, url: 'https://x.invalid' });
      expect([name, answer.status, answer.text]).toEqual([name, 422, expect.stringContaining(why)]);
    }
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('a server.json: its secret inputs become user variables; a file can be uploaded', async () => {
    const { service, visit, file } = await start('remote');
    const server = {
      name: 'io.github.example/tracker',
      title: 'The Tracker',
      description: 'd',
      version: '1.0.0',
      remotes: [
        {
          type: 'streamable-http',
          url: 'https://tracker.invalid/mcp',
          headers: [{ name: 'X-Key', isSecret: true, isRequired: true, description: 'Your key' }],
        },
      ],
      packages: [{ registryType: 'npm', identifier: 'tracker', version: '1', transport: { type: 'stdio' } }],
    };
    const boundary = 'x-boundary';
    const part = (name: string, value: string, more = '') =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
    const body = `${part('form_token', visit.formToken)}${part('kind', 'pasted')}${part('text', '')}${part('text', JSON.stringify(server), '; filename="server.json"')}--${boundary}--\r\n`;
    const shown = await service.request('POST', '/admin/add-server', {
      headers: {
        cookie: visit.cookie,
        origin: service.url,
        'content-type': `multipart/form-data; boundary=${boundary}`,
      },
      body,
    });
    expect([shown.status, shown.text]).toEqual([
      200,
      expect.stringContaining('MCPO_ADMIN_EDITS=remote allows no commands'),
    ]);
    const fields = { kind: 'pasted', text: JSON.stringify(server) };
    const { written } = await add(visit, fields);
    expect(written.status).toBe(303);
    expect(readJson(readFileSync(file, 'utf8')).mcpServers.tracker).toEqual({
      title: 'The Tracker',
      type: 'streamable-http',
      url: 'https://tracker.invalid/mcp',
      headers: { 'X-Key': '${X_KEY}' },
      userVars: { X_KEY: { title: 'X-Key', description: 'Your key', required: true, sensitive: true } },
    });
    expect((await service.get('/vault/api/servers', { authorization: `Bearer ${KEY}` })).status).not.toBe(500);
    expect((await service.serverStates()).has('tracker')).toBe(true);
  });

  test('commands: the key is asked for again, and the program runs', async () => {
    const { service, visit, file } = await start('commands');
    const fields = {
      kind: 'command',
      name: 'second',
      command: process.execPath,
      args: `${fixtureFile('named.js')}\nhello`,
    };
    const { shown, written } = await add(visit, fields);
    expect(shown.text).toContain('name="credential"');
    expect([written.status, written.text]).toEqual([401, expect.stringContaining('again')]);
    expect((await add(visit, fields, { credential: 'wrong-key-of-nobody' })).written.status).toBe(403);
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect((await add(visit, fields, { credential: KEY })).written.status).toBe(303);
    await waitFor(async () => (await status(service, 'second', 'hello')) === 200, 10_000, 'the new server');
  });

  test('the file behind a link is written, and the link stays', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'real.json'), text);
    symlinkSync('real.json', join(folder, 'servers.json'));
    const { visit } = await start('remote', { file: join(folder, 'servers.json') });
    expect((await add(visit, { kind: 'url', name: 'second', url: 'https://x.invalid' })).written.status).toBe(303);
    expect(readFileSync(join(folder, 'real.json'), 'utf8')).toContain('"second"');
  });

  for (const mode of ['remote', 'commands']) {
    test(`${mode}: switches, names and descriptions of tools apply at once`, async () => {
      const { service, visit, file } = await start(mode);
      const page = (await visit.get(toolsPath)).text;
      expect(page).toContain('value="write"');
      const both = { version: hidden(page, 'version'), 'tool.0': 'read', 'tool.1': 'write' };
      const saved = await visit.post(toolsPath, {
        ...both,
        'on.0': 'yes',
        'name.0': 'look',
        'description.0': 'Looks.',
      });
      expect(saved.status).toBe(303);
      expect([await status(service, 'first', 'look'), await status(service, 'first', 'write')]).toEqual([200, 404]);
      const after = readFileSync(file, 'utf8');
      expect(after).toContain('// the first');
      expect(readJson(after).mcpServers.first).toEqual({
        ...first,
        disabledTools: ['write'],
        tools: { read: { name: 'look', description: 'Looks.' } },
      });
      const again = (await visit.get(toolsPath)).text;
      expect(again).toContain('value="look"');
      const on = {
        ...both,
        version: hidden(again, 'version'),
        'on.0': 'yes',
        'on.1': 'yes',
        'name.0': 'look',
        'description.0': 'Looks.',
      };
      expect((await visit.post(toolsPath, on)).status).toBe(303);
      expect(await status(service, 'first', 'write')).toBe(200);
      // A name that two tools would have: with its reason, and what was typed stays.
      const version = hidden((await visit.get(toolsPath)).text, 'version');
      const twice = await visit.post(toolsPath, { ...both, version, 'name.0': 'same', 'name.1': 'same' });
      expect([twice.status, twice.text]).toEqual([422, expect.stringContaining('two tools cannot have one name')]);
      expect(twice.text).toContain('value="same"');
    });
  }
});
