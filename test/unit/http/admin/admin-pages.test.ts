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

async function logIn(app: PageApp, credential: string): Promise<string> {
  const answer = await post(app, '/vault/log-in', { credential, page: 'admin' });
  expect(answer.headers.location).toBe('../tools/admin');
  return answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

async function pageOf(app: PageApp, cookie: string): Promise<{ text: string; token: string }> {
  const { text } = await sendRequest(app.port, 'GET', '/tools/admin/', { headers: { Cookie: cookie } });
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
