import { afterEach, describe, expect, test } from '@jest/globals';
import { toHandle } from '../../../../src/vault/page-session-store.ts';
import { type HttpAnswer, sendRequest } from '../../../e2e/http-request.ts';
import { ALICE, type PageApp, startPageApp } from '../pages/page-app.ts';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

const started: PageApp[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.close()));
});

async function start(): Promise<PageApp> {
  const app = await startPageApp({ servers: [{ server: 'wiki', title: 'Wiki', variables: { TOKEN: {} } }] });
  started.push(app);
  return app;
}

function post(app: PageApp, path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  return sendRequest(app.port, 'POST', path, {
    headers: { Origin: app.url, 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(fields).toString(),
  });
}

async function visit(app: PageApp, answer: HttpAnswer) {
  const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  const get = (path = '/vault') => sendRequest(app.port, 'GET', path, { headers: { Cookie: cookie } });
  const token = /name="form_token" value="([^"]+)"/.exec((await get()).text)?.[1] ?? '';
  const send = (path: string, fields: Record<string, string> = {}) =>
    post(app, path, { form_token: token, ...fields }, { Cookie: cookie });
  const isLoggedIn = async () => (await get()).text.includes('Log out</button>');
  return { cookie, token, get, send, isLoggedIn };
}

const logIn = async (app: PageApp, userAgent = FIREFOX, credential = 'key-of-alice') =>
  visit(app, await post(app, '/vault/log-in', { credential }, { 'User-Agent': userAgent }));

const handlesIn = ({ text }: HttpAnswer) =>
  [...text.matchAll(/name="session" value="([^"]+)"/g)].map(([, handle = '']) => handle);

describe('where a user is logged in', () => {
  test('is listed with this browser marked, and nobody else’s', async () => {
    const app = await start();
    await logIn(app, PHONE);
    await logIn(app, FIREFOX, 'key-of-chief');
    const { get } = await logIn(app);
    const page = await get();
    expect(handlesIn(page)).toHaveLength(2);
    expect(page.text).toMatch(/Firefox on Linux\s*<b>\(this browser\)<\/b>/);
    expect(page.text).toMatch(/Safari on iPhone<\/td>/);
  });

  test('one log-in can be ended, of one’s own only', async () => {
    const app = await start();
    const phone = await logIn(app, PHONE);
    const chief = await logIn(app, FIREFOX, 'key-of-chief');
    const here = await logIn(app);
    const [ofChief = ''] = handlesIn(await chief.get());
    expect((await here.send('/vault/sessions/end', { session: ofChief })).status).toBe(404);
    expect(await chief.isLoggedIn()).toBe(true);
    const ofPhone = [...app.pageSessions.rows.values()].find(({ browser }) => browser === 'Safari on iPhone');
    const answer = await here.send('/vault/sessions/end', { session: ofPhone?.handle ?? '' });
    expect(answer.status).toBe(303);
    expect(await phone.isLoggedIn()).toBe(false);
    expect(await here.isLoggedIn()).toBe(true);
    expect((await here.send('/vault/sessions/end', { session: ofPhone?.handle ?? '' })).status).toBe(404);
  });

  test('all can be ended at once, which clears the cookie here', async () => {
    const app = await start();
    const phone = await logIn(app, PHONE);
    const chief = await logIn(app, FIREFOX, 'key-of-chief');
    const here = await logIn(app);
    const answer = await here.send('/vault/sessions/end-all');
    expect(answer.headers.location).toBe('../../vault?done=logged-out-everywhere&count=2');
    expect(answer.headers['set-cookie']?.[0]).toContain('Max-Age=0');
    expect(await phone.isLoggedIn()).toBe(false);
    expect(await here.isLoggedIn()).toBe(false);
    expect(await chief.isLoggedIn()).toBe(true);
  });

  test('nothing ends without the form token, from another site, or without a log-in', async () => {
    const app = await start();
    const phone = await logIn(app, PHONE);
    const here = await logIn(app);
    const [session = ''] = handlesIn(await phone.get());
    for (const path of ['/vault/sessions/end', '/vault/sessions/end-all']) {
      const Cookie = here.cookie;
      expect((await post(app, path, { session }, { Cookie })).status).toBe(403);
      expect((await post(app, path, { session, form_token: phone.token }, { Cookie })).status).toBe(403);
      const foreign = { Cookie, Origin: 'https://evil.example' };
      expect((await post(app, path, { session, form_token: here.token }, foreign)).status).toBe(403);
      expect((await post(app, path, { session })).status).toBe(401);
    }
    expect(await phone.isLoggedIn()).toBe(true);
    expect(await here.isLoggedIn()).toBe(true);
  });

  test('is not shown to a setup link, which ends nothing but itself', async () => {
    const app = await start();
    const phone = await logIn(app, PHONE);
    const [session = ''] = handlesIn(await phone.get());
    const link = await visit(app, await post(app, app.createLink(ALICE, 'wiki'), {}));
    expect((await link.get()).text).not.toContain('Where I am logged in');
    expect((await link.send('/vault/sessions/end', { session })).status).toBe(401);
    expect((await link.send('/vault/sessions/end-all')).status).toBe(401);
    expect(await phone.isLoggedIn()).toBe(true);
  });

  test('names a session by what is no use as a cookie', async () => {
    const app = await start();
    const { cookie, get } = await logIn(app);
    const [handle = ''] = handlesIn(await get());
    const value = cookie.slice(cookie.indexOf('=') + 1);
    const { id } = JSON.parse(Buffer.from(value.split('.')[0] ?? '', 'base64url').toString()) as { id: string };
    expect(handle).toBe(toHandle(id));
    expect((await get()).text).not.toContain(id);
  });
});
