import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { ApiKeys } from '../../../src/db/api-keys.ts';
import { migrationNames } from '../../../src/db/migrations.ts';
import { openDatabase } from '../../../src/db/open-database.ts';
import { launchedPackage } from '../../../src/doctor/packages.ts';
import { writeRuntimeFile } from '../../../src/service/runtime-file.ts';
import { freshFolder, KEY, type Surroundings, stateOf } from './examined.ts';

const tls = (name: string) => fileURLToPath(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url));
const DAY_MS = 86_400_000;
const closers: (() => void)[] = [];
afterAll(() => {
  for (const close of closers) close();
});

describe('certificate', () => {
  const pair = { sslCertfile: tls('first-cert'), sslKeyfile: tls('first-key') };
  const end = Date.parse(new X509Certificate(readFileSync(pair.sslCertfile)).validTo);
  const daysLeft = (days: number): Surroundings => ({ options: pair, now: end - days * DAY_MS });

  test('its days are counted', async () => {
    expect((await stateOf('certificate', daysLeft(60))).state).toBe('ok');
    expect(await stateOf('certificate', daysLeft(15))).toEqual({
      state: 'warning',
      text: expect.stringMatching(/expires in 15 days/),
    });
    expect((await stateOf('certificate', daysLeft(3))).state).toBe('problem');
    expect(await stateOf('certificate', daysLeft(-1))).toEqual({
      state: 'problem',
      text: expect.stringMatching(/expired on/),
    });
    expect((await stateOf('certificate', {})).state).toBe('not-applicable');
  });

  test('the key must be its own, the host that of the public URL, the files PEM', async () => {
    const mixed = { ...daysLeft(60), options: { ...pair, sslKeyfile: tls('second-key') } };
    expect(await stateOf('certificate', mixed)).toEqual({
      state: 'problem',
      text: expect.stringMatching(/not that of/),
    });
    const named = (host: string) => ({ ...daysLeft(60), env: { MCPO_PUBLIC_URL: `https://${host}` } });
    expect((await stateOf('certificate', named('other.invalid'))).text).toMatch(/is not for other\.invalid/);
    const text = join(freshFolder(), 'cert.pem');
    writeFileSync(text, 'no certificate');
    const broken = { ...daysLeft(60), options: { ...pair, sslCertfile: text } };
    expect(await stateOf('certificate', broken)).toEqual({ state: 'problem', text: expect.stringMatching(/PEM/) });
  });
});

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'self'",
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
};
const answer =
  (body: unknown, headers: object = HEADERS): RequestListener =>
  (_request, response) =>
    void response.writeHead(200, { ...headers }).end(JSON.stringify(body));
/** A service that says that it runs here. */
const runs = (data: string, url: string, instance: string) =>
  void closers.push(writeRuntimeFile(data, { url, instance }).remove);

describe('public-url and response-headers', () => {
  const at = (url: string, prepare?: Surroundings['prepare']): Surroundings => ({
    env: { MCPO_PUBLIC_URL: url },
    ...(prepare && { prepare }),
  });

  test('it leads to the service that runs here', async () => {
    const url = await listen(answer({ status: 'ok', instance: 'one' }));
    const here = at(url, ({ data }) => runs(data, url, 'one'));
    expect((await stateOf('public-url', here)).state).toBe('ok');
    expect((await stateOf('response-headers', here)).state).toBe('ok');
    expect((await stateOf('running', here)).state).toBe('ok');
  });

  test('another service, a foreign program, a redirect, nothing', async () => {
    const url = await listen(answer({ status: 'ok', instance: 'two' }));
    const other = at(url, ({ data }) => runs(data, url, 'one'));
    expect(await stateOf('public-url', other)).toEqual({
      state: 'problem',
      text: expect.stringMatching(/Another service/),
    });
    expect((await stateOf('public-url', at(url))).state).toBe('unknown');
    expect((await stateOf('public-url', at(await listen(answer('hello'))))).state).toBe('problem');
    let asked = 0;
    const away = await listen((_request, response) => {
      asked += 1;
      response.writeHead(302, { location: url }).end();
    });
    expect(await stateOf('public-url', at(away))).toEqual({
      state: 'warning',
      text: expect.stringMatching(/not followed/),
    });
    expect(asked).toBe(1);
    expect(await stateOf('public-url', at('http://127.0.0.1:1'))).toEqual({
      state: 'warning',
      text: expect.stringMatching(/ECONNREFUSED/),
    });
    expect((await stateOf('public-url', {})).state).toBe('not-applicable');
  });

  test('headers that a proxy took away or added', async () => {
    const bare = await listen(answer({ status: 'ok', instance: 'x' }, { Server: 'nginx/1.2.3' }));
    const { state, text } = await stateOf('response-headers', at(bare));
    expect(state).toBe('warning');
    expect(text).toMatch(/lack x-content-type-options, content-security-policy, referrer-policy, x-frame-options/);
    expect(text).toMatch(/name versions: nginx\/1\.2\.3/);
  });

  test('users whose links would begin with any address', async () => {
    const servers = {
      tools: { url: 'https://x.example.org/mcp', headers: { A: '${TOKEN}' }, userVars: { TOKEN: {} } },
    };
    expect((await stateOf('public-url', { servers, env: { MCPO_API_KEY: KEY } })).state).toBe('warning');
  });
});

/** Makes the database of the data folder and changes it. */
const database = (
  change: (database: Awaited<ReturnType<typeof openDatabase>>) => Promise<unknown> = async () => undefined,
) => ({
  prepare: async ({ data }: { readonly data: string }) => {
    const opened = await openDatabase({ dataDir: data });
    await change(opened);
    await opened.destroy();
  },
});

describe('the database', () => {
  const now = Date.parse('2026-06-01T00:00:00Z');
  const key = (id: string, created: number, more: object = {}) => ({
    id,
    hash: id,
    scopes: ['call'],
    user: undefined,
    assertsUser: false,
    expiresAt: now + DAY_MS,
    lastUsedAt: now - DAY_MS,
    createdAt: now - created * DAY_MS,
    ...more,
  });
  const withKeys = (...keys: ReturnType<typeof key>[]): Surroundings => ({
    now,
    ...database(async (opened) => {
      for (const one of keys) await new ApiKeys(opened).create(one);
    }),
  });

  test('key-age', async () => {
    expect((await stateOf('key-age', withKeys(key('young', 89)))).state).toBe('ok');
    expect(await stateOf('key-age', withKeys(key('young', 1), key('old', 91)))).toEqual({
      state: 'warning',
      text: expect.stringMatching(/^Key old is more than 90 days old\. → .*key revoke/),
    });
  });

  test('key-expiry and unused-keys', async () => {
    const good = withKeys(key('good', 10));
    expect((await stateOf('key-expiry', good)).state).toBe('ok');
    expect((await stateOf('unused-keys', good)).state).toBe('ok');
    expect((await stateOf('key-expiry', withKeys(key('ever', 10, { expiresAt: undefined })))).text).toMatch(
      /Key ever does not expire/,
    );
    const unused = withKeys(
      key('never', 31, { lastUsedAt: undefined }),
      key('new', 1, { lastUsedAt: undefined }),
      key('long', 200, { lastUsedAt: now - 91 * DAY_MS }),
      key('over', 20, { expiresAt: now - 1 }),
    );
    const { state, text } = await stateOf('unused-keys', unused);
    expect(state).toBe('warning');
    expect(text).toMatch(/Key never was not used/);
    expect(text).toMatch(/Key long was last used more than 90 days ago/);
    expect(text).toMatch(/Key over has expired/);
    expect(text).not.toMatch(/new/);
  });

  test('database and migrations', async () => {
    expect((await stateOf('database', {})).state).toBe('not-applicable');
    expect((await stateOf('database', database())).state).toBe('ok');
    const broken = {
      prepare: ({ data }: { data: string }) => writeFileSync(join(data, 'mcpo-ts.db'), 'x'.repeat(8192)),
    };
    expect((await stateOf('database', broken)).state).toBe('problem');
    expect((await stateOf('migrations', database())).state).toBe('ok');
    const last = migrationNames.at(-1);
    const older = database((opened) => sql`delete from kysely_migration where name = ${last}`.execute(opened));
    expect(await stateOf('migrations', older)).toEqual({ state: 'warning', text: expect.stringMatching(/^1 of/) });
    const newer = database((opened) =>
      sql`insert into kysely_migration (name, timestamp) values ('9999-later', 'x')`.execute(opened),
    );
    expect(await stateOf('migrations', newer)).toEqual({ state: 'problem', text: expect.stringMatching(/9999-later/) });
  });

  test('backup', async () => {
    const made = (days: number): Surroundings => ({
      now,
      ...database((opened) =>
        sql`insert into last_backup (id, finished_at, file, bytes, row_count) values (1, ${now - days * DAY_MS}, 'f', 1, 1)`.execute(
          opened,
        ),
      ),
    });
    expect((await stateOf('backup', {})).state).toBe('not-applicable');
    expect(await stateOf('backup', database())).toEqual({
      state: 'warning',
      text: expect.stringMatching(/No backup was ever made/),
    });
    expect((await stateOf('backup', made(7))).state).toBe('ok');
    expect(await stateOf('backup', made(8))).toEqual({ state: 'warning', text: expect.stringMatching(/8 days old/) });
  });

  test('vault-key-place', async () => {
    const beside = {
      prepare: ({ data }: { data: string }) => writeFileSync(join(data, 'vault.key'), 'x', { mode: 0o600 }),
    };
    expect(await stateOf('vault-key-place', beside)).toEqual({
      state: 'warning',
      text: expect.stringMatching(/same folder/),
    });
    const file = join(freshFolder(), 'key');
    copyFileSync('/dev/null', file);
    expect((await stateOf('vault-key-place', { env: { MCPO_VAULT_KEY_FILE: file } })).state).toBe('ok');
    expect((await stateOf('vault-key-place', {})).state).toBe('not-applicable');
  });
});

test('launched packages: which version a launcher runs', () => {
  const table: readonly (readonly [words: string, pinned: boolean | undefined, name?: string])[] = [
    ['npx -y @scope/server@1.2.3', true, '@scope/server'],
    ['npx -y @scope/server', false, '@scope/server'],
    ['npx -y server@latest', false, 'server'],
    ['npx --yes server@^1.2.0', false],
    ['npx -p pkg@1.0.0 binary', true, 'pkg'],
    ['npx --package=pkg binary', false, 'pkg'],
    ['npx ./local', undefined],
    ['/usr/bin/npx -y github:owner/repo', false],
    ['npm exec -- server@1.2.3', true],
    ['pnpm dlx server', false],
    ['uvx mcp-server-time==1.2.3', true, 'mcp-server-time'],
    ['uvx mcp-server-time@2025.1.1', true],
    ['uvx mcp-server-time', false],
    ['uvx --from pkg[extra]==1.0 tool', true, 'pkg'],
    ['uvx --python 3.12 --with x tool', false, 'tool'],
    [
      'uvx --from git+https://token@github.com/o/r@0123456789012345678901234567890123456789 tool',
      true,
      'git+https://github.com/o/r@0123456789012345678901234567890123456789',
    ],
    ['docker run -i --rm -e A=b mcp/time', false, 'mcp/time'],
    ['docker run -i --rm mcp/time:latest', false],
    ['docker run -i --rm host:5000/mcp/time:1.0', true, 'host:5000/mcp/time'],
    ['docker run -i mcp/time@sha256:abc', true],
    ['python -m server', undefined],
    ['node server.js', undefined],
  ];
  for (const [words, isPinned, name] of table) {
    const [program = '', ...args] = words.split(' ');
    const found = launchedPackage(program, args);
    expect([words, found?.isPinned]).toEqual([words, isPinned]);
    if (name !== undefined) expect(found?.name).toBe(name);
  }
});

test('unpinned-packages', async () => {
  const servers = { a: { command: 'npx', args: ['-y', 'pkg@1.2.3'] }, b: { command: 'uvx', args: ['tool'] } };
  expect(await stateOf('unpinned-packages', { servers: { a: servers.a } })).toMatchObject({ state: 'ok' });
  expect(await stateOf('unpinned-packages', { servers })).toEqual({
    state: 'warning',
    text: expect.stringMatching(/^b: runs tool without a version/),
  });
});
