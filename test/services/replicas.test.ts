import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { auditFile, waitForLine } from '../e2e/audit-lines.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from '../e2e/harness.ts';
import { sendRequest } from '../e2e/http-request.ts';
import { formHeaders, visitByLogIn } from '../e2e/vault-visit.ts';
import { LogInBrowser } from '../fixtures/log-in-browser.ts';
import { CLIENT, type LogInProviderProcess, startLogInProvider } from '../fixtures/start-log-in-provider.ts';
import { makePostgresDatabase } from './postgres-database.ts';
import { type ReplicaFront, startFront } from './replica-front.ts';

const KEY = `key-${randomUUID()}`;
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const CALLS = 30;
/** A replica knows within two seconds what was changed at another; a busy machine may take longer. */
const NEWS_MS = 5_000;
/** Each look is a call, and those are limited. */
const LOOK_EVERY_MS = 250;

const config = (issuer: string) => ({
  auth: {
    login: { issuer, ...CLIENT, title: 'Example' },
    issuers: [{ issuer, audience: 'mcpo-ts' }],
    groups: { 'mcp-admins': ['admin'] },
    identity: { linkBy: 'email-verified' },
  },
  mcpServers: {
    jira: fixture('whoami.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Jira token' } } }),
    open: fixture('answers.js'),
  },
});

let database: Awaited<ReturnType<typeof makePostgresDatabase>>;
let provider: LogInProviderProcess;
let front: ReplicaFront;
let one: Service;
let other: Service;
const audits = [auditFile(), auditFile()];

beforeAll(async () => {
  database = await makePostgresDatabase();
  provider = await startLogInProvider();
  front = await startFront();
  const env = {
    MCPO_API_KEY: KEY,
    MCPO_TRUST_USER_HEADERS: 'true',
    MCPO_VAULT_KEY: randomBytes(32).toString('base64'),
    MCPO_DATABASE_URL: database.databaseUrl,
    MCPO_REDIS_URL: process.env.MCPO_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379',
    MCPO_RATE_LIMIT: `${CALLS}/10m`,
    // The address of the tests has failed log-ins of other tests behind it.
    MCPO_AUTH_FAILURE_LIMIT: 'off',
    MCPO_PUBLIC_URL: front.url,
  };
  const start = (audit = '') => {
    const own = { MCPO_DATA_DIR: temporaryFolder(), SECURITY_LOG_FILE: audit };
    return startService({ config: config(provider.issuer), env: { ...env, ...own } });
  };
  [one, other] = await Promise.all([start(audits[0]), start(audits[1])]);
  front.replicas = [one.port, other.port];
  await provider.register({
    redirectUri: `${front.url}/vault/log-in/callback`,
    backChannelUri: `${front.url}/vault/log-in/back-channel`,
  });
}, 60_000);
afterAll(async () => {
  await Promise.all([one, other].map((service) => service?.stop()));
  await provider?.kill();
  await database?.remove();
}, 60_000);

const as = (user: string) => ({ authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': user });
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const save = async (service: Service, headers: Readonly<Record<string, string>>, value: string) => {
  const answer = await service.request('PUT', '/vault/api/servers/jira/variables/TOKEN', {
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ value }),
  });
  expect([answer.status, answer.text]).toEqual([204, '']);
};
const tokenOf = async (service: Service, headers: Readonly<Record<string, string>>) => {
  const answer = await service.call('jira', 'whoami', {}, headers);
  return answer.status === 200 ? (answer.json() as { token: string }).token : answer.status;
};
const isSoon = (what: string, condition: () => Promise<boolean>) =>
  waitFor(async () => (await condition()) || (await delay(LOOK_EVERY_MS, false)), NEWS_MS, what);
/** Somebody whose requests each go to the next replica. */
const adminVisit = () =>
  visitByLogIn((method, path, options) => sendRequest(front.port, method, path, options), front.url, KEY, 'admin');
const logIn = async (name: string, page = 'vault') => {
  const browser = new LogInBrowser();
  const callback = await browser.logInAtProvider(`${front.url}/vault/log-in/start?page=${page}`, name);
  return { browser, answer: await browser.get(callback) };
};
/** The status or the page of each replica. */
const seesVault = async (browser: LogInBrowser) => {
  const cookie = [...browser.cookies(front.url)].map(([name, value]) => `${name}=${value}`).join('; ');
  const pages = await Promise.all([one, other].map((service) => service.get('/vault', { cookie })));
  return pages.map(({ text }) => text.includes('Log out</button>'));
};

test('calls of a user are counted together', async () => {
  const user = randomUUID();
  const statuses: number[] = [];
  for (let index = 0; index < CALLS + 4; index += 1) {
    const service = index % 2 === 0 ? one : other;
    statuses.push((await service.call('open', 'text', {}, as(user))).status);
  }
  expect(statuses).toEqual([...Array(CALLS).fill(200), 429, 429, 429, 429]);
  expect((await other.call('open', 'text', {}, as(randomUUID()))).status).toBe(200);
});

test('a key made on one replica works on the other, and is refused there when it is revoked', async () => {
  const visit = await adminVisit();
  const id = randomUUID();
  const made = await visit.post('/admin/keys/create', { id, scope: 'call' });
  const key = /<code>(mcpo_[\w-]{43})<\/code>/.exec(made.text)?.[1] ?? '';
  const statusAt = async (service: Service) => (await service.call('open', 'text', {}, bearer(key))).status;
  for (const service of [one, other]) await isSoon('the new key', async () => (await statusAt(service)) === 200);
  expect((await visit.post('/admin/keys/revoke', { id })).status).toBe(303);
  for (const service of [one, other]) await isSoon('the revocation', async () => (await statusAt(service)) === 403);
  expect(front.passed.get(one.port)).toBeGreaterThan(0);
  expect(front.passed.get(other.port)).toBeGreaterThan(0);
}, 60_000);

test('a log-in with a key holds on both replicas, and ends on both', async () => {
  const visit = await visitByLogIn(
    (method, path, options) => one.request(method, path, options),
    front.url,
    KEY,
    'admin',
  );
  const page = await other.get('/admin', { cookie: visit.cookie });
  expect([page.status, page.text.includes(visit.formToken)]).toEqual([200, true]);
  const body = new URLSearchParams({ form_token: visit.formToken }).toString();
  const out = await other.request('POST', '/vault/log-out', { headers: formHeaders(front.url, visit.cookie), body });
  expect(out.status).toBe(303);
  for (const service of [one, other]) expect((await service.get('/admin', { cookie: visit.cookie })).status).toBe(401);
});

test('a log-in that begins on one replica is finished on the other; a callback counts once over both', async () => {
  const before = new Map(front.passed);
  const browser = new LogInBrowser();
  const callback = await browser.logInAtProvider(`${front.url}/vault/log-in/start?page=vault`, 'dora');
  const thief = browser.clone();
  const finished = await browser.get(callback);
  expect([finished.status, finished.text]).toEqual([200, expect.stringContaining('url=../../vault')]);
  // Two requests came to the service, one to each replica.
  for (const { port } of [one, other]) expect((front.passed.get(port) ?? 0) - (before.get(port) ?? 0)).toBe(1);
  expect(await seesVault(browser)).toEqual([true, true]);
  expect((await thief.get(callback)).status).toBe(401);
});

test('a log-out at the provider that reaches one replica ends the log-in on both, and its notice counts once', async () => {
  const { browser } = await logIn('erin');
  const elsewhere = await logIn('frank');
  expect(await seesVault(browser)).toEqual([true, true]);
  const notice = await provider.sign({ aud: 'mcpo', jti: randomUUID(), sub: 'erin', events: { [LOGOUT_EVENT]: {} } });
  const send = (service: Service) =>
    service.request('POST', '/vault/log-in/back-channel', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ logout_token: notice }).toString(),
    });
  expect((await send(other)).status).toBe(200);
  expect(await seesVault(browser)).toEqual([false, false]);
  expect(await seesVault(elsewhere.browser)).toEqual([true, true]);
  expect((await send(one)).status).toBe(400);
});

test("an admin ends all of a person on one replica: their log-ins, and their servers' sessions on the other", async () => {
  const { browser } = await logIn('gina');
  const gina = { authorization: `Bearer ${await provider.sign({ sub: 'gina', aud: 'mcpo-ts' })}` };
  await save(one, gina, 'of gina');
  await isSoon('her value', async () => (await tokenOf(other, gina)) === 'of gina');
  const isRunning = () => other.children().some(({ command }) => command.includes('whoami.js'));
  expect(isRunning()).toBe(true);
  const admin = await adminVisit();
  // The front's next replica is not chosen here: whichever it is, the other one learns it from the database.
  const ended = await admin.post('/admin/sessions/end-all', { issuer: provider.issuer, subject: 'gina' });
  expect(ended.status).toBe(303);
  expect(await seesVault(browser)).toEqual([false, false]);
  await isSoon("the end of Gina's process", async () => !isRunning());
  // Nobody is locked out by it.
  expect(await tokenOf(other, gina)).toBe('of gina');
}, 60_000);

test('a value of a user is replaced on one replica, and a running session of the other uses it', async () => {
  const ann = as(randomUUID());
  await save(one, ann, 'first');
  await isSoon('the first value', async () => (await tokenOf(other, ann)) === 'first');
  const pid = async () => ((await other.call('jira', 'whoami', {}, ann)).json() as { pid: number }).pid;
  const before = await pid();
  await save(one, ann, 'second');
  await isSoon('the end of her session', async () => !other.children().some((child) => child.pid === before));
  expect(await tokenOf(other, ann)).toBe('second');
}, 60_000);

test('an erased user is gone from both replicas, and the erasure is in the audit log of the one that did it', async () => {
  const user = randomUUID();
  await save(one, as(user), 'to be erased');
  await isSoon('the value', async () => (await tokenOf(other, as(user))) === 'to be erased');
  const link = await one.request('POST', '/vault/api/links', {
    headers: { ...as(user), 'content-type': 'application/json' },
    body: JSON.stringify({ server: 'jira' }),
  });
  expect(link.status).toBe(201);
  const { pathname } = new URL((link.json() as { url: string }).url);
  const admin = await adminVisit();
  const fields = { issuer: 'open-webui', subject: user, confirm: 'yes' };
  expect((await admin.post('/admin/erase', fields)).status).toBe(303);
  for (const service of [one, other]) {
    await isSoon('the erasure', async () => (await tokenOf(service, as(user))) === 428);
    expect((await service.get(pathname)).status).toBe(410);
  }
  const lines = audits.map((file) =>
    waitForLine(file, ({ event_type, action }) => event_type === 'secret_change' && action === 'erase'),
  );
  expect((await Promise.any(lines)).result).toBe('success');
}, 60_000);

test('two identities of a person that one replica links are one on the other', async () => {
  const id = randomUUID();
  const email = `${id}@example.org`;
  const token = await provider.sign({ sub: id, aud: 'mcpo-ts', email, email_verified: true });
  const oidc = { authorization: `Bearer ${token}` };
  const openWebUi = { ...as(id), 'x-openwebui-user-email': email };
  await save(one, oidc, 'of the person');
  await isSoon('the link', async () => (await tokenOf(one, openWebUi)) === 'of the person');
  await isSoon('the link on the other replica', async () => (await tokenOf(other, openWebUi)) === 'of the person');
  // There, from now on, a token needs no address.
  const plain = { authorization: `Bearer ${await provider.sign({ sub: id, aud: 'mcpo-ts' })}` };
  expect(await tokenOf(other, plain)).toBe('of the person');
}, 60_000);

test('the command line revokes a key on both replicas', async () => {
  const env = { MCPO_DATABASE_URL: database.databaseUrl, MCPO_DATA_DIR: temporaryFolder() };
  const id = randomUUID();
  const made = await runCommand(['key', 'create', '--id', id, '--scope', 'call'], { env });
  const headers = bearer(made.stdout.trim());
  const statusAt = async (service: Service) => (await service.call('open', 'text', {}, headers)).status;
  for (const service of [one, other]) await isSoon('the new key', async () => (await statusAt(service)) === 200);
  expect((await runCommand(['key', 'revoke', id], { env })).code).toBe(0);
  for (const service of [one, other]) await isSoon('the revocation', async () => (await statusAt(service)) === 403);
}, 60_000);
