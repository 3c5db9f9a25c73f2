import { afterEach, describe, expect, test } from '@jest/globals';
import { AuditUnavailableError, VaultUnavailableError } from '../../../../src/errors.ts';
import { type HttpAnswer, sendRequest } from '../../../e2e/http-request.ts';
import type { MemoryServer } from '../pages/memory-variables.ts';
import { ALICE, CHIEF, type PageApp, type PageAppOptions, startPageApp } from '../pages/page-app.ts';

const CANARY = 'canary-4711';
const SERVERS: readonly MemoryServer[] = [
  {
    server: 'jira',
    title: 'Jira',
    variables: {
      TOKEN: { title: 'API token', pattern: '[a-z0-9-]+', default: 'admins-own-secret' },
      SITE: { title: 'Site', sensitive: false, pattern: '[a-z]+' },
    },
  },
  { server: 'wiki', title: 'Wiki', variables: { TOKEN: {} } },
];

const started: PageApp[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.close()));
});

async function start(options: PageAppOptions = {}): Promise<PageApp> {
  const app = await startPageApp({ servers: SERVERS, ...options });
  started.push(app);
  return app;
}

interface Visitor {
  readonly cookie: string;
  readonly token: string;
  get(path: string, headers?: Record<string, string>): Promise<HttpAnswer>;
  post(path: string, fields?: Record<string, string>): Promise<HttpAnswer>;
}

function post(app: PageApp, path: string, fields: Record<string, string>, cookie = ''): Promise<HttpAnswer> {
  return sendRequest(app.port, 'POST', path, {
    headers: { Origin: app.url, Cookie: cookie, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  });
}

/** A visitor with the cookie of an answer, and the form token of their page. */
async function visit(app: PageApp, answer: HttpAnswer): Promise<Visitor> {
  const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  const get = (path: string, headers: Record<string, string> = {}) =>
    sendRequest(app.port, 'GET', path, { headers: { Cookie: cookie, ...headers } });
  const token = /name="form_token" value="([^"]+)"/.exec((await get('/vault')).text)?.[1] ?? '';
  return { cookie, token, get, post: (path, fields = {}) => post(app, path, { form_token: token, ...fields }, cookie) };
}

const logIn = async (app: PageApp, credential = 'key-of-alice') =>
  visit(app, await post(app, '/vault/log-in', { credential }));

describe('every page', () => {
  test('is kept by no cache, may send forms with their origin, and is read by no other origin', async () => {
    const app = await start();
    const { get, post: send } = await logIn(app);
    const answers = await Promise.all([
      sendRequest(app.port, 'GET', '/vault'),
      sendRequest(app.port, 'GET', '/admin'),
      sendRequest(app.port, 'GET', '/vault/link/unknown'),
      get('/vault'),
      get('/admin'),
      send('/vault/servers/jira', { 'value.SITE': '1' }),
      send('/vault/servers/jira', { 'value.SITE': 'a' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 410, 200, 403, 422, 303]);
    for (const { headers } of answers) {
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['access-control-allow-credentials']).toBeUndefined();
      if (headers.location !== undefined) continue;
      expect(headers['referrer-policy']).toBe('same-origin');
      expect(headers['cross-origin-resource-policy']).toBe('same-origin');
    }
  });

  test.each(['/vault', '/vault/', '/tools/vault', '/tools//vault/', '/tools/vault/link/'])(
    'links relatively to its own address under the prefix: %s',
    async (path) => {
      const app = await start({ pathPrefix: '/tools/' });
      const target = path.endsWith('link/') ? `${app.createLink(ALICE, 'jira')}/` : path;
      const { cookie } = await logIn(app);
      const headers = path.endsWith('link/') ? {} : { Cookie: cookie };
      const { text } = await sendRequest(app.port, 'GET', target, { headers });
      const links = [...text.matchAll(/(?:href|action|src)="([^"]*)"/g)].map(([, link]) => link ?? '');
      const paths = links.map((link) => new URL(link, `http://host${target}`).pathname);
      expect(paths).toContain('/tools/docs/assets/forms.css');
      if (!path.endsWith('link/')) expect(paths).toContain('/tools/vault/servers/jira');
      expect(links.filter((link) => !/^[.#]/.test(link))).toEqual([]);
      const css = await sendRequest(app.port, 'GET', '/tools/docs/assets/forms.css');
      expect(css.status).toBe(200);
    },
  );
});

describe('a form', () => {
  test('that is saved leads to the page by a relative address', async () => {
    const app = await start({ pathPrefix: '/tools/' });
    const { post: send, get } = await logIn(app);
    const { status, headers } = await send('/tools/vault/servers/jira', {
      'value.TOKEN': ` ${CANARY} `,
      'value.SITE': '',
    });
    expect([status, headers.location]).toEqual([303, '../../../tools/vault?done=saved&server=jira']);
    expect(app.userVariables.value(ALICE, 'jira', 'TOKEN')).toBe(CANARY);
    expect(app.userVariables.value(ALICE, 'jira', 'SITE')).toBeUndefined();
    expect((await get('/vault?done=saved&server=jira')).text).toContain('Your values for Jira are saved.');
  });

  test('that fails keeps what was typed in its fields, in that answer only, and says which field is wrong', async () => {
    const app = await start();
    const { post: send } = await logIn(app);
    const typed = { 'value.TOKEN': CANARY, 'value.SITE': 'No <Site>' };
    const { status, text, headers } = await send('/vault/servers/jira', typed);
    expect(status).toBe(422);
    expect(text).toContain('value="No &lt;Site&gt;"');
    expect(text).toMatch(new RegExp(`type="password" value="${CANARY}"`));
    expect(text.split(CANARY)).toHaveLength(2);
    expect([headers['cache-control'], headers.location]).toEqual(['no-store', undefined]);
    expect(text).toMatch(/id="problem-0-1">The value of &quot;Site&quot; does not have the right form/);
    expect(text).not.toContain('id="problem-0-0"');
    expect(text).toContain('Nothing was saved.');
    expect((await send('/vault/servers/jira/test', {})).text).not.toContain(CANARY);
    expect(app.userVariables.entries.size).toBe(0);
    expect(JSON.stringify(app.logs)).not.toMatch(/canary|No <Site>/);
  });

  test.each([
    ['with nothing typed', {}, 422, 'All fields were empty'],
    ['for an unknown variable', { 'value.__proto__': 'x' }, 404, 'has no user variable'],
    ['of an old page', { form_token: 'x', 'value.SITE': 'a' }, 403, 'This page is out of date'],
    ['without a token', { form_token: '', 'value.SITE': 'a' }, 403, 'This page is out of date'],
  ])('%s changes nothing', async (_name, fields: Record<string, string>, status, sentence) => {
    const app = await start();
    const { post: send } = await logIn(app);
    const answer = await send('/vault/servers/jira', fields);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(sentence);
    expect(app.userVariables.entries.size).toBe(0);
  });

  test('of a user who is no longer logged in changes nothing and asks to log in', async () => {
    const app = await start();
    for (const path of ['servers/jira', 'servers/jira/test', 'servers/jira/remove', 'erase']) {
      const answer = await post(app, `/vault/${path}`, { 'value.SITE': 'a', confirm: 'yes', name: 'SITE' });
      expect(answer.status).toBe(401);
      expect(answer.text).toContain('You are no longer logged in');
    }
    expect(app.changes).toEqual([]);
  });

  test('that is no form, or too large, is refused with a page', async () => {
    const app = await start();
    const { cookie } = await logIn(app);
    const headers = { Origin: app.url, Cookie: cookie };
    const json = { headers: { ...headers, 'Content-Type': 'application/json' }, body: '{}' };
    expect((await sendRequest(app.port, 'POST', '/vault/servers/jira', json)).status).toBe(415);
    const body = `value.TOKEN=${'x'.repeat(1_100_000)}`;
    const large = { headers: { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' }, body };
    const answer = await sendRequest(app.port, 'POST', '/vault/servers/jira', large);
    expect(answer.status).toBe(413);
    expect(answer.headers['content-type']).toContain('text/html');
  });

  test('a failed test is reported, and an address that only accepts forms leads back', async () => {
    const app = await start();
    app.userVariables.put(ALICE, 'wiki', 'TOKEN', 'wrong');
    const { post: send, get } = await logIn(app);
    const failed = await send('/vault/servers/wiki/test');
    expect(failed.status).toBe(422);
    expect(failed.text).toContain('Wiki refused what is set.');
    for (const path of ['servers/wiki', 'servers/wiki/test', 'erase', 'log-in']) {
      const answer = await get(`/vault/${path}`);
      expect([answer.status, new URL(answer.headers.location ?? '', `http://host/vault/${path}`).pathname]).toEqual([
        303,
        '/vault',
      ]);
    }
  });

  test('erases nothing unless the box is ticked', async () => {
    const app = await start();
    app.userVariables.put(ALICE, 'wiki', 'TOKEN', CANARY);
    const { post: send } = await logIn(app);
    expect((await send('/vault/erase')).status).toBe(422);
    expect(app.userVariables.entries.size).toBe(1);
    const done = await send('/vault/erase', { confirm: 'yes' });
    expect(done.status).toBe(303);
    expect(done.headers['set-cookie']?.[0]).toMatch(/^mcpo-vault=; Max-Age=0/);
    expect(app.userVariables.entries.size).toBe(0);
  });
});

describe('a setup link', () => {
  test('shows and changes its own server only', async () => {
    const app = await start();
    app.userVariables.put(ALICE, 'wiki', 'TOKEN', CANARY);
    const opened = await post(app, app.createLink(ALICE, 'jira'), {});
    expect([opened.status, opened.headers.location]).toEqual([303, '../../vault']);
    const { get, post: send } = await visit(app, opened);
    const { text } = await get('/vault');
    expect(text).toContain('Your values for Jira');
    expect(text).not.toMatch(/Wiki|recent use|Erase|Remove/);
    app.userVariables.put(ALICE, 'jira', 'TOKEN', CANARY);
    expect((await get('/vault')).text).not.toContain('Remove');
    expect((await send('/vault/servers/jira/remove', { name: 'TOKEN' })).status).toBe(403);
    expect(app.userVariables.value(ALICE, 'jira', 'TOKEN')).toBe(CANARY);
    for (const [path, fields] of [
      ['servers/wiki', { 'value.TOKEN': 'x' }],
      ['servers/wiki/remove', { name: 'TOKEN' }],
      ['servers/wiki/test', {}],
    ] as const) {
      expect((await send(`/vault/${path}`, { ...fields })).status).toBe(404);
    }
    expect((await send('/vault/erase', { confirm: 'yes' })).status).toBe(403);
    expect((await get('/admin')).status).toBe(403);
    expect(app.userVariables.value(ALICE, 'wiki', 'TOKEN')).toBe(CANARY);
    expect((await send('/vault/servers/jira', { 'value.SITE': 'a' })).status).toBe(303);
    expect(app.changes).toMatchObject([
      { action: 'set', resource: 'jira/SITE', result: 'success', userId: 'user:10:open-webui:alice' },
    ]);
  });

  test('says whose it is in rows of their own, and uses nothing up', async () => {
    const app = await start();
    const name = 'Bob (bob@example.org) \u202e<b>';
    const path = app.createLink(ALICE, 'jira', { name, email: 'alice@example.org' });
    for (let i = 0; i < 3; i++) {
      const { status, text, headers } = await sendRequest(app.port, 'GET', path);
      expect([status, headers['set-cookie']]).toEqual([200, undefined]);
      expect(text).toContain('<dt>Name</dt><dd><bdi>Bob (bob@example.org) \u202e&lt;b&gt;</bdi></dd>');
      expect(text).toContain('<dt>E-mail</dt><dd><bdi>alice@example.org</bdi></dd>');
      expect(text).toContain('<dt>User id</dt><dd><bdi>alice</bdi></dd>');
      expect(text).toContain('Your values for Jira');
    }
  });

  test('of another user asks to log out first, and comes back to itself then', async () => {
    const app = await start();
    const { cookie, token, get } = await logIn(app);
    const path = app.createLink(CHIEF, 'jira');
    for (const answer of [await get(path), await post(app, path, {}, cookie)]) {
      expect(answer.status).toBe(409);
      expect(answer.text).toContain('You are logged in as <b>alice</b>');
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
    const out = await post(app, '/vault/log-out', { form_token: token, link: path.split('/').at(-1) ?? '' }, cookie);
    expect([out.status, out.headers.location]).toEqual([303, `../vault/link/${path.split('/').at(-1)}`]);
    expect((await get('/vault')).text).toContain('name="credential"');
    const odd = await post(app, '/vault/log-out', { link: '//evil.example/..' }, '');
    expect(odd.headers.location).toMatch(/vault\?done=logged-out$/);
    expect((await post(app, path, {})).status).toBe(303);
  });

  test('that does not work is in no log', async () => {
    const app = await start();
    await sendRequest(app.port, 'GET', '/vault/link/a-token-to-guard');
    expect(app.logs).toMatchObject([{ fields: { path: '/vault/link/…', status: 410 } }]);
    expect(JSON.stringify(app.logs)).not.toContain('a-token-to-guard');
  });
});

describe('the page', () => {
  test('never shows a default that is secret', async () => {
    const { get } = await logIn(await start());
    const { text } = await get('/vault');
    expect(text).toContain('Not set: the admin’s default is used.');
    expect(text).not.toContain('admins-own-secret');
  });

  test('says that the vault cannot be reached, and when to come back', async () => {
    const app = await start();
    const { get, post: send } = await logIn(app);
    app.userVariables.failure = new VaultUnavailableError('The vault cannot be reached now; nothing is lost.');
    for (const answer of [await get('/vault'), await send('/vault/servers/jira', { 'value.SITE': 'a' })]) {
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5']);
      expect(answer.text).toContain('The vault cannot be reached now; nothing is lost.');
    }
  });

  test('changes nothing while it could not be recorded', async () => {
    const app = await start();
    const { post: send } = await logIn(app);
    app.auditFailure(new AuditUnavailableError('The audit log cannot be written.'));
    expect((await send('/vault/servers/jira', { 'value.SITE': 'a' })).status).toBe(503);
    expect(app.userVariables.entries.size).toBe(0);
  });

  test('reports what was done only where its own form led to it', async () => {
    const app = await start();
    const sentence = 'All your data is erased';
    const ask = (site: string) =>
      sendRequest(app.port, 'GET', '/vault?done=erased&count=2', { headers: { 'Sec-Fetch-Site': site } });
    expect((await ask('same-origin')).text).toContain(`${sentence} (2 values)`);
    expect((await ask('cross-site')).text).not.toContain(sentence);
    expect((await ask('none')).text).not.toContain(sentence);
  });

  test('asks for no log-in where authentication is disabled, and says what the admin has to do', async () => {
    const app = await start({ hasAuthentication: false });
    for (const path of ['/vault', '/admin']) {
      const { text } = await sendRequest(app.port, 'GET', path);
      expect(text).toContain('Authentication is disabled');
      expect(text).not.toContain('name="credential"');
    }
  });

  test.each([
    ['key-of-robot', 403, 'belongs to a program, not to a person'],
    ['', 401, 'Enter your API key or token'],
  ])('keeps the status of a log-in that fails: %j', async (credential, status, sentence) => {
    const answer = await post(await start(), '/vault/log-in', { credential });
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(sentence);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  test('of an admin who is no user is the admin’s', async () => {
    const app = await start();
    const { get } = await logIn(app, 'key-of-admin');
    expect((await get('/vault')).headers.location).toBe('./admin');
  });
});
