import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { encodeToken, hs256 } from '../fixtures/forged-tokens.ts';
import { auditFile } from './audit-lines.ts';
import { type Canary, filesBelow, findCanaries, known, type Output, plant, plantKey } from './canaries.ts';
import { CommandLines } from './command-lines.ts';
import { fixture, fixtureFile, runCommand, type Service, startService, temporaryFolder, test } from './harness.ts';
import type { HttpAnswer } from './http-request.ts';
import { startUserHttpServer, type UserHttpServer } from './user-servers.ts';
import { type Ask, formHeaders, type Visit, visitByLink, visitByLogIn } from './vault-visit.ts';

const ISSUER = 'tests';
const USERS = ['ann', 'bob'] as const;
type User = (typeof USERS)[number];

/** What a value may hold wherever it is put. */
const IN_URL = '-._~';
const IN_HEADER = `"'\\/+ <&%`;
const admin = {
  apiKey: plant('the API key', 'key-', IN_URL),
  jwtSecret: plant('JWT_SECRET', 'a secret that is long enough '),
  userJwtSecret: plant('MCPO_OPENWEBUI_USER_JWT_SECRET', 'a secret that is long enough '),
  secretKey: plant('MCPO_OPENWEBUI_SECRET_KEY', 'a secret that is long enough '),
  vaultKey: plantKey('MCPO_VAULT_KEY'),
  auditKey: plantKey('MCPO_AUDIT_KEY'),
  ownToken: plant("the admin's own token for a server", '', IN_URL),
  discovered: plant('the discovery value of stdio'),
  discoveredWeb: plant('the discovery value of web', '', IN_URL),
  backups: plant('the passphrase of backups'),
};
/** What a user sets, by server and variable. */
function plantFor(user: User) {
  const of = (place: string, prefix?: string, between?: string) => plant(`${user}'s ${place}`, prefix, between);
  return {
    token: of('stdio/TOKEN'),
    later: of('stdio/TOKEN, set later'),
    extra: of('stdio/EXTRA'),
    plain: of('stdio/REGION, which is not sensitive'),
    argument: of('args/ARGUMENT'),
    webToken: of('web/TOKEN', '', IN_HEADER),
    webPath: of('web/PATH', '', IN_URL),
    webExtra: of('web/EXTRA, set by the admin', '', IN_HEADER),
    dying: of('stdio/TOKEN of a test that fails', 'dies'),
    wrong: of('value that was refused', 'wrong\r\n'),
    refused: of('web/TOKEN that the server refuses', 'refused-', IN_HEADER),
  };
}
const planted = { ann: plantFor('ann'), bob: plantFor('bob') };
const canariesOf = (user: User) => Object.values(planted[user]);

describe('secrets', () => {
  const audit = auditFile();
  const dataDir = temporaryFolder();
  const env = {
    MCPO_API_KEY: admin.apiKey.value,
    JWT_SECRET: admin.jwtSecret.value,
    JWT_ISSUER: ISSUER,
    MCPO_OPENWEBUI_USER_JWT_SECRET: admin.userJwtSecret.value,
    MCPO_OPENWEBUI_SECRET_KEY: admin.secretKey.value,
    MCPO_OPENWEBUI_URL: 'http://127.0.0.1:9',
    MCPO_VAULT_KEY: admin.vaultKey.value,
    MCPO_AUDIT_KEY: admin.auditKey.value,
    MCPO_DATA_DIR: dataDir,
    SECURITY_LOG_FILE: audit,
    OWN_TOKEN: admin.ownToken.value,
    MCPO_BACKUP_PASSPHRASE: admin.backups.value,
    LOG_LEVEL: 'debug',
    // Everything comes from one address here.
    MCPO_AUTH_FAILURE_LIMIT: '1000/1m',
  };
  const processList = new CommandLines();
  /** Every answer but the results that a user asked for himself. */
  const answers: Output[] = [];
  const answersTo = new Map<User, Output[]>(USERS.map((user) => [user, []]));
  const results: Output[] = [];
  const environments: Output[] = [];
  /** Links, cookies, form tokens and tokens of users: in the answers to their users, and nowhere else. */
  const live: Canary[] = [];
  let service: Service;
  let upstream: UserHttpServer;
  let config: object;
  let headers: Record<User, Record<string, string>>;

  /** Asks and keeps the answer, except where it is a result. */
  const askAs =
    (user: User | undefined, isResult: (answer: HttpAnswer) => boolean = () => false): Ask =>
    async (method, path, options) => {
      const answer = await service.request(method, path, options);
      const output = {
        name: `${answer.status} to ${method} ${path} by ${user ?? 'anybody'}`,
        content: JSON.stringify([answer.text, answer.headers]),
      };
      const keep = isResult(answer) ? results : answers;
      keep.push(output);
      if (user !== undefined) answersTo.get(user)?.push(output);
      for (const cookie of answer.headers['set-cookie'] ?? []) {
        live.push(known('a cookie', cookie.split(';')[0]?.split('=')[1] ?? ''));
      }
      for (const [, token = ''] of answer.text.matchAll(/\/vault\/link\/([\w-]{22})/g))
        live.push(known('a link', token));
      for (const [, token = ''] of answer.text.matchAll(/name="form_token" value="([^"]+)"/g)) {
        live.push(known('a form token', token));
      }
      processList.look();
      return answer;
    };

  const call = (user: User, server: string, tool: string) => {
    const ask = askAs(user, ({ status }) => status === 200 && tool === 'show');
    const options = { headers: { 'content-type': 'application/json', ...headers[user] }, body: '{}' };
    return ask('POST', `/${server}/${tool}`, options);
  };
  const put = (user: User, path: string, value: string, as: Record<string, string> = headers[user]) =>
    askAs(user)('PUT', path, {
      headers: { 'content-type': 'application/json', ...as },
      body: JSON.stringify({ value }),
    });
  const variable = (server: string, name: string) => `/vault/api/servers/${server}/variables/${name}`;

  /** What a child process was given: its own user's values and nobody else's. */
  const noteEnvironments = () => {
    for (const { pid } of service.children()) {
      const file = `/proc/${pid}/environ`;
      if (existsSync(file)) environments.push({ name: `environment of process ${pid}`, content: readFileSync(file) });
    }
  };

  const runQuietly = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCommand(args, { env });
    answers.push({ name: `mcpo-ts ${args.join(' ')}`, content: stdout + stderr });
    processList.look();
    return { code, stdout };
  };

  beforeAll(async () => {
    upstream = await startUserHttpServer();
    const token = { title: 'Token' };
    const optional = { required: false };
    config = {
      mcpServers: {
        stdio: fixture('user-stdio.js', [], {
          env: { SECRET_TOKEN: '${TOKEN}', SECRET_EXTRA: '${EXTRA}', SECRET_REGION: '${REGION}' },
          userVars: { TOKEN: token, EXTRA: optional, REGION: { ...optional, sensitive: false } },
          discovery: { TOKEN: admin.discovered.value },
        }),
        args: {
          command: process.execPath,
          args: [fixtureFile('user-stdio.js'), '${ARGUMENT}'],
          allowUserPlaceholdersInArgs: true,
          userVars: { ARGUMENT: {} },
        },
        web: {
          type: 'streamable-http',
          url: `${upstream.origin}/\${PATH}/mcp`,
          headers: {
            Authorization: 'Bearer ${TOKEN}',
            'X-Extra': '${EXTRA}',
            'X-Own': '${env:OWN_TOKEN}',
            'X-User': '${user.jwt}',
          },
          userVars: { TOKEN: token, PATH: {}, EXTRA: optional },
          discovery: { TOKEN: admin.discoveredWeb.value, PATH: 'of-the-admin' },
        },
        shared: fixture('user-stdio.js', [], { env: { SECRET_TOKEN: '${env:OWN_TOKEN}' } }),
      },
    };
    service = await startService({ config, env });
    const issued = (await runCommand(['token', 'issue', '--user', 'bob'], { env })).stdout.trim();
    const now = Math.floor(Date.now() / 1_000);
    const claims = { iss: 'open-webui', sub: 'ann', role: 'user', iat: now, exp: now + 300 };
    const asserted = encodeToken({ alg: 'HS256', typ: 'JWT' }, claims, hs256(admin.userJwtSecret.value));
    live.push(known("bob's token", issued), known("ann's token of Open WebUI", asserted));
    headers = {
      ann: { authorization: `Bearer ${admin.apiKey.value}`, 'x-openwebui-user-jwt': asserted },
      bob: { authorization: `Bearer ${issued}` },
    };
  });
  afterAll(() => void processList.end());

  async function useTheVault(user: User): Promise<void> {
    const own = planted[user];
    const missing = await call(user, 'stdio', 'show');
    expect(missing.status).toBe(428);
    const { setup_url: link } = (missing.json() as { detail: { setup_url: string } }).detail;
    const visit = await visitByLink(askAs(user), service.url, link);
    const wrong = await visit.post('/vault/servers/stdio', { 'value.TOKEN': own.wrong.value, action: 'save' });
    expect(wrong.status).toBe(422);
    const dying = { 'value.TOKEN': own.dying.value, action: 'test-and-save' };
    expect((await visit.post('/vault/servers/stdio', dying)).status).toBe(422);
    const fields = { 'value.TOKEN': own.token.value, 'value.REGION': own.plain.value, action: 'test-and-save' };
    expect((await visit.post('/vault/servers/stdio', fields)).status).toBe(303);
    expect((await put(user, variable('stdio', 'EXTRA'), own.extra.value)).status).toBe(204);
    expect((await put(user, `${variable('args', 'ARGUMENT')}?test=true`, own.argument.value)).status).toBe(204);
    expect((await put(user, variable('web', 'TOKEN'), own.webToken.value)).status).toBe(204);
    expect((await put(user, variable('web', 'PATH'), own.webPath.value)).status).toBe(204);
    const path = `/vault/api/users/${user}/servers/web/variables/EXTRA?issuer=${user === 'ann' ? 'open-webui' : ISSUER}`;
    const asAdmin = { authorization: `Bearer ${admin.apiKey.value}` };
    expect((await put(user, path, own.webExtra.value, asAdmin)).status).toBe(204);
    for (const server of ['stdio', 'args', 'web', 'shared']) {
      const answer = await call(user, server, 'show');
      expect([server, answer.status]).toEqual([server, 200]);
    }
    for (const server of ['stdio', 'web']) {
      const tested = await askAs(user)('POST', `/vault/api/servers/${server}/test`, { headers: headers[user] });
      expect(tested.json()).toMatchObject({ ok: true });
    }
    noteEnvironments();
  }

  async function fail(user: User): Promise<void> {
    const own = planted[user];
    const value = own.wrong.value;
    for (const path of [
      variable('stdio', 'TOKEN'),
      variable('web', 'TOKEN'),
      `${variable('args', 'ARGUMENT')}?test=true`,
    ]) {
      expect((await put(user, path, value)).status).toBe(422);
    }
    expect((await put(user, variable('stdio', 'NOBODY'), own.refused.value)).status).toBe(404);
    expect((await put(user, variable('nobody', 'TOKEN'), own.refused.value)).status).toBe(404);
    const raw = { headers: { 'content-type': 'application/json', ...headers[user] }, body: `{"value": ${value}}` };
    expect((await askAs(user)('PUT', variable('stdio', 'TOKEN'), raw)).status).toBe(422);
    const typed = new URLSearchParams({ credential: own.refused.value, page: 'vault' }).toString();
    const logIn = { headers: formHeaders(service.url), body: typed };
    expect((await askAs(user)('POST', '/vault/log-in', logIn)).status).toBe(403);
    for (const [server, tool, status] of [
      ['stdio', 'tell', 200],
      ['stdio', 'refuse', 500],
      ['stdio', 'fail', 502],
      ['stdio', 'die', 502],
      ['args', 'tell', 200],
      ['args', 'refuse', 500],
      ['args', 'fail', 502],
      ['args', 'die', 502],
      ['shared', 'tell', 200],
      ['shared', 'refuse', 500],
      ['shared', 'fail', 502],
      ['web', 'refuse', 500],
      ['web', 'fail', 502],
      ['web', 'status', 502],
    ] as const) {
      const answer = await call(user, server, tool);
      expect([server, tool, answer.status]).toEqual([server, tool, status]);
    }
    await upstream.refuse(...USERS.map((one) => planted[one].webToken.value.slice(0, 12)), 'refused-');
    expect((await call(user, 'web', 'show')).status).toBe(502);
    expect((await put(user, `${variable('web', 'TOKEN')}?test=true`, own.refused.value)).status).toBe(422);
    const tested = await askAs(user)('POST', '/vault/api/servers/web/test', { headers: headers[user] });
    expect(tested.json()).toMatchObject({ ok: false });
    await upstream.refuse();
    expect((await put(user, variable('stdio', 'TOKEN'), own.dying.value)).status).toBe(204);
    expect((await call(user, 'stdio', 'show')).status).toBe(503);
    // Once more, in the delay after a failure.
    expect((await call(user, 'stdio', 'show')).status).toBe(503);
  }

  async function setAnew(user: User): Promise<void> {
    expect((await put(user, variable('stdio', 'TOKEN'), planted[user].later.value)).status).toBe(204);
    expect((await call(user, 'stdio', 'show')).status).toBe(200);
    expect((await call(user, 'args', 'show')).status).toBe(200);
  }

  async function lookAround(): Promise<void> {
    const key = admin.apiKey.value;
    const pages = [
      '/',
      '/readyz',
      '/healthz',
      '/docs',
      '/openapi.json',
      '/.well-known/jwks.json',
      '/vault/api/openapi.json',
    ];
    const ofServers = ['stdio', 'args', 'web', 'shared'].flatMap((one) => [`/${one}/openapi.json`, `/${one}/docs`]);
    for (const path of [
      ...pages,
      ...ofServers,
      '/vault',
      '/admin',
      '/vault/link/nothing-of-this-name-22',
      '/metrics',
    ]) {
      await askAs(undefined)('GET', path);
      await askAs(undefined)('GET', path, { headers: { authorization: `Bearer ${key}` } });
    }
    for (const user of USERS) await askAs(user)('GET', '/vault/api/servers', { headers: headers[user] });
    const { stdout: personal } = await runCommand(['key', 'create', '--id', 'personal', '--user', 'ann'], { env });
    live.push(known('the personal key', personal.trim()));
    const visits: Visit[] = [
      await visitByLogIn(askAs('bob'), service.url, headers.bob.authorization?.slice('Bearer '.length) ?? ''),
      await visitByLogIn(askAs(undefined), service.url, key, 'admin'),
    ];
    for (const visit of visits) {
      for (const path of ['/vault', '/admin', '/vault/api/servers', '/admin?user=ann']) await visit.get(path);
      await visit.post('/vault/servers/stdio/test', {});
      await visit.post('/admin/servers/shared/restart', {});
    }
  }

  async function runCommands(): Promise<void> {
    const backup = join(temporaryFolder(), 'backup.age');
    for (const args of [['list'], ['list', '--json'], ['export-user', 'ann'], ['export-user', `${ISSUER}:bob`]]) {
      const { code, stdout } = await runQuietly('vault', ...args);
      expect([args, code]).toEqual([args, 0]);
      expect(stdout).toContain('TOKEN');
    }
    expect((await runQuietly('backup', backup)).code).toBe(0);
    expect((await runQuietly('backup', 'verify', backup)).code).toBe(0);
    expect((await runQuietly('restore', backup, '--replace', '--yes')).code).toBe(0);
    expect((await runQuietly('vault', 'rotate-key')).code).toBe(0);
    expect((await runQuietly('key', 'list')).code).toBe(0);
    expect((await runQuietly('audit', 'verify', audit)).code).toBe(0);
    answers.push({ name: 'the backup', content: readFileSync(backup) });
  }

  const ofUsers = USERS.flatMap(canariesOf);
  /** A server may say of its user to himself, and to the log, what the admin declares to be no secret. */
  const secrets = USERS.flatMap((user) => canariesOf(user).filter((one) => one !== planted[user].plain));
  const ofAdmin = Object.values(admin);

  test('are set, used, refused, shown by servers, backed up and erased', async () => {
    for (const user of USERS) await useTheVault(user);
    for (const user of USERS) await fail(user);
    for (const user of USERS) await setAnew(user);
    await lookAround();
    await runCommands();
    noteEnvironments();
    await service.stop();
  }, 180_000);

  test('reach the servers that they are for, so that there is something to be found', () => {
    const expected = USERS.flatMap((user) => {
      const { wrong, dying, refused, ...used } = planted[user];
      return Object.values(used).map(({ name }) => name);
    });
    const found = new Set(findCanaries(results, ofUsers).map((line) => line.split(' holds ')[1]));
    expect([...found].sort()).toEqual(expected.sort());
    const spellings = [
      JSON.stringify,
      encodeURIComponent,
      (text: string) => Buffer.from(`:${text}`).toString('base64'),
    ];
    for (const spell of spellings) {
      expect(findCanaries([{ name: 'a test', content: spell(planted.ann.token.value) }], ofUsers)).toHaveLength(1);
    }
    expect(service.stderr()).toContain('[redacted]');
    expect(live.length).toBeGreaterThan(10);
  });

  test('are in no answer but a result that its user asked for, and the form that they sent and that was refused', () => {
    expect(answers.length).toBeGreaterThan(100);
    const found = findCanaries(answers, [...secrets, ...ofAdmin]);
    // What was typed stays in its field, in the answer to the form and for the one who sent it.
    const ownForm =
      /^422 to POST \/vault\/servers\/stdio by (\w+) holds \1's (?:value that was refused|.*of a test that fails)$/;
    expect(found.filter((one) => !ownForm.test(one))).toEqual([]);
    expect(found).toHaveLength(4);
  });

  test('of one user are in no answer to another, errors and results included', () => {
    expect(findCanaries(answersTo.get('ann') ?? [], canariesOf('bob'))).toEqual([]);
    expect(findCanaries(answersTo.get('bob') ?? [], canariesOf('ann'))).toEqual([]);
  });

  test('are not in the output and not in the audit log, and neither are live links, cookies and tokens', () => {
    const outputs = [
      { name: 'standard output', content: service.stdout() },
      { name: 'standard error', content: service.stderr() },
      { name: 'the audit log', content: readFileSync(audit) },
    ];
    for (const { content } of outputs.slice(1)) expect(content.length).toBeGreaterThan(5_000);
    expect(findCanaries(outputs, [...secrets, ...ofAdmin, ...live])).toEqual([]);
  });

  test('are not in the data folder', () => {
    const files = filesBelow(dataDir).map((name) => ({ name, content: readFileSync(name) }));
    expect(files.find(({ name }) => name.endsWith('/mcpo-ts.db'))?.content.length).toBeGreaterThan(10_000);
    expect(findCanaries(files, [...ofUsers, ...ofAdmin, ...live])).toEqual([]);
  });

  test('are not in the process list, but for arguments that the admin allows', () => {
    const lines = processList.end().map((content) => ({ name: 'a command line', content }));
    const { argument: ann } = planted.ann;
    const { argument: bob } = planted.bob;
    expect(findCanaries(lines, [ann, bob]).length).toBeGreaterThanOrEqual(2);
    const others = [...ofUsers, ...ofAdmin, ...live].filter((one) => one !== ann && one !== bob);
    expect(findCanaries(lines, others)).toEqual([]);
  });

  test('of one user are in no process of another', () => {
    const of = (user: User) => findCanaries(environments, canariesOf(user)).map((line) => line.split(' holds ')[0]);
    const [ann, bob] = [new Set(of('ann')), new Set(of('bob'))];
    expect([ann.size > 0, bob.size > 0]).toEqual([true, true]);
    expect([...ann].filter((one) => bob.has(one))).toEqual([]);
    const { apiKey, jwtSecret, userJwtSecret, secretKey, vaultKey, auditKey } = admin;
    expect(findCanaries(environments, [apiKey, jwtSecret, userJwtSecret, secretKey, vaultKey, auditKey])).toEqual([]);
  });
});
