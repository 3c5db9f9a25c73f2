import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { findCanaries, plant } from '../e2e/canaries.ts';
import { CommandLines } from '../e2e/command-lines.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from '../e2e/harness.ts';
import { formHeaders } from '../e2e/vault-visit.ts';
import { type CuttableProxy, startProxy } from './cuttable-proxy.ts';
import { makePostgresDatabase, rowsOf } from './postgres-database.ts';

const KEY = 'key-of-the-replicas-test';
const VAULT_KEY = Buffer.alloc(32, 7).toString('base64');
const password = plant('the password of the database', '', '-._~');
/** How soon a replica knows what was changed at another. */
const NEWS_MS = 2_000;

const servers = {
  jira: fixture('whoami.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Jira token' } } }),
  open: fixture('answers.js'),
};

interface Who {
  readonly token: string;
  readonly pid: number;
}

const as = (user: string) => ({ authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': user });
const whoami = (service: Service, user: string) => service.call('jira', 'whoami', {}, as(user));
async function who(service: Service, user: string): Promise<Who> {
  const answer = await whoami(service, user);
  if (answer.status !== 200) throw new Error(`whoami answered ${answer.status}: ${answer.text}`);
  return answer.json() as Who;
}
const put = (service: Service, user: string, value: string) =>
  service.request('PUT', '/vault/api/servers/jira/variables/TOKEN', {
    headers: { ...as(user), 'content-type': 'application/json' },
    body: JSON.stringify({ value }),
  });
async function save(service: Service, user: string, value: string): Promise<void> {
  const answer = await put(service, user, value);
  if (answer.status !== 204) throw new Error(`PUT answered ${answer.status}: ${answer.text}`);
}
const isRunning = (service: Service, pid: number) => service.children().some((child) => child.pid === pid);

describe('over PostgreSQL', () => {
  let database: Awaited<ReturnType<typeof makePostgresDatabase>>;
  beforeAll(async () => {
    database = await makePostgresDatabase();
  });
  afterAll(() => database.remove());

  const envFor = (databaseUrl: string) => {
    const url = new URL(databaseUrl);
    url.password = password.value;
    return {
      MCPO_API_KEY: KEY,
      MCPO_TRUST_USER_HEADERS: 'true',
      MCPO_VAULT_KEY: VAULT_KEY,
      MCPO_DATABASE_URL: url.href,
      MCPO_DATA_DIR: temporaryFolder(),
      LOG_LEVEL: 'debug',
    };
  };
  const start = (databaseUrl = database.databaseUrl) => startService({ servers, env: envFor(databaseUrl) });

  test('what is saved on one replica is used by the other, and what is changed there ends its sessions', async () => {
    const [one, other] = await Promise.all([start(), start()]);
    expect((await whoami(other, 'ann')).status).toBe(428);
    await save(one, 'ann', 'first of ann');
    await save(one, 'bob', 'of bob');
    const bob = await who(other, 'bob');
    expect(bob.token).toBe('of bob');
    // It has just read that there is nothing of hers.
    const ann = await waitFor(
      async () => (await whoami(other, 'ann')).status === 200 && who(other, 'ann'),
      NEWS_MS,
      "Ann's value on the other replica",
    );
    expect(ann.token).toBe('first of ann');

    await save(one, 'ann', 'second of ann');
    await waitFor(() => !isRunning(other, ann.pid), NEWS_MS, "the end of Ann's process on the other replica");
    const second = await who(other, 'ann');
    expect(second.token).toBe('second of ann');
    expect((await who(one, 'ann')).token).toBe('second of ann');

    await one.request('DELETE', '/vault/api/me', { headers: as('ann') });
    await waitFor(() => !isRunning(other, second.pid), NEWS_MS, "the end of Ann's process on the other replica");
    expect((await whoami(other, 'ann')).status).toBe(428);
    expect(await who(other, 'bob')).toEqual(bob);
  }, 60_000);

  test('a setup link that one replica gave opens at the other, once', async () => {
    const [one, other] = await Promise.all([start(), start()]);
    const missing = (await whoami(one, 'cid')).json() as { detail: { setup_url: string } };
    const { pathname } = new URL(missing.detail.setup_url);
    expect((await other.get(pathname)).status).toBe(200);
    const opened = await other.request('POST', pathname, { headers: formHeaders(other.url) });
    expect(opened.status).toBe(303);
    const cookie = opened.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    const list = await one.get('/vault/api/servers', { cookie });
    expect(list.json()).toMatchObject([{ server: 'jira', status: 'missing' }]);
    expect((await one.get(pathname)).status).toBe(410);
    // What one replica ends is over on the other.
    const formToken = /name="form_token" value="([^"]+)"/.exec((await one.get('/vault', { cookie })).text)?.[1] ?? '';
    const body = new URLSearchParams({ form_token: formToken }).toString();
    await one.request('POST', '/vault/log-out', { headers: formHeaders(one.url, cookie), body });
    expect((await other.get('/vault/api/servers', { cookie })).status).toBe(401);
  }, 60_000);

  test('two replicas that start at once on an empty database both serve', async () => {
    const empty = await makePostgresDatabase();
    try {
      const replicas = await Promise.all([1, 2, 3].map(() => start(empty.databaseUrl)));
      await Promise.all(replicas.map((replica, index) => save(replica, `user-${index}`, `of ${index}`)));
      for (const replica of replicas) {
        const tokens = await Promise.all([0, 1, 2].map((index) => who(replica, `user-${index}`)));
        expect(tokens.map(({ token }) => token)).toEqual(['of 0', 'of 1', 'of 2']);
      }
      await Promise.all(replicas.map((replica) => replica.stop()));
    } finally {
      await empty.remove();
    }
  }, 90_000);

  describe.each(['cut', 'swallow'] as const)('with PostgreSQL away (%s)', (way) => {
    let proxy: CuttableProxy;
    let service: Service;
    beforeAll(async () => {
      proxy = await startProxy(database.databaseUrl);
      service = await start(proxy.url);
    }, 60_000);
    afterAll(() => proxy.close());

    test('values in memory serve, others are refused and never empty, and it recovers', async () => {
      const processList = new CommandLines();
      await save(service, 'dora', 'of dora');
      await save(service, 'eve', 'of eve');
      const dora = await who(service, 'dora');
      proxy[way]();
      expect(await who(service, 'dora')).toEqual(dora);
      expect((await service.call('open', 'text', {}, as('eve'))).status).toBe(200);
      const refused = await Promise.all([
        whoami(service, 'eve'),
        whoami(service, 'fay'),
        put(service, 'eve', 'later of eve'),
        service.get('/vault/api/servers', as('dora')),
        service.request('DELETE', '/vault/api/me', { headers: as('eve') }),
      ]);
      for (const answer of refused) {
        expect([answer.status, answer.text]).toEqual([503, expect.not.stringContaining('of eve')]);
        expect(answer.headers['retry-after']).toMatch(/^\d+$/);
        expect(answer.json()).toMatchObject({ detail: { code: 'vault_unavailable' } });
      }
      expect(await who(service, 'dora')).toEqual(dora);
      expect((await service.get('/readyz')).status).toBe(200);

      proxy.restore();
      const eve = await waitFor(
        async () => {
          const answer = await whoami(service, 'eve');
          return answer.status === 200 && (answer.json() as Who).token;
        },
        20_000,
        'the vault to be reached again',
      );
      expect(eve).toBe('of eve');
      expect((await who(service, 'dora')).token).toBe('of dora');
      await save(service, 'dora', 'later of dora');
      expect((await who(service, 'dora')).token).toBe('later of dora');
      const outputs = [service.stdout(), service.stderr(), ...processList.end()];
      expect(service.stderr()).toContain('the vault cannot be reached');
      expect(service.stderr()).toContain('the vault can be reached again');
      const named = outputs.map((content) => ({ name: 'an output', content }));
      expect(findCanaries(named, [password])).toEqual([]);
    }, 90_000);

    test('it ends by SIGTERM in good order', async () => {
      await save(service, 'dora', 'last of dora');
      await who(service, 'dora');
      proxy[way]();
      const children = service.children().length;
      expect(children).toBeGreaterThan(0);
      expect((await service.stop()).code).toBe(0);
      proxy.restore();
    }, 60_000);
  });

  test('the command line works on the same database, and nothing there is in clear text', async () => {
    const env = envFor(database.databaseUrl);
    const service = await start();
    await save(service, 'gus', 'canary-of-gus-77aa');
    const listed = await runCommand(['vault', 'list'], { env });
    expect([listed.code, listed.stdout]).toEqual([0, expect.stringContaining('open-webui:gus')]);
    const { pid } = await who(service, 'gus');
    expect((await runCommand(['vault', 'erase-user', 'gus', '--yes'], { env })).stdout).toMatch(/^1 secret of/);
    await waitFor(() => !isRunning(service, pid), NEWS_MS + 1_000, "the end of Gus's process");
    await save(service, 'gus', 'canary-of-gus-77aa');
    const tables = await rowsOf(
      "select table_name from information_schema.tables where table_schema = 'public'",
      database.databaseUrl,
    );
    expect(tables.length).toBeGreaterThan(5);
    for (const { table_name: table } of tables) {
      const rows = JSON.stringify(await rowsOf(`select * from "${String(table)}"`, database.databaseUrl));
      expect([table, rows.includes('canary-of-gus'), rows.includes(VAULT_KEY)]).toEqual([table, false, false]);
    }
    expect(findCanaries([{ name: 'vault list', content: listed.stdout + listed.stderr }], [password])).toEqual([]);
  }, 60_000);
});
