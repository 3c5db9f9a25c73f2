import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect } from '@jest/globals';
import { auditFile, lineOf } from './audit-lines.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test } from './harness.ts';
import { type Ask, visitByLink } from './vault-visit.ts';

const audit = auditFile();
const dataDir = temporaryFolder();
const keyOf = (id: string) => `${id}-key-of-the-links-test-41f0`;
const entry = (id: string, scopes: readonly string[], more: object = {}) => ({
  id,
  hash: createHash('sha256').update(keyOf(id)).digest('hex'),
  scopes,
  ...more,
});
const personal = () =>
  fixture('whoami.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Token' } } });
const config = {
  mcpServers: { tracker: personal(), wiki: personal(), open: fixture('answers.js') },
  auth: {
    keys: [
      entry('owui', ['call', 'docs'], { assertsUser: true }),
      entry('mailer', ['vault:admin']),
      entry('chief', ['admin']),
      entry('writer', ['vault:write:tra*']),
      entry('asserting-writer', ['vault:write:tracker'], { assertsUser: true }),
      entry('own-writer', ['vault:write:wiki'], { user: 'wendy' }),
      entry('of-docs', ['docs'], { user: 'dan' }),
    ],
  },
};

const ISSUER = 'https://id.example.org';
const bearer = (id: string) => ({ authorization: `Bearer ${keyOf(id)}` });
const as = (user: string, id = 'owui') => ({ ...bearer(id), 'x-openwebui-user-id': user });

interface LinkAnswer {
  readonly url: string;
  readonly expires_at: string;
  readonly server: string;
  readonly user: { readonly issuer: string; readonly subject: string };
  readonly known: boolean;
}

let service: Service;
beforeAll(async () => {
  const env = { MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: dataDir, SECURITY_LOG_FILE: audit };
  service = await startService({ config, env });
}, 60_000);

const ask: Ask = (method, path, options) => service.request(method, path, options);
const send = (method: string, path: string, headers: Readonly<Record<string, string>>, body?: object) =>
  service.request(method, path, {
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
const link = (headers: Readonly<Record<string, string>>, body: object) =>
  send('POST', '/vault/api/links', headers, body);
const tokenOf = async (user: string) =>
  ((await service.call('tracker', 'whoami', {}, as(user))).json() as { token: string }).token;
const pathOf = (user: string, server = 'tracker') => `/vault/api/users/${user}/servers/${server}/variables/TOKEN`;

describe('a setup link that is asked for', () => {
  test('sets the own value of the user who asks', async () => {
    const answer = await link(as('ann'), { server: 'tracker' });
    expect(answer.status).toBe(201);
    const made = answer.json() as LinkAnswer;
    expect(made).toEqual({
      url: expect.stringMatching(new RegExp(`^${service.url}/vault/link/[\\w-]{22}$`)),
      expires_at: expect.any(String),
      server: 'tracker',
      user: { issuer: 'open-webui', subject: 'ann' },
      known: true,
    });
    const minutes = (Date.parse(made.expires_at) - Date.now()) / 60_000;
    expect([minutes > 10, minutes <= 15]).toEqual([true, true]);
    const ann = await visitByLink(ask, service.url, made.url);
    expect((await ann.post('/vault/servers/tracker', { 'value.TOKEN': 'of ann' })).status).toBe(303);
    expect(await tokenOf('ann')).toBe('of ann');
    expect(await lineOf(audit, answer)).toMatchObject({
      event_type: 'secret_change',
      action: 'link',
      resource: 'tracker',
    });
    const token = made.url.slice(made.url.lastIndexOf('/') + 1);
    for (const output of [service.stdout(), service.stderr(), readFileSync(audit, 'utf8')]) {
      expect(output).not.toContain(token);
    }
  });

  for (const [name, body, issuer] of [
    ['a subject of Open WebUI', { user: 'bob' }, 'open-webui'],
    ['issuer and subject', { user: { issuer: ISSUER, subject: 'bob' } }, ISSUER],
    ['a text of both', { user: `${ISSUER}:bob` }, ISSUER],
  ] as const) {
    test(`is for another user, named by ${name}`, async () => {
      for (const id of ['mailer', 'chief']) {
        const answer = await link(bearer(id), { server: 'tracker', ...body });
        expect([answer.status, (answer.json() as LinkAnswer).user]).toEqual([201, { issuer, subject: 'bob' }]);
        const page = await service.get(new URL((answer.json() as LinkAnswer).url).pathname);
        expect(page.text).toContain('bob');
      }
    });
  }

  test('names its user by what is known of them, though only the id is given', async () => {
    await service.call('tracker', 'whoami', {}, { ...as('zoe'), 'x-openwebui-user-name': 'Zoe%20Example' });
    const made = (await link(bearer('mailer'), { server: 'tracker', user: 'zoe' })).json() as LinkAnswer;
    expect(made.known).toBe(true);
    expect((await service.get(new URL(made.url).pathname)).text).toContain('Zoe Example');
  });

  test('needs the scope for another user, and a server that asks for values', async () => {
    for (const headers of [as('ann'), bearer('writer'), bearer('of-docs'), as('ann', 'asserting-writer')]) {
      const answer = await link(headers, { server: 'tracker', user: 'bob' });
      expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('vault:admin')]);
    }
    expect((await link(bearer('of-docs'), { server: 'tracker' })).status).toBe(403);
    expect((await link(bearer('own-writer'), { server: 'wiki' })).status).toBe(403);
    expect((await link(bearer('mailer'), { server: 'tracker' })).status).toBe(401);
    expect((await link(as('ann'), { server: 'open' })).status).toBe(404);
    expect((await link(as('ann'), { server: 'nothing' })).status).toBe(404);
    for (const body of [{}, { server: 7 }, { server: 'tracker', user: '' }, { server: 'tracker', user: { id: 'x' } }]) {
      expect([body, (await link(bearer('mailer'), body)).status]).toEqual([body, 422]);
    }
    expect((await link(as('ann'), { server: 'tracker', user: 'ann' })).status).toBe(201);
  });

  test('makes no other link', async () => {
    const { url } = (await link(as('cid'), { server: 'tracker' })).json() as LinkAnswer;
    const cid = await visitByLink(ask, service.url, url);
    const form = { cookie: cid.cookie, origin: service.url, 'x-form-token': cid.formToken };
    const answer = await link(form, { server: 'tracker' });
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('setup link')]);
  });

  test('is made by the command, which checks the server where it is given the file', async () => {
    const env = { MCPO_DATA_DIR: dataDir, MCPO_PUBLIC_URL: service.url };
    const made = await runCommand(['vault', 'link', 'eva', 'tracker'], { env });
    expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^http:\/\/\S+\/vault\/link\/[\w-]{22}\n$/)]);
    expect(made.stderr).toContain('Nothing is known of this user');
    const eva = await visitByLink(ask, service.url, made.stdout.trim());
    expect((await eva.post('/vault/servers/tracker', { 'value.TOKEN': 'of eva' })).status).toBe(303);
    expect(await tokenOf('eva')).toBe('of eva');
    const again = await runCommand(['vault', 'link', 'eva', 'wiki'], { env });
    expect(again.stderr).not.toContain('Nothing is known');
    for (const args of [
      ['eva', 'traker'],
      ['eva', 'open'],
    ]) {
      const refused = await runCommand(['vault', 'link', ...args], { config, env });
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('tracker')]);
    }
  });
});

describe('values that a workflow sets', () => {
  test('take POST where they take PUT', async () => {
    const own = '/vault/api/servers/tracker/variables/TOKEN';
    expect((await send('POST', own, as('fay'), { value: 'posted' })).status).toBe(204);
    expect(await tokenOf('fay')).toBe('posted');
    expect((await send('POST', pathOf('fay'), bearer('mailer'), { value: 'by the mailer' })).status).toBe(204);
    expect(await tokenOf('fay')).toBe('by the mailer');
  });

  test('are set with "vault:write", which does nothing else', async () => {
    const writer = bearer('writer');
    expect((await send('PUT', pathOf('gus'), writer, { value: 'written' })).status).toBe(204);
    expect((await send('POST', pathOf('gus'), writer, { value: 'written' })).status).toBe(204);
    const several = '/vault/api/users/gus/servers/tracker/variables';
    expect((await send('POST', several, writer, { values: { TOKEN: 'written' } })).status).toBe(204);
    expect(await tokenOf('gus')).toBe('written');
    const wrong = await send('PUT', pathOf('gus', 'wiki'), writer, { value: 'x' });
    expect([wrong.status, wrong.text]).toEqual([403, expect.stringContaining('vault:write:wiki')]);
    const refused: [string, string, object?][] = [
      ['DELETE', pathOf('gus')],
      ['DELETE', '/vault/api/users/gus'],
      ['DELETE', '/vault/api/me'],
      ['GET', '/vault/api/servers'],
      ['POST', '/vault/api/links', { server: 'tracker', user: 'gus' }],
      ['POST', '/vault/api/servers/tracker/test'],
      ['PUT', `${pathOf('gus')}?known=true`, { value: 'x' }],
    ];
    for (const [method, path, body] of refused) {
      expect([method, path, (await send(method, path, writer, body)).status]).toEqual([
        method,
        path,
        expect.any(Number),
      ]);
      const { status } = await send(method, path, writer, body);
      expect([method, path, status === 401 || status === 403]).toEqual([method, path, true]);
    }
    expect((await service.call('tracker', 'whoami', {}, writer)).status).toBe(403);
    expect(await tokenOf('gus')).toBe('written');
  });

  test('are the own ones of a user whose key has "vault:write", and no more than that', async () => {
    const own = '/vault/api/servers/wiki/variables/TOKEN';
    expect((await send('PUT', own, bearer('own-writer'), { value: 'of wendy' })).status).toBe(204);
    expect((await send('DELETE', own, bearer('own-writer'))).status).toBe(403);
    expect((await send('GET', '/vault/api/servers', bearer('own-writer'))).status).toBe(403);
    // The key's scopes are the ceiling of its users.
    const hal = as('hal', 'asserting-writer');
    expect((await send('PUT', '/vault/api/servers/tracker/variables/TOKEN', hal, { value: 'x' })).status).toBe(204);
    expect((await send('PUT', own, hal, { value: 'x' })).status).toBe(403);
    expect((await send('PUT', pathOf('ann'), hal, { value: 'stolen' })).status).toBe(403);
    expect((await send('PUT', pathOf('ann'), as('hal'), { value: 'stolen' })).status).toBe(403);
  });

  test('say whether the user is known, to those who may administer the vault', async () => {
    const mailer = bearer('mailer');
    const known = async (user: string, headers = mailer) =>
      (await send('PUT', pathOf(user), headers, { value: 'x1' })).headers['x-user-known'];
    expect(await known('ivy')).toBe('false');
    expect(await known('ivy')).toBe('true');
    expect(await known('ivy', bearer('writer'))).toBeUndefined();
    const strict = await send('PUT', `${pathOf('jhon')}?known=true`, mailer, { value: 'x1' });
    expect([strict.status, strict.json()]).toMatchObject([404, { detail: { code: 'user_unknown' } }]);
    expect((await send('PUT', `${pathOf('ivy')}?known=true`, mailer, { value: 'x1' })).status).toBe(204);
    for (const path of [pathOf('jhon'), '/vault/api/users/jhon']) {
      expect((await send('DELETE', path, mailer)).headers['x-user-known']).toBe('false');
      const answer = await send('DELETE', `${path}?known=true`, mailer);
      expect([answer.status, answer.json()]).toMatchObject([404, { detail: { code: 'user_unknown' } }]);
    }
    expect((await link(mailer, { server: 'tracker', user: 'jhon' })).json()).toMatchObject({ known: false });
    expect((await link(mailer, { server: 'tracker', user: 'ivy' })).json()).toMatchObject({ known: true });
    expect((await send('DELETE', pathOf('ivy'), mailer)).status).toBe(204);
    expect((await send('DELETE', '/vault/api/users/gus', mailer)).status).toBe(204);
  });
});
