import { afterEach, describe, expect, test } from '@jest/globals';
import { ADMIN_SERVERS, SERVERS } from '../../../browser/page-servers.ts';
import { type HttpAnswer, sendRequest } from '../../../e2e/http-request.ts';
import { ALICE, type PageApp, startPageApp } from '../pages/page-app.ts';

const started: PageApp[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.close()));
});

async function start(): Promise<PageApp> {
  const app = await startPageApp({ servers: SERVERS, adminServers: ADMIN_SERVERS, pathPrefix: '/tools/' });
  started.push(app);
  app.userVariables.put(ALICE, 'jira', 'JIRA_TOKEN', 'canary-4711');
  return app;
}

function post(app: PageApp, path: string, fields: Record<string, string>, cookie = ''): Promise<HttpAnswer> {
  return sendRequest(app.port, 'POST', path, {
    headers: { Origin: app.url, Cookie: cookie, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  });
}

async function logIn(app: PageApp, credential: string, location = '../tools/admin'): Promise<string> {
  const answer = await post(app, '/vault/log-in', { credential, page: 'admin' });
  expect(answer.headers.location).toBe(location);
  return answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

async function pageOf(app: PageApp, cookie: string, path = '/tools/admin/'): Promise<{ text: string; token: string }> {
  const { text } = await sendRequest(app.port, 'GET', path, { headers: { Cookie: cookie } });
  return { text, token: /name="form_token" value="([^"]+)"/.exec(text)?.[1] ?? '' };
}

describe('the admin’s page', () => {
  test('shows neither values of secrets nor their last characters', async () => {
    const app = await start();
    const { text } = await pageOf(app, await logIn(app, 'key-of-admin'));
    expect(text).toContain('JIRA_TOKEN');
    expect(text).not.toMatch(/canary|4711/);
    expect(text).toContain('action="../../tools/admin/servers/jira/restart"');
  });

  test('shows many users on pages that lead to each other and keep the search', async () => {
    const app = await start();
    for (let number = 1; number <= 201; number += 1) {
      app.userVariables.put({ issuer: 'a&b', subject: `user-${number}-` }, 'jira', 'JIRA_TOKEN', 'any');
    }
    const cookie = await logIn(app, 'key-of-admin');
    const linksOf = async (query: string) => {
      const { text } = await sendRequest(app.port, 'GET', `/tools/admin/${query}`, { headers: { Cookie: cookie } });
      const nav = /<nav class="pages".*?<\/nav>/s.exec(text)?.[0] ?? '';
      const links = [...nav.matchAll(/href="[^"]*(\?[^"]*)">(\w+)/g)].map(([, link, name]) => `${name} ${link}`);
      return { links, isLastShown: text.includes('user-201-') };
    };
    expect(await linksOf('?user=A%26B')).toEqual({
      links: ['Next ?user=A%26B&amp;page=2#users'],
      isLastShown: false,
    });
    expect(await linksOf('?user=A%26B&page=2')).toEqual({
      links: ['Previous ?user=A%26B&amp;page=1#users'],
      isLastShown: true,
    });
  });

  test.each([
    ['a visitor', undefined, 401],
    ['a user', 'key-of-alice', 403],
  ])('does nothing for %s', async (_name, credential, status) => {
    const app = await start();
    const cookie = credential === undefined ? '' : await logIn(app, credential);
    const { token } = await pageOf(app, cookie);
    const erase = { form_token: token, ...ALICE, confirm: 'yes' };
    for (const answer of [
      await sendRequest(app.port, 'GET', '/admin', { headers: { Cookie: cookie } }),
      await post(app, '/admin/servers/jira/restart', { form_token: token }, cookie),
      await post(app, '/admin/erase', erase, cookie),
    ]) {
      expect(answer.status).toBe(status);
      expect(answer.text).not.toMatch(/JIRA_TOKEN|streamable-http/);
    }
    expect(app.restarted).toEqual([]);
    expect(app.userVariables.entries.size).toBe(1);
  });

  test('erases a user only with the box ticked and the form token of its own page', async () => {
    const app = await start();
    const cookie = await logIn(app, 'key-of-admin');
    const { token } = await pageOf(app, cookie);
    const erase = (fields: object) => post(app, '/tools/admin/erase', { ...ALICE, ...fields }, cookie);
    expect((await erase({ form_token: token })).status).toBe(422);
    expect((await erase({ confirm: 'yes' })).status).toBe(403);
    expect((await erase({ form_token: 'x', confirm: 'yes' })).status).toBe(403);
    expect(app.userVariables.entries.size).toBe(1);
    const done = await erase({ form_token: token, confirm: 'yes' });
    expect([done.status, done.headers.location]).toEqual([303, '../../tools/admin?done=user-erased&count=1']);
    expect(app.userVariables.entries.size).toBe(0);
    expect(app.changes).toMatchObject([
      { action: 'erase', subjectId: 'user:10:open-webui:alice', userId: 'key:admin' },
    ]);
  });

  test('says that there is no such server', async () => {
    const app = await start();
    const cookie = await logIn(app, 'key-of-admin');
    const { token } = await pageOf(app, cookie);
    const answer = await post(app, '/admin/servers/none%2F..%2Fjira/restart', { form_token: token }, cookie);
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('There is no such server.');
    expect(app.restarted).toEqual([]);
  });
});

describe('the live parts of the admin’s page', () => {
  const live = (app: PageApp, cookie: string, query = '', tag = '') =>
    sendRequest(app.port, 'GET', `/tools/admin/live${query}`, { headers: { Cookie: cookie, 'If-None-Match': tag } });

  test('are those of the page, with links from where the page is', async () => {
    const app = await start();
    const cookie = await logIn(app, 'key-of-admin');
    const { text: page } = await pageOf(app, cookie);
    const liveUrl = /data-live-url="([^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? '';
    expect(liveUrl).toBe('../../tools/admin/live?depth=2');
    const { text } = await live(app, cookie, '?depth=2');
    const parts = (html: string) => [...html.matchAll(/data-live="([^"]+)"/g)].map(([, name]) => name);
    expect(parts(text).sort()).toEqual(parts(page).sort());
    expect(parts(text)).toContain('facts files');
    expect(text).toContain('action="../../tools/admin/servers/jira/tools"');
    expect(text).toContain('2 of 3 servers ready');
    expect(text).toMatch(/Not ready: <a href="#server-2">files<\/a>/);
    for (const query of ['', '?depth=12', '?depth=x', '?depth=1&depth=2']) {
      expect((await live(app, cookie, query)).text).toContain('action="./tools/admin/servers/jira/tools"');
    }
  });

  test('are sent again only when they have changed', async () => {
    const app = await start();
    const cookie = await logIn(app, 'key-of-admin');
    const tag = String((await live(app, cookie)).headers.etag);
    const same = await live(app, cookie, '', tag);
    expect([same.status, same.text]).toEqual([304, '']);
    app.registry.lastReload = {
      kind: 'refused',
      at: Date.UTC(2026, 10, 22),
      problems: ['<b>servers.json:3</b>: wrong'],
    };
    const changed = await live(app, cookie, '', tag);
    expect(changed.status).toBe(200);
    expect(changed.text).toContain('the previous configuration stays in use');
    expect(changed.text).toContain('&lt;b&gt;servers.json:3&lt;/b&gt;: wrong');
    const { text } = await pageOf(app, cookie);
    expect(text).toContain('&lt;b&gt;servers.json:3&lt;/b&gt;: wrong');
  });

  test.each([
    ['a visitor', undefined, 401],
    ['a user', 'key-of-alice', 403],
  ])('are not for %s', async (_name, credential, status) => {
    const app = await start();
    const answer = await live(app, credential === undefined ? '' : await logIn(app, credential));
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/jira|streamable/);
  });
});

test('the page shows when a server failed first, when it is tried next and its last lines on stderr, as text and without secrets', async () => {
  const app = await startPageApp({
    adminServers: [
      {
        name: 'files',
        title: 'Files',
        state: 'backing off',
        reason: 'its process ended with code 1',
        detail: 'its last lines on stderr: known-secret',
        since: Date.UTC(2026, 10, 22, 3, 4, 5),
        nextTryAt: Date.UTC(2026, 10, 22, 3, 5, 6),
        stderr: ['cannot open /srv/files', '<script>alert("x")</script> with known-secret'],
        transport: 'stdio',
        isolation: 'shared',
        tools: [],
      },
    ],
  });
  started.push(app);
  const { text } = await pageOf(app, await logIn(app, 'key-of-admin', '../admin'), '/admin');
  expect(text).toMatch(/Failing since <time datetime="2026-11-22T03:04:05.000Z" data-exact>2026-11-22 03:04:05 UTC/);
  expect(text).toMatch(/next try at <time [^>]*>2026-11-22 03:05:06 UTC/);
  expect(text).toContain('Last 2 lines on stderr');
  expect(text).toContain('cannot open /srv/files');
  expect(text).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; with [redacted]');
  expect(text).not.toContain('known-secret');
});

describe('sessions and log-ins by person', () => {
  const BOB = { issuer: 'https://id.example.org', subject: 'auth0|5f7c8ec7c33c6c004bbafe82' };

  test('are listed, and ended one by one or all of a person, each recorded with who did it', async () => {
    const app = await start();
    const cookie = await logIn(app, 'key-of-admin');
    for (const subject of ['alice', 'alice']) {
      const id = `session-${Math.random()}-of-${subject}`;
      const owner = { issuer: 'open-webui', subject };
      const session = {
        id,
        owner,
        way: 'link',
        keyId: undefined,
        browser: 'Firefox on Linux',
        provider: undefined,
      } as const;
      await app.pageSessions.begin({ ...session, expiresAt: Date.now() + 60_000 });
    }
    const { text, token } = await pageOf(app, cookie);
    expect(text).toContain('action="../../tools/admin/sessions/end-all"');
    expect(text).toMatch(/API key “admin”<\/h3>/);
    expect(text).toContain('(this browser)');
    expect(text).toContain('Firefox on Linux');
    expect(text).toMatch(/auth0\|5f7c8ec7c33c6c004bbafe82 · issuer: https:\/\/id.example.org · 1 session, 0 log-ins/);

    const end = (form: string, fields: Record<string, string>) =>
      post(app, `/tools/admin/sessions/${form}`, { form_token: token, ...fields }, cookie);
    const [first, second] = await app.pageSessions.list(ALICE);
    expect((await end('end-log-in', { session: first?.handle ?? '' })).status).toBe(303);
    expect((await end('end-log-in', { session: first?.handle ?? '' })).status).toBe(404);
    expect((await app.pageSessions.list(ALICE)).map(({ handle }) => handle)).toEqual([second?.handle]);
    expect((await end('end', { ...BOB, server: 'jira' })).status).toBe(303);
    expect((await end('end-all', ALICE)).status).toBe(303);
    expect(await app.pageSessions.list(ALICE)).toEqual([]);
    expect(app.ended).toEqual([
      { owner: BOB, server: 'jira' },
      { owner: ALICE, server: undefined },
    ]);
    expect(app.changes).toMatchObject([
      { eventType: 'session_ended', action: 'end_one', subjectId: 'user:10:open-webui:alice', userId: 'key:admin' },
      { eventType: 'session_ended', action: 'end_server_sessions', resource: 'jira' },
      { eventType: 'session_ended', action: 'end_all', subjectId: 'user:10:open-webui:alice', details: { count: 1 } },
    ]);
    // The admin is still there.
    expect((await sendRequest(app.port, 'GET', '/tools/admin', { headers: { Cookie: cookie } })).status).toBe(200);
  });

  test('nothing is ended without the form token, by a user, or for nobody', async () => {
    const app = await start();
    const cookie = await logIn(app, 'key-of-admin');
    const { token } = await pageOf(app, cookie);
    const alice = await logIn(app, 'key-of-alice');
    const handle = (await app.pageSessions.list(ALICE))[0]?.handle ?? '';
    for (const [form, fields] of [
      ['end', { ...ALICE, server: 'jira' }],
      ['end-log-in', { session: handle }],
      ['end-all', ALICE],
    ] as const) {
      const path = `/tools/admin/sessions/${form}`;
      expect((await post(app, path, { ...fields, form_token: 'x' }, cookie)).status).toBe(403);
      expect((await post(app, path, { ...fields, form_token: token }, alice)).status).toBe(403);
      expect((await post(app, path, { ...fields, form_token: token })).status).toBe(401);
      expect((await post(app, path, { form_token: token }, cookie)).status).toBeGreaterThanOrEqual(404);
      expect((await sendRequest(app.port, 'GET', path, { headers: { Cookie: cookie } })).status).toBe(303);
    }
    expect(app.ended).toEqual([]);
    expect(await app.pageSessions.list(ALICE)).toHaveLength(1);
  });

  test('a search finds people by id, and keys by name; a hundred people are not all shown', async () => {
    const app = await start();
    const cookie = await logIn(app, 'key-of-admin');
    for (let number = 100; number < 200; number += 1) {
      const owner = { issuer: 'many', subject: `person-${number}-` };
      const session = {
        id: `s${number}`,
        owner,
        way: 'token',
        keyId: undefined,
        browser: undefined,
        provider: undefined,
      } as const;
      await app.pageSessions.begin({ ...session, expiresAt: Date.now() + 60_000 });
    }
    const live = async (query: string) =>
      (await sendRequest(app.port, 'GET', `/tools/admin/live?${query}`, { headers: { Cookie: cookie } })).text;
    expect((await live('')).match(/id="person-\d+"/g)).toHaveLength(50);
    expect(await live('')).toContain('… and 53 more');
    const found = await live('user=PERSON-15');
    expect(found.match(/id="person-\d+"/g)).toHaveLength(10);
    expect(await live('user=key%20%E2%80%9Cadm')).toContain('API key “admin”');
    const { text } = await pageOf(app, cookie, '/tools/admin/?user=person-15');
    expect(text).toMatch(/data-live-url="[^"]*depth=2&amp;user=person-15"/);
  });
});
