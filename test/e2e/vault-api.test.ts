import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { auditFile, lineOf } from './audit-lines.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test } from './harness.ts';
import type { HttpAnswer } from './http-request.ts';
import { formHeaders } from './vault-visit.ts';

const CANARY = 'canary-vault-api-93b7';
const KEY = 'key-of-the-admin-51d8';
const ISSUER = 'tests';
const audit = auditFile();
const dataDir = temporaryFolder();
const env = {
  MCPO_API_KEY: KEY,
  MCPO_TRUST_USER_HEADERS: 'true',
  JWT_SECRET: 'secret-of-the-test-that-is-long-enough-27aa',
  JWT_ISSUER: ISSUER,
  MCPO_DATA_DIR: dataDir,
  SECURITY_LOG_FILE: audit,
};
const servers = {
  tracker: fixture('env.js', [], {
    env: { TRACKER_TOKEN: '${TOKEN}' },
    userVars: { TOKEN: { title: 'Tracker token', pattern: 'canary-[a-z0-9-]+' } },
  }),
  staff: fixture('env.js', [], {
    env: { STAFF_TOKEN: '${TOKEN}' },
    userVars: { TOKEN: { title: 'Staff token' } },
    access: { roles: ['staff'] },
  }),
  open: fixture('answers.js'),
};
const VARIABLE = '/vault/api/servers/tracker/variables/TOKEN';

/** As Open WebUI calls for a user. */
const asUser = (id: string, role = 'user') => ({
  authorization: `Bearer ${KEY}`,
  'x-openwebui-user-id': id,
  'x-openwebui-user-role': role,
});

describe('the vault over HTTP', () => {
  let service: Service;
  let token = '';
  beforeAll(async () => {
    service = await startService({ config: { mcpServers: servers }, env });
    token = (await runCommand(['token', 'issue', '--user', 'dora'], { env })).stdout.trim();
  }, 60_000);

  const put = (path: string, headers: Record<string, string>, value = CANARY): Promise<HttpAnswer> =>
    service.request('PUT', path, {
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ value }),
    });
  const isSet = async (headers: Record<string, string>, server = 'tracker') => {
    const answer = await service.get('/vault/api/servers', headers);
    const list = answer.json() as { server: string; variables: { is_set: boolean }[] }[];
    return list.find((one) => one.server === server)?.variables.map(({ is_set }) => is_set);
  };

  test('a value that a user sets is theirs only, and is used by their calls', async () => {
    expect((await put(VARIABLE, asUser('ann'))).status).toBe(204);
    expect(await isSet(asUser('ann'))).toEqual([true]);
    expect(await isSet(asUser('ben'))).toEqual([false]);
    const call = await service.call('tracker', 'environment', {}, asUser('ann'));
    expect(call.status).toBe(200);
    expect((await service.call('tracker', 'environment', {}, asUser('ben'))).status).toBe(428);
  });

  test('a token of a user is enough, and its user is another than one of Open WebUI', async () => {
    const dora = { authorization: `Bearer ${token}` };
    expect((await put(VARIABLE, dora)).status).toBe(204);
    expect(await isSet(dora)).toEqual([true]);
    expect(await isSet(asUser('dora'))).toEqual([false]);
  });

  test('a server that is for others is not there', async () => {
    expect(await isSet(asUser('ann'), 'staff')).toBeUndefined();
    expect(await isSet(asUser('ann', 'staff'), 'staff')).toEqual([false]);
    expect(await isSet({ authorization: `Bearer ${token}` }, 'staff')).toBeUndefined();
    const path = '/vault/api/servers/staff/variables/TOKEN';
    expect((await put(path, asUser('ann'))).status).toBe(404);
    expect((await put(path, asUser('ann', 'staff'))).status).toBe(204);
  });

  test('a value that breaks the rule is refused, and the one before stays', async () => {
    expect((await put(VARIABLE, asUser('eva'))).status).toBe(204);
    for (const value of ['Wrong', '', 'canary-\r\nX: y', 'canary-\u0000']) {
      const answer = await put(VARIABLE, asUser('eva'), value);
      expect(answer.status).toBe(422);
      expect(answer.json()).toMatchObject({ detail: { code: 'value_invalid' } });
      if (value !== '') expect(answer.text).not.toContain(value);
    }
    expect(await isSet(asUser('eva'))).toEqual([true]);
  });

  test('a test opens a session and reports the tools', async () => {
    const path = '/vault/api/servers/tracker/test';
    expect((await put(VARIABLE, asUser('fay'))).status).toBe(204);
    const answer = await service.request('POST', path, { headers: asUser('fay') });
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({ ok: true, tools: ['environment'], error: null });
  });

  test('an admin sets and erases for a user, and the audit log says so', async () => {
    const admin = { authorization: `Bearer ${KEY}` };
    const set = await put('/vault/api/users/gus/servers/tracker/variables/TOKEN', admin);
    expect(set.status).toBe(204);
    expect(await lineOf(audit, set)).toMatchObject({
      event_type: 'secret_change',
      action: 'set',
      resource: 'tracker/TOKEN',
      user_id: 'key:default',
      subject_id: 'user:10:open-webui:gus',
      result: 'success',
    });
    expect(await isSet(asUser('gus'))).toEqual([true]);
    const dora = { authorization: `Bearer ${token}` };
    expect((await service.request('DELETE', '/vault/api/users/gus', { headers: dora })).status).toBe(403);
    expect((await service.request('DELETE', '/vault/api/users/gus', { headers: admin })).status).toBe(204);
    expect(await isSet(asUser('gus'))).toEqual([false]);
  });

  test('a setup link opens once, and its cookie sees its server only', async () => {
    const refused = await service.call('tracker', 'environment', {}, asUser('hal'));
    expect(refused.status).toBe(428);
    const { detail } = refused.json() as { detail: { setup_url: string } };
    const path = new URL(detail.setup_url).pathname;
    expect(path).toMatch(/^\/vault\/link\/[\w-]{22}$/);
    expect((await service.request('HEAD', path)).status).toBe(200);
    const shown = await service.get(path);
    expect([shown.status, shown.headers['set-cookie']]).toEqual([200, undefined]);
    const opened = await service.request('POST', path, { headers: formHeaders(service.url) });
    expect(opened.status).toBe(303);
    expect(opened.headers['access-control-allow-credentials']).toBeUndefined();
    expect(opened.headers['cache-control']).toBe('no-store');
    const [cookie = ''] = opened.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^mcpo-vault=[^;]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/);
    const own = { cookie: cookie.split(';')[0] ?? '' };
    const list = (await service.get('/vault/api/servers', own)).json();
    expect(list).toEqual([expect.objectContaining({ server: 'tracker', status: 'missing' })]);
    expect((await put(VARIABLE, { ...own, origin: service.url })).status).toBe(403);
    expect(await isSet(asUser('hal'))).toEqual([false]);
    expect((await service.get(path)).status).toBe(410);
    expect((await service.get(path, own)).status).toBe(303);
    const linkToken = path.slice(path.lastIndexOf('/') + 1);
    for (const output of [service.stdout(), service.stderr(), readFileSync(audit, 'utf8')]) {
      expect(output).not.toContain(linkToken);
    }
  });

  test('a setup link of a server that is for some users works, though it has nothing of their roles', async () => {
    const refused = await service.call('staff', 'environment', {}, asUser('kim', 'staff'));
    const { detail } = refused.json() as { detail: { setup_url: string } };
    const path = new URL(detail.setup_url).pathname;
    const opened = await service.request('POST', path, { headers: formHeaders(service.url) });
    const own = { cookie: opened.headers['set-cookie']?.[0]?.split(';')[0] ?? '' };
    expect((await service.get('/vault/api/servers', own)).json()).toEqual([
      expect.objectContaining({ server: 'staff', status: 'missing' }),
    ]);
  });

  test('nobody who is not known gets in', async () => {
    expect((await service.get('/vault/api/servers')).status).toBe(401);
    expect((await service.get('/vault/api/servers', { authorization: 'Bearer wrong' })).status).toBe(403);
    expect((await service.request('DELETE', '/vault/api/me')).status).toBe(401);
    expect((await service.get('/vault/api/openapi.json')).status).toBe(200);
    expect((await service.request('PATCH', '/vault/api/me')).headers.allow).toBe('DELETE, OPTIONS');
  });

  test('everything of a user is erased when they ask for it, and no value ever came out', async () => {
    await put(VARIABLE, asUser('ivy'));
    expect((await service.request('DELETE', '/vault/api/me', { headers: asUser('ivy') })).status).toBe(204);
    expect(await isSet(asUser('ivy'))).toEqual([false]);
    expect(await isSet(asUser('ann'))).toEqual([true]);
    const outputs = [service.stdout(), service.stderr(), readFileSync(audit, 'utf8')];
    for (const headers of [asUser('ann'), asUser('eva')]) {
      outputs.push((await service.get('/vault/api/servers', headers)).text);
      outputs.push((await service.get('/vault', headers)).text);
    }
    for (const output of outputs) expect(output).not.toContain(CANARY);
    const file = join(dataDir, 'mcpo-ts.db');
    expect(existsSync(file)).toBe(true);
    for (const name of [file, `${file}-wal`].filter(existsSync)) {
      expect(readFileSync(name).includes(CANARY)).toBe(false);
    }
  });
});

test('under strict authentication the vault still identifies the caller itself', async () => {
  const service = await startService({
    config: { mcpServers: { tracker: servers.tracker } },
    args: ['--strict-auth', '--path-prefix', '/v1/'],
    env: { ...env, MCPO_DATA_DIR: temporaryFolder(), SECURITY_LOG_FILE: auditFile() },
  });
  for (const base of ['', '/v1']) {
    expect((await service.get(`${base}/vault`)).status).toBe(200);
    expect((await service.get(`${base}/vault/api/openapi.json`)).status).toBe(401);
    expect((await service.get(`${base}/vault/api/servers`, asUser('ann'))).status).toBe(200);
  }
});
