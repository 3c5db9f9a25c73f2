import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { type AuditLine, auditFile, auditLines, waitForLine } from '../audit-lines.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test } from '../harness.ts';
import { formHeaders, type Visit, visitByLogIn } from '../vault-visit.ts';

const KEY = 'key-of-the-edits-attack-test';
const OTHER_ADMIN = 'other-admin-of-the-edits-attack';
const text = JSON.stringify({
  // A user's value is needed, so that the vault is used.
  mcpServers: {
    first: fixture('named.js', ['read']),
    own: fixture('named.js', ['x'], { env: { T: '${TOKEN}' }, userVars: { TOKEN: {} } }),
  },
  auth: { keys: [] },
});
const url = 'https://mcp.invalid/mcp';

async function start(mode: string) {
  const folder = temporaryFolder();
  const file = join(folder, 'servers.json');
  writeFileSync(file, text);
  const log = auditFile();
  const env = {
    MCPO_API_KEY: KEY,
    MCPO_ADMIN_EDITS: mode,
    MCPO_DATA_DIR: join(folder, 'data'),
    SECURITY_LOG_FILE: log,
    CANARY: 'canary-of-the-environment-0815',
    MCPO_TRUST_USER_HEADERS: 'true',
  };
  const service = await startService({ args: ['--config', file], env });
  return { service, visit: await visitByLogIn(service.request, service.url, KEY, 'admin'), file, log, env };
}

const hidden = (page: string, name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1] ?? '';

describe('MCPO_ADMIN_EDITS=remote gives nobody a command', () => {
  let service: Service;
  let visit: Visit;
  let [file, log] = ['', ''];
  beforeAll(async () => {
    ({ service, visit, file, log } = await start('remote'));
  }, 60_000);

  /** Straight to the form that writes, too: what was shown before is no permission. */
  async function isRefused(fields: Record<string, string>): Promise<void> {
    const harmless = await visit.post('/admin/add-server', { kind: 'url', name: 'harmless', url });
    const version = hidden(harmless.text, 'version');
    for (const path of ['/admin/add-server', '/admin/add-server/write']) {
      const answer = await visit.post(path, { ...fields, version, credential: KEY });
      expect([JSON.stringify(fields), path, answer.status]).toEqual([JSON.stringify(fields), path, 422]);
      expect(answer.text).not.toContain('canary-of-the-environment');
    }
    expect(readFileSync(file, 'utf8')).toBe(text);
  }

  const entries: readonly object[] = [
    { command: 'sh', args: ['-c', 'id'] },
    { url, command: 'sh' },
    { type: 'stdio', url },
    { type: 'stdio', command: 'sh' },
    { url, envFile: '/etc/passwd' },
    { url, args: ['x'], env: { A: 'b' } },
    { url: '${env:CANARY}' },
    { url: `${url}?\${CANARY}` },
    { url, headers: { 'X-A': '${env:CANARY}' } },
    { url, headers: { 'X-A': '${CANARY:-x}' } },
    { url, headers: { 'X-A': '${file:/etc/passwd}' } },
    { url, headers: { 'X-A': '${base64:${env:CANARY}}' } },
    { url: `${url}/\${TOKEN}`, userVars: { TOKEN: {} }, discovery: { TOKEN: '${env:CANARY}' } },
    { url, headers: { 'X-A': '${user.token}' }, forwardCallerToken: true },
    { url: 'http://127.0.0.1:1/mcp' },
    { url: 'http://localhost/mcp' },
    { url: 'http://169.254.169.254/latest/meta-data' },
    { url: 'file:///etc/passwd' },
  ];
  for (const entry of entries) {
    test(JSON.stringify(entry), () => isRefused({ kind: 'pasted', name: 'evil', text: JSON.stringify(entry) }));
  }

  test('not by other ways to say it', async () => {
    const command = '"command": "sh"';
    for (const pasted of [
      `{"mcpServers": {"evil": {"url": "${url}", ${command}}}}`,
      `{"mcpServers": {"good": {"url": "${url}"}, "evil": {${command}}}}`,
      `{"servers": {"evil": {${command}}}}`,
      `{"mcpServers": {"evil": {"url": "${url}", "\\u0063ommand": "sh"}}}`,
      `{"mcpServers": {"evil": {"__proto__": {${command}}}}}`,
      `{"mcpServers": {"first": {${command}}}}`,
      `{"mcpServers": {"__proto__": {${command}}}}`,
      `"x": {"url": "${url}"}, "mcpServers": {"evil": {${command}}}`,
      JSON.stringify({
        name: 'a/evil',
        packages: [{ registryType: 'npm', identifier: 'evil', version: '1', transport: { type: 'stdio' } }],
      }),
    ]) {
      await isRefused({ kind: 'pasted', name: '', text: pasted });
    }
    await isRefused({ kind: 'command', name: 'evil', command: 'sh' });
    await isRefused({ kind: 'url', name: 'evil', url: '', command: 'sh' });
    await isRefused({ kind: 'url', name: 'evil', url, command: 'sh' });
    await isRefused({ kind: 'url', name: 'a", "command": "sh', url });
    // A list of tools is no way to another key.
    const page = (await visit.get('/admin/tools/first')).text;
    const fields = { version: hidden(page, 'version'), 'tool.0': '../command', 'name.0': 'x"/y' };
    expect((await visit.post('/admin/tools/first', fields)).status).toBe(422);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('nobody but an admin, and no page of another site', async () => {
    const fields = new URLSearchParams({ kind: 'url', name: 'x', url, form_token: visit.formToken }).toString();
    const post = (headers: Record<string, string>) =>
      service.request('POST', '/admin/add-server/write', { headers, body: fields });
    const from = (origin: string) => formHeaders(origin, visit.cookie);
    expect((await post({ ...from('https://evil.example') })).status).toBe(403);
    expect((await post({ 'content-type': 'application/x-www-form-urlencoded', origin: service.url })).status).toBe(401);
    expect((await visit.post('/admin/add-server', { kind: 'url', name: 'x', url, form_token: 'wrong' })).status).toBe(
      403,
    );
    expect((await visit.post('/admin/tools/first', { form_token: 'wrong' })).status).toBe(403);
    expect(
      (
        await service.request('POST', '/admin/add-server', {
          headers: { authorization: `Bearer ${KEY}` },
          body: fields,
        })
      ).status,
    ).toBe(401);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('names and texts are text on the page', async () => {
    const name = '"><script>alert(1)</script>';
    const { text: page } = await visit.post('/admin/add-server', {
      kind: 'pasted',
      name,
      text: `</textarea><script>x</script>${name}`,
    });
    expect(page).not.toMatch(/<script>(alert|x)/);
    expect(auditLines(log).filter(({ event_type }) => event_type === 'configuration_change')).toEqual([]);
  });
});

describe('values of users', () => {
  test('of a server that is gone go to no new one of its name', async () => {
    const { service, visit, file } = await start('remote');
    const user = { authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': 'alice', 'content-type': 'application/json' };
    const path = '/vault/api/servers/own/variables/TOKEN';
    const set = await service.request('PUT', path, { headers: user, body: '{"value": "secret-of-alice"}' });
    expect(set.status).toBe(204);
    const gone = JSON.stringify({ mcpServers: { first: fixture('named.js', ['read']) } });
    writeFileSync(file, gone);
    service.kill('SIGHUP');
    const fields = {
      kind: 'pasted',
      name: 'own',
      text: JSON.stringify({ url, headers: { 'X-A': '${TOKEN}' }, userVars: { TOKEN: {} } }),
    };
    let answer = await visit.post('/admin/add-server', fields);
    for (let left = 50; left > 0 && answer.text.includes('already'); left--)
      answer = await visit.post('/admin/add-server', fields);
    expect([answer.status, answer.text]).toEqual([
      422,
      expect.stringContaining('Users have set values for an earlier server'),
    ]);
    expect(readFileSync(file, 'utf8')).toBe(gone);
  });
});

describe('MCPO_ADMIN_EDITS=commands', () => {
  test("asks for the admin's own log-in again, and records every word of what is run", async () => {
    const { service, visit, file, log, env } = await start('commands');
    const made = await runCommand(['key', 'create', '--id', 'other', '--scope', 'admin'], { env });
    const other = /\bmcpo_\S+|\S{30,}/.exec(made.stdout)?.[0] ?? OTHER_ADMIN;
    const long = `${'x'.repeat(200)} && curl https://evil.example`;
    const fields = {
      kind: 'pasted',
      name: 'run',
      text: JSON.stringify({
        command: process.execPath,
        args: ['run.js', long],
        env: { A_TOKEN: 'canary-in-the-form-0815' },
      }),
    };
    const shown = await visit.post('/admin/add-server', fields);
    const version = hidden(shown.text, 'version');
    for (const credential of ['', 'wrong', other]) {
      const refused = await visit.post('/admin/add-server/write', { ...fields, version, credential });
      expect([401, 403]).toContain(refused.status);
    }
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect((await visit.post('/admin/add-server/write', { ...fields, version, credential: KEY })).status).toBe(303);
    const isChange = ({ event_type }: AuditLine) => event_type === 'configuration_change';
    await waitForLine(log, isChange);
    const lines = auditLines(log).filter(isChange);
    const words = lines
      .flatMap(({ details }) => details?.difference as string[])
      .map((line) => line.slice(2))
      .join('');
    expect(words).toContain('x'.repeat(200));
    expect(words).toContain('curl https://evil.example');
    expect(JSON.stringify(lines) + service.stderr()).not.toContain('canary-in-the-form');
  });

  test('a server.json reads nothing of the service', async () => {
    const { visit, file } = await start('commands');
    const server = {
      name: 'evil/thing',
      packages: [
        {
          registryType: 'npm',
          identifier: 'thing',
          version: '1',
          transport: { type: 'stdio' },
          environmentVariables: [
            { name: 'A', value: '${env:CANARY}' },
            { name: 'B', value: '$', variables: {} },
          ],
        },
      ],
    };
    const fields = { kind: 'pasted', text: JSON.stringify(server) };
    const { text: page } = await visit.post('/admin/add-server', fields);
    expect(page).not.toContain('canary-of-the-environment');
    const version = hidden(page, 'version');
    expect((await visit.post('/admin/add-server/write', { ...fields, version, credential: KEY })).status).toBe(303);
    expect(readFileSync(file, 'utf8')).toMatch(/"A": ?"\$\$\{env:CANARY\}"/);
  });
});
