import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import Database from 'libsql';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';
import { type Ask, formHeaders, visitByLink } from './vault-visit.ts';

const KEY = 'key-of-the-faults-test';
/** A child process for each user that tells whose values it has. */
const jira = fixture('whoami.js', [], {
  env: { TOKEN: '${TOKEN}', OPTION: '${OPTION}', USER_ID: '${user.id}' },
  userVars: { TOKEN: { title: 'Jira token' }, OPTION: { required: false } },
});
const servers = { jira, open: fixture('answers.js') };
const VARIABLE = '/vault/api/servers/jira/variables/TOKEN';

interface Who {
  readonly token: string;
  readonly option?: string;
  readonly pid: number;
}
interface Detail {
  readonly detail: { readonly message: string; readonly code: string; readonly setup_url?: string };
}

const envOf = (dataDir: string) => ({ MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: dataDir });
const as = (user: string) => ({ authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': user });
const start = (dataDir: string, env: Readonly<Record<string, string>> = {}) =>
  startService({ servers, env: { ...envOf(dataDir), ...env } });

const put = (service: Service, user: string, value: string, path = VARIABLE) =>
  service.request('PUT', path, {
    headers: { ...as(user), 'content-type': 'application/json' },
    body: JSON.stringify({ value }),
  });
async function save(service: Service, user: string, value: string): Promise<void> {
  const answer = await put(service, user, value);
  if (answer.status !== 204) throw new Error(`PUT answered ${answer.status}: ${answer.text}`);
}
const whoami = (service: Service, user: string) => service.call('jira', 'whoami', {}, as(user));
async function who(service: Service, user: string): Promise<Who> {
  const answer = await whoami(service, user);
  if (answer.status !== 200) throw new Error(`whoami answered ${answer.status}: ${answer.text}`);
  return answer.json() as Who;
}
const isRunning = (service: Service, pid: number) => service.children().some((child) => child.pid === pid);

/** A connection beside the service's, as another process has it. */
async function beside(dataDir: string, use: (database: Database.Database) => Promise<void> | void): Promise<void> {
  const database = new Database(join(dataDir, 'mcpo-ts.db'));
  try {
    database.pragma('busy_timeout = 5000');
    await use(database);
  } finally {
    database.close();
  }
}

/**
 * Locks the database even for readers; resolves, when it is locked, to what ends that. In a process of its own, since a
 * connection in this mode keeps its lock until it is really closed, and libsql closes it when its statements are collected.
 */
async function lockInOtherProcess(dataDir: string): Promise<() => Promise<void>> {
  const file = JSON.stringify(join(dataDir, 'mcpo-ts.db'));
  const script = `const database = new (require('libsql'))(${file});
    database.exec('pragma busy_timeout = 5000; pragma locking_mode = exclusive; begin exclusive');
    console.log('locked');
    // Ends with this process, too.
    process.stdin.resume();`;
  const holder = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'exit').then(() => Promise.reject(new Error('no lock'))),
  ]);
  return async () => {
    holder.kill('SIGKILL');
    await once(holder, 'exit');
  };
}

/** What a thief of the database could do: give one user what another has set. */
const swapRows = (dataDir: string) =>
  beside(dataDir, (database) => {
    const text = (user: string) => `(select cipher_text from secrets where subject = '${user}')`;
    database.exec(`create temp table swapped as select ${text('ann')} as of_ann, ${text('bob')} as of_bob;
      update secrets set cipher_text = (select of_bob from swapped) where subject = 'ann';
      update secrets set cipher_text = (select of_ann from swapped) where subject = 'bob';
      drop table swapped;`);
  });

/** Neither gets the other's value, and both are told what to do; a new value works, and nothing was deleted. */
async function expectRefusedRows(service: Service, dataDir: string): Promise<void> {
  for (const user of ['ann', 'bob']) {
    const answer = await whoami(service, user);
    expect([user, answer.status, answer.text]).toEqual([user, 503, expect.not.stringContaining('secret of')]);
    const { message, code, setup_url: url } = (answer.json() as Detail).detail;
    expect(code).toBe('secret_unreadable');
    expect(message).toBe(
      `jira cannot be given what you have set, because it can no longer be decrypted: open ${url} to set it again.`,
    );
  }
  const list = (await service.get('/vault/api/servers', as('ann'))).json();
  expect(list).toMatchObject([{ server: 'jira', status: 'unreadable' }]);
  const listed = await runCommand(['vault', 'list', '--json'], { env: envOf(dataDir) });
  expect(JSON.parse(listed.stdout)).toMatchObject([{ isReadable: false }, { isReadable: false }]);
  await save(service, 'ann', 'new of ann');
  expect((await who(service, 'ann')).token).toBe('new of ann');
  expect((await whoami(service, 'bob')).status).toBe(503);
}

test('rows that were swapped between two users while the service was stopped are refused', async () => {
  const dataDir = temporaryFolder();
  const before = await start(dataDir);
  for (const user of ['ann', 'bob']) await save(before, user, `secret of ${user}`);
  await before.stop();
  await swapRows(dataDir);
  await expectRefusedRows(await start(dataDir), dataDir);
});

test('rows that were swapped while the service runs are refused by the next session', async () => {
  const dataDir = temporaryFolder();
  const service = await start(dataDir);
  for (const user of ['ann', 'bob']) await save(service, user, `secret of ${user}`);
  await swapRows(dataDir);
  await expectRefusedRows(service, dataDir);
});

test('with another vault key the service does not start, says so, and with the right one everything is there', async () => {
  const dataDir = temporaryFolder();
  const [right, wrong] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64')) as [string, string];
  const before = await start(dataDir, { MCPO_VAULT_KEY: right });
  await save(before, 'ann', 'secret of ann');
  await before.stop();
  const env = { ...envOf(dataDir), MCPO_VAULT_KEY: wrong };
  const refused = await runCommand(['--port', '0'], { servers, env });
  expect([refused.code, refused.stdout]).toEqual([2, '']);
  expect(refused.stderr).toMatch(/MCPO_VAULT_KEY.*the vault was made with another key; give that one \(key id \w+\)/);
  expect(refused.stderr).not.toContain(wrong);
  const again = await start(dataDir, { MCPO_VAULT_KEY: right });
  expect((await who(again, 'ann')).token).toBe('secret of ann');
});

test('while another process locks the database, values in memory serve, nothing is saved, and it recovers', async () => {
  const dataDir = temporaryFolder();
  const service = await start(dataDir);
  await save(service, 'ann', 'secret of ann');
  await save(service, 'bob', 'secret of bob');
  const { pid } = await who(service, 'ann');
  await beside(dataDir, async (database) => {
    database.exec('begin exclusive');
    const saving = put(service, 'ann', 'later of ann');
    expect(await who(service, 'ann')).toMatchObject({ token: 'secret of ann', pid });
    // Reading goes on in SQLite's WAL mode.
    expect((await who(service, 'bob')).token).toBe('secret of bob');
    expect((await service.call('open', 'text', {}, as('ann'))).status).toBe(200);
    const refused = await saving;
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toMatch(/^\d+$/);
    expect(refused.json()).toMatchObject({ detail: { code: 'vault_unavailable' } });
    const missing = await whoami(service, 'cid');
    expect(missing.status).toBe(428);
    expect((missing.json() as Detail).detail.message).toBe(
      'jira needs your Jira token: set it on the vault page of this service, then try again.',
    );
    database.exec('rollback');
  });
  expect(await who(service, 'ann')).toMatchObject({ token: 'secret of ann', pid });
  await save(service, 'ann', 'later of ann');
  expect((await who(service, 'ann')).token).toBe('later of ann');
  expect((await whoami(service, 'cid')).text).toContain('/vault/link/');
}, 60_000);

test('started while the database is locked, it serves what needs no vault, and the rest when it can', async () => {
  const dataDir = temporaryFolder();
  const before = await start(dataDir);
  await save(before, 'ann', 'secret of ann');
  await before.stop();
  const unlock = await lockInOtherProcess(dataDir);
  const service = await start(dataDir);
  expect((await service.call('open', 'text', {}, as('ann'))).status).toBe(200);
  for (const answer of [
    await whoami(service, 'ann'),
    await put(service, 'ann', 'later of ann'),
    await service.get('/vault/api/servers', as('ann')),
  ]) {
    expect([answer.status, answer.text]).toEqual([503, expect.not.stringContaining('secret of')]);
  }
  await unlock();
  const token = await waitFor(async () => {
    const answer = await whoami(service, 'ann');
    return answer.status === 200 && (answer.json() as Who).token;
  }, 30_000);
  expect(token).toBe('secret of ann');
}, 90_000);

test('a user who is erased on the command line loses their session, and others are not affected', async () => {
  const dataDir = temporaryFolder();
  const service = await start(dataDir);
  for (const user of ['ann', 'bob']) await save(service, user, `secret of ${user}`);
  const [ann, bob] = [await who(service, 'ann'), await who(service, 'bob')];
  const erased = await runCommand(['vault', 'erase-user', 'ann', '--yes'], { env: envOf(dataDir) });
  expect(erased.stdout).toMatch(/^1 secret of open-webui:ann/);
  await waitFor(() => !isRunning(service, ann.pid), 5_000, "the end of Ann's process");
  expect((await whoami(service, 'ann')).status).toBe(428);
  expect(await who(service, 'bob')).toEqual(bob);
});

test('a value that a restore puts back is used within seconds', async () => {
  const dataDir = temporaryFolder();
  const service = await start(dataDir);
  await save(service, 'ann', 'first of ann');
  await save(service, 'bob', 'first of bob');
  const bob = await who(service, 'bob');
  const backup = join(temporaryFolder(), 'backup.age');
  const env = { ...envOf(dataDir), MCPO_BACKUP_PASSPHRASE: 'q7TzX2mVb9LkW4sRh6Ny' };
  expect((await runCommand(['backup', backup], { env })).code).toBe(0);
  await save(service, 'ann', 'second of ann');
  const { pid, token } = await who(service, 'ann');
  expect(token).toBe('second of ann');
  const restore = (...more: string[]) => runCommand(['restore', backup, ...more], { env });
  expect((await restore()).stderr).toContain('The database is not empty (2 of secrets');
  expect((await who(service, 'ann')).pid).toBe(pid);
  expect((await restore('--replace', '--yes')).code).toBe(0);
  await waitFor(() => !isRunning(service, pid), 5_000, "the end of Ann's process");
  expect((await who(service, 'ann')).token).toBe('first of ann');
  expect((await who(service, 'bob')).token).toBe(bob.token);
});

describe('with a running service', () => {
  const dataDir = temporaryFolder();
  let service: Service;
  const ask: Ask = (method, path, options) => service.request(method, path, options);
  beforeAll(async () => {
    service = await start(dataDir, { MCPO_AUTH_FAILURE_LIMIT: '1000/1m' });
  });

  async function newLink(user: string): Promise<string> {
    const { setup_url: url } = ((await whoami(service, user)).json() as Detail).detail;
    if (url === undefined) throw new Error('There is no link.');
    return new URL(url).pathname;
  }

  test('a link that was only looked at can still be opened, and then no more', async () => {
    const link = await newLink('looker');
    expect((await ask('HEAD', link)).status).toBe(200);
    for (const headers of [{ 'sec-purpose': 'prefetch;prerender' }, { purpose: 'prefetch' }, { 'x-moz': 'prefetch' }]) {
      const looked = await ask('GET', link, { headers });
      expect([looked.status, looked.headers['set-cookie']]).toEqual([200, undefined]);
    }
    const visit = await visitByLink(ask, service.url, link);
    expect(visit.opened.status).toBe(303);
    const again = await ask('GET', link);
    expect([again.status, again.headers['set-cookie']]).toEqual([410, undefined]);
    expect(again.text).toContain('This link does not work');
    expect(again.text).not.toContain('jira');
  });

  test('a link that is too old, or never was, opens nothing', async () => {
    const link = await newLink('late');
    await beside(dataDir, (database) => {
      const { changes } = database
        .prepare("update setup_links set expires_at = ? where subject = 'late'")
        .run(Date.now() - 1);
      expect(changes).toBe(1);
    });
    for (const path of [
      link,
      `/vault/link/${'A'.repeat(22)}`,
      '/vault/link/%2e%2e',
      `/vault/link/${'A'.repeat(5_000)}`,
    ]) {
      const answer = await ask('GET', path);
      expect([path.slice(0, 40), answer.status, answer.headers['set-cookie']]).toEqual([
        path.slice(0, 40),
        410,
        undefined,
      ]);
    }
    expect(await newLink('late')).not.toBe(link);
  });

  test('what looks like a placeholder in a value arrives as it was typed', async () => {
    const value = '${env:HOME} $& $1 {{USER_ID}} ${user.id} $${x} ${OPTION} %s \\u0000 é ✓';
    await save(service, 'literal', value);
    const option = '$&{{TOKEN}}${TOKEN}';
    expect((await put(service, 'literal', option, '/vault/api/servers/jira/variables/OPTION')).status).toBe(204);
    expect(await who(service, 'literal')).toMatchObject({ token: value, option, user: 'literal' });
  });

  test('a value that cannot be kept is refused with a sentence, by the API and by the form', async () => {
    const visit = await visitByLink(ask, service.url, await newLink('typing'));
    const rows: [what: string, value: string, api: number, form: number][] = [
      ['a megabyte', 'x'.repeat(1024 * 1024), 413, 413],
      ['more than 16 KiB', 'x'.repeat(16 * 1024 + 1), 422, 422],
      ['CR', 'a\rb', 422, 422],
      ['LF', 'a\nb', 422, 422],
      ['NUL', 'a\0b', 422, 422],
      ['nothing', '', 422, 422],
    ];
    for (const [what, value, api, form] of rows) {
      const byApi = await put(service, 'typing', value);
      expect([what, byApi.status]).toEqual([what, api]);
      expect((byApi.json() as { detail: unknown }).detail).toBeDefined();
      expect(byApi.text.length).toBeLessThan(500);
      const byForm = await visit.post('/vault/servers/jira', { 'value.TOKEN': value, action: 'save' });
      expect([what, byForm.status]).toEqual([what, form]);
      expect(byForm.text).toMatch(/<p[^>]*(alert|problem|note)|role="alert"/);
      // The field keeps what was typed, up to the length that is sent back.
      expect(byForm.text.length).toBeLessThan(40_000);
    }
    expect((await whoami(service, 'typing')).status).toBe(428);
    await save(service, 'typing', 'x'.repeat(16 * 1024));
    expect((await who(service, 'typing')).token).toHaveLength(16 * 1024);
  });

  test('an unknown variable or server is rejected and nothing is stored', async () => {
    const unknown = [
      '/vault/api/servers/jira/variables/OTHER',
      '/vault/api/servers/jira/variables/__proto__',
      '/vault/api/servers/nobody/variables/TOKEN',
      '/vault/api/servers/open/variables/TOKEN',
      '/vault/api/servers/constructor/variables/TOKEN',
    ];
    for (const path of unknown) expect([path, (await put(service, 'ann', 'x', path)).status]).toEqual([path, 404]);
    const visit = await visitByLink(ask, service.url, await newLink('unknown'));
    const other = await visit.post('/vault/servers/jira', { 'value.OTHER': 'x', action: 'save' });
    expect(other.status).toBe(404);
    expect((await visit.post('/vault/servers/open', { 'value.TOKEN': 'x', action: 'save' })).status).toBe(404);
    const listed = await runCommand(['vault', 'list', '--json'], { env: envOf(dataDir) });
    expect(listed.stdout).not.toMatch(/"unknown"|OTHER|proto/);
  });

  test('a form without its token, with that of another or from elsewhere changes nothing', async () => {
    await save(service, 'form', 'kept');
    const visit = await visitByLink(ask, service.url, await newLink('fresh'));
    const other = await visitByLink(ask, service.url, await newLink('second'));
    const own = formHeaders(service.url, visit.cookie);
    const fields = { 'value.TOKEN': 'stolen', action: 'save' };
    const send = (headers: Readonly<Record<string, string>>, more: Readonly<Record<string, string>>) =>
      ask('POST', '/vault/servers/jira', { headers, body: new URLSearchParams({ ...fields, ...more }).toString() });
    const token = { form_token: visit.formToken };
    const refused = [
      await send(own, {}),
      await send(own, { form_token: '' }),
      await send(own, { form_token: other.formToken }),
      await send({ ...own, origin: 'https://elsewhere.example' }, token),
      await send({ ...own, origin: 'null' }, token),
      await send({ ...own, 'sec-fetch-site': 'cross-site' }, token),
    ];
    expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 403));
    expect((await send({ ...own, 'content-type': 'text/plain' }, token)).status).toBe(415);
    expect((await whoami(service, 'fresh')).status).toBe(428);
    expect((await send(own, token)).status).toBe(303);
    expect((await who(service, 'fresh')).token).toBe('stolen');
    expect((await who(service, 'form')).token).toBe('kept');
  });
});
