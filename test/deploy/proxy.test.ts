import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { parse } from 'yaml';
import { auditFile, waitForLine } from '../e2e/audit-lines.ts';
import {
  fixture,
  repositoryFolder,
  type Service,
  startService,
  temporaryFolder,
  test,
  waitFor,
} from '../e2e/harness.ts';
import { sendRequest } from '../e2e/http-request.ts';
import { freePort } from '../free-port.ts';
import { ask, nginxSite, startProxy, type TlsAnswer, writeNginx } from './proxy-programs.ts';

const KEY = `key-${randomUUID()}`;
/** What administrators put in front of a service of one user each; Open WebUI calls for all from one address. */
const ZONE_BY_ADDRESS = 'limit_req_zone $binary_remote_addr zone=by_address:10m rate=10r/s;';
const audits = [auditFile(), auditFile()] as const;

let replicas: readonly [Service, Service];
let port = 0;
const as = (user: string, more: Readonly<Record<string, string>> = {}) => ({
  authorization: `Bearer ${KEY}`,
  'x-openwebui-user-id': user,
  ...more,
});
const call = (user: string, more?: Readonly<Record<string, string>>) => ask(port, 'POST', '/open/text', as(user, more));
const ports = () => [replicas[0].port, replicas[1].port] as const;
const statuses = (answers: readonly TlsAnswer[]) => [...new Set(answers.map(({ status }) => status))];

beforeAll(async () => {
  const start = (audit: string) =>
    startService({
      servers: {
        open: fixture('answers.js'),
        mine: fixture('whoami.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: {} } }),
      },
      env: {
        MCPO_API_KEY: KEY,
        MCPO_TRUST_USER_HEADERS: 'true',
        MCPO_TRUST_PROXY: 'loopback',
        MCPO_DATA_DIR: temporaryFolder(),
        SECURITY_LOG_FILE: audit,
      },
    });
  replicas = await Promise.all([start(audits[0]), start(audits[1])]);
  port = await freePort();
  await startProxy('nginx', writeNginx(nginxSite(port, ports())), port);
}, 60_000);

describe('nginx.conf', () => {
  test('is accepted by nginx, without a warning', async () => {
    const run = spawnSync('nginx', ['-t', ...writeNginx(nginxSite(await freePort(), [8001, 8002]))], {
      encoding: 'utf8',
    });
    expect([run.status, run.stderr]).toEqual([0, expect.stringContaining('test is successful')]);
    expect(run.stderr).not.toMatch(/\[(warn|emerg)\]/);
  });

  test('60 calls of 30 users from one address all pass; by address, some of them would not', async () => {
    const users = Array.from({ length: 60 }, (_, index) => `user-${index % 30}`);
    const answers = await Promise.all(users.map((user) => call(user)));
    expect(statuses(answers)).toEqual([200]);

    const other = await freePort();
    const byAddress = nginxSite(other, ports())
      .replace(/limit_req_zone \$mcpo_user .*/, ZONE_BY_ADDRESS)
      .replace(/limit_req zone=mcpo_calls .*/, 'limit_req zone=by_address burst=20 nodelay;')
      .replace('limit_req_status 429;', '');
    await startProxy('nginx', writeNginx(byAddress), other);
    const refused = await Promise.all(users.map((user) => ask(other, 'POST', '/open/text', as(user))));
    expect(refused.filter(({ status }) => status === 503).length).toBeGreaterThan(10);
  }, 60_000);

  test('one caller has a share, and the answer says so; nobody else is held up by it', async () => {
    const flood = Array.from({ length: 300 }, () => call('flooding'));
    const [answers, quiet] = await Promise.all([Promise.all(flood), call('quiet')]);
    expect(statuses(answers).sort()).toEqual([200, 429]);
    expect(quiet.status).toBe(200);
  }, 60_000);

  test('a chat stays with one replica, and chats are spread over both', async () => {
    const instanceOf = async (chat: string) => {
      const { text } = await ask(port, 'GET', '/healthz', as('ann', { 'x-openwebui-chat-id': chat }));
      return (JSON.parse(text) as { instance: string }).instance;
    };
    const chats = Array.from({ length: 12 }, (_, index) => `chat-${index}`);
    const first = await Promise.all(chats.map(instanceOf));
    // In another order, which would go to other replicas if they took turns.
    expect((await Promise.all(chats.toReversed().map(instanceOf))).toReversed()).toEqual(first);
    expect(new Set(first).size).toBe(2);
  });

  test('/metrics is closed, however it is written', async () => {
    const headers = { authorization: `Bearer ${KEY}` };
    expect((await replicas[0].get('/metrics', headers)).status).toBe(200);
    for (const path of ['/metrics', '/metrics?x=1', '//metrics', '/./metrics', '/%6detrics', '/x/../metrics']) {
      expect([path, (await ask(port, 'GET', path, headers)).status]).toEqual([path, 404]);
    }
  });

  test('a forged X-Forwarded-For is not believed, and links name the public host', async () => {
    const answer = await call('ann', { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' });
    const id = answer.headers['x-request-id'];
    const lines = audits.map((file) => waitForLine(file, ({ request_id }) => request_id === id));
    expect((await Promise.any(lines)).client_ip).toBe('127.0.0.1');
    // Shown to be the proxy's doing: the replicas believe it of the proxy's address.
    const forged = { ...as('ann'), 'x-forwarded-for': '203.0.113.9', 'content-type': 'application/json' };
    const direct = await replicas[0].request('POST', '/open/text', { headers: forged, body: '{}' });
    const line = await waitForLine(audits[0], ({ request_id }) => request_id === direct.headers['x-request-id']);
    expect(line.client_ip).toBe('203.0.113.9');
    const forgedHost = as('ann', { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' });
    const missing = await ask(port, 'POST', '/mine/whoami', forgedHost);
    expect([missing.status, missing.text]).toEqual([
      428,
      expect.stringContaining('"setup_url":"https://tools.example.org/vault/link/'),
    ]);
  });

  test('below a path of another site, with the lines of the example', async () => {
    const service = await startService({
      servers: { open: fixture('answers.js') },
      args: ['--root-path', '/tools'],
      env: { MCPO_API_KEY: KEY, MCPO_TRUST_PROXY: 'loopback' },
    });
    const sitePort = await freePort();
    const site = nginxSite(sitePort, [service.port, service.port]);
    const headers = [...site.matchAll(/^ {4}(proxy_(?:set_header|http_version).*)$/gm)].map(([, line]) => line);
    const example = /^# {3}(location \/tools\/ \{[^}]*\})/m.exec(site)?.[1]?.replaceAll(/^#\s*/gm, '') ?? '';
    const location = example.replace(/….*…/, headers.join('\n'));
    const whole = site.replace(/ {4}location = \/metrics[\s\S]*?\n\}\n/, `${location}\n}\n`);
    await startProxy('nginx', writeNginx(whole), sitePort);
    const authorization = `Bearer ${KEY}`;
    const answer = await ask(sitePort, 'POST', '/tools/open/text', { authorization });
    expect([answer.status, answer.text]).toEqual([200, '"hello"']);
    const { text } = await ask(sitePort, 'GET', '/tools/open/openapi.json');
    expect((JSON.parse(text) as { servers: unknown }).servers).toEqual([{ url: '/tools/open' }]);
    expect((await ask(sitePort, 'POST', '/open/text', { authorization })).status).toBe(404);
  }, 60_000);
});

test('nginx never repeats a call that may have run; a replica that cannot be reached is skipped', async () => {
  const file = join(temporaryFolder(), 'ledger');
  const start = () =>
    startService({
      servers: { ledger: fixture('ledger.js', [file]) },
      env: { MCPO_API_KEY: KEY, MCPO_TRUST_PROXY: 'loopback' },
    });
  const pair = await Promise.all([start(), start()]);
  const ownPort = await freePort();
  await startProxy('nginx', writeNginx(nginxSite(ownPort, [pair[0].port, pair[1].port])), ownPort);
  const headers = { authorization: `Bearer ${KEY}`, 'x-openwebui-chat-id': 'chat-1' };
  const { text } = await ask(ownPort, 'GET', '/healthz', headers);
  const instances = await Promise.all(pair.map(async (one) => (await one.get('/healthz')).json()));
  const chosen = pair[instances.findIndex((one) => JSON.stringify(one) === text)];
  const [answer] = await Promise.all([
    askWith(ownPort, '/ledger/hold', headers, { name: 'once', until: join(temporaryFolder(), 'never') }),
    waitFor(() => existsSync(file), 10_000, 'the call to run').then(() => chosen?.kill('SIGKILL')),
  ]);
  expect(answer.status).toBe(502);
  await chosen?.exited;
  const next = await askWith(ownPort, '/ledger/note', headers, { name: 'next' });
  expect(next.status).toBe(200);
  expect(readFileSync(file, 'utf8')).toBe('once\nnext\n');
}, 60_000);

const askWith = (to: number, path: string, headers: Readonly<Record<string, string>>, body: object) =>
  ask(to, 'POST', path, headers, JSON.stringify(body));

describe('Caddyfile', () => {
  const file = join(repositoryFolder, 'deploy/proxy/Caddyfile');
  const env = { ...process.env, XDG_DATA_HOME: temporaryFolder(), XDG_CONFIG_HOME: temporaryFolder() };

  test('is accepted by caddy, and formatted', () => {
    const run = spawnSync('caddy', ['validate', '--adapter', 'caddyfile', '--config', file], { encoding: 'utf8', env });
    expect([run.status, run.stdout + run.stderr]).toEqual([0, expect.stringContaining('Valid configuration')]);
    expect(spawnSync('caddy', ['fmt', file], { encoding: 'utf8', env }).stdout).toBe(readFileSync(file, 'utf8'));
  });

  test('passes calls on, keeps a chat with one replica, and closes /metrics', async () => {
    const caddyPort = await freePort();
    const own = join(temporaryFolder(), 'Caddyfile');
    const site = readFileSync(file, 'utf8')
      .replace('tools.example.org {', `http://127.0.0.1:${caddyPort} {`)
      .replace('127.0.0.1:8001', `127.0.0.1:${replicas[0].port}`)
      .replace('127.0.0.1:8002', `127.0.0.1:${replicas[1].port}`);
    writeFileSync(own, `{\n\tadmin off\n}\n${site}`);
    await startProxy('caddy', ['run', '--adapter', 'caddyfile', '--config', own], caddyPort);
    const get = (path: string, chat: string) =>
      sendRequest(caddyPort, 'GET', path, { headers: as('ann', { 'x-openwebui-chat-id': chat }) });
    const instances = await Promise.all(Array.from({ length: 14 }, (_, index) => get('/healthz', `c-${index % 7}`)));
    expect(new Set(instances.map(({ text }) => text)).size).toBe(2);
    expect(instances.slice(0, 7).map(({ text }) => text)).toEqual(instances.slice(7).map(({ text }) => text));
    const headers = { ...as('ann'), 'content-type': 'application/json' };
    expect((await sendRequest(caddyPort, 'POST', '/open/text', { headers, body: '{}' })).text).toBe('"hello"');
    expect((await get('/metrics', 'c-1')).status).toBe(404);
  }, 60_000);
});

test('traefik.yml: what its router names is there, and both replicas are asked whether they are ready', () => {
  const { http } = parse(readFileSync(join(repositoryFolder, 'deploy/proxy/traefik.yml'), 'utf8')) as TraefikFile;
  const [router] = Object.values(http.routers);
  expect(router?.rule).toContain('!Path(`/metrics`)');
  for (const name of router?.middlewares ?? ['none']) expect(http.middlewares).toHaveProperty(name);
  const { loadBalancer } = http.services[router?.service ?? ''] ?? {};
  expect(loadBalancer?.servers.map(({ url }) => new URL(url).port)).toEqual(['8001', '8002']);
  expect(loadBalancer?.healthCheck.path).toBe('/readyz');
  expect(http.serversTransports).toHaveProperty(loadBalancer?.serversTransport ?? 'none');
});

interface TraefikFile {
  readonly http: {
    readonly routers: Readonly<Record<string, { rule: string; service: string; middlewares: string[] }>>;
    readonly middlewares: object;
    readonly serversTransports: object;
    readonly services: Readonly<
      Record<
        string,
        { loadBalancer: { servers: { url: string }[]; healthCheck: { path: string }; serversTransport: string } }
      >
    >;
  };
}
