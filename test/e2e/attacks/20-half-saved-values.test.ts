import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import Database from 'libsql';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from '../harness.ts';
import type { HttpAnswer } from '../http-request.ts';
import { type Visit, visitByLogIn } from '../vault-visit.ts';

const KEY = 'key-for-half-saved-values-7c1e';
const dataDir = temporaryFolder();
const env = { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: dataDir };
const servers = {
  jira: fixture('whoami.js', [], {
    env: { TOKEN: '${TOKEN}', OPTION: '${OPTION}' },
    userVars: { TOKEN: { title: 'Jira token' }, OPTION: { required: false } },
  }),
};
const ann = { authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': 'ann' };

describe('values that are saved together, in a database that fails at the second one', () => {
  let service: Service;
  let personal = '';
  beforeAll(async () => {
    personal = (await runCommand(['key', 'create', '--id', 'of-ann', '--user', 'ann'], { env })).stdout.trim();
    service = await startService({ servers, env });
  }, 60_000);

  const beside = <Result>(use: (database: Database.Database) => Result): Result => {
    const database = new Database(join(dataDir, 'mcpo-ts.db'));
    try {
      database.pragma('busy_timeout = 5000');
      return use(database);
    } finally {
      database.close();
    }
  };
  /** From now on whatever writes this variable fails, and what was written before it in the transaction is undone. */
  const failAt = (name: string) =>
    beside((database) =>
      database.exec(
        `create trigger failing before insert on secrets when new.name = '${name}' begin select raise(abort, 'full'); end`,
      ),
    );
  const failNoMore = () => beside((database) => database.exec('drop trigger failing'));
  const noticesSince = (revision: number) =>
    beside((database) => database.prepare('select server from secret_changes where revision > ?').all(revision));
  const lastRevision = () =>
    beside((database) => {
      const row = database.prepare('select max(revision) as last from secret_changes').get() as { last: number | null };
      return row.last ?? 0;
    });
  const setNames = async () => {
    const answer = await service.get('/vault/api/servers', ann);
    const [jira] = answer.json() as { variables: { name: string; is_set: boolean }[] }[];
    return jira?.variables.filter(({ is_set }) => is_set).map(({ name }) => name);
  };
  const visit = (): Promise<Visit> => visitByLogIn(service.request, service.url, personal);
  const form = (value: string) => ({ 'value.TOKEN': value, 'value.OPTION': `${value}-option`, action: 'save' });
  const postValues = (values: object, path = '/vault/api/servers/jira/variables', headers: object = ann) =>
    service.request('POST', path, {
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ values }),
    });

  const ways: Readonly<Record<string, () => Promise<HttpAnswer>>> = {
    'the page': async () => (await visit()).post('/vault/servers/jira', form('first')),
    'the API': () => postValues({ TOKEN: 'first', OPTION: 'second' }),
    'an admin for the user': () => {
      const admin = { authorization: `Bearer ${KEY}` };
      return postValues({ TOKEN: 'first', OPTION: 'second' }, '/vault/api/users/ann/servers/jira/variables', admin);
    },
  };
  for (const [way, send] of Object.entries(ways)) {
    test(`from ${way} leave nothing behind`, async () => {
      failAt('OPTION');
      try {
        const answer = await send();
        expect(answer.status).toBe(503);
        expect(answer.text).not.toContain('full');
        expect(await setNames()).toEqual([]);
        expect((await service.call('jira', 'whoami', {}, ann)).status).toBe(428);
      } finally {
        failNoMore();
      }
    });
  }

  test('replace the old ones together, or leave both', async () => {
    expect((await postValues({ TOKEN: 'old', OPTION: 'old-option' })).status).toBe(204);
    const before = lastRevision();
    failAt('OPTION');
    try {
      expect((await (await visit()).post('/vault/servers/jira', form('new'))).status).toBe(503);
    } finally {
      failNoMore();
    }
    expect((await service.call('jira', 'whoami', {}, ann)).json()).toMatchObject({
      token: 'old',
      option: 'old-option',
    });
    expect(noticesSince(before)).toEqual([]);

    expect((await (await visit()).post('/vault/servers/jira', form('new'))).status).toBe(303);
    await waitFor(async () => {
      const who = (await service.call('jira', 'whoami', {}, ann)).json() as { token?: string; option?: string };
      return who.token === 'new' && who.option === 'new-option';
    });
    expect(noticesSince(before)).toEqual([{ server: 'jira' }]);
  });

  for (const [status, values] of [
    [422, {}],
    [422, { TOKEN: 'x', OPTION: 'a\nb' }],
    [422, { TOKEN: 'x', OPTION: 7 }],
    [404, { TOKEN: 'x', NONE: 'y' }],
    [404, { TOKEN: 'x', constructor: 'y' }],
  ] as const) {
    test(`of which one is wrong change nothing: ${JSON.stringify(values)}`, async () => {
      const before = lastRevision();
      expect((await postValues(values)).status).toBe(status);
      expect(noticesSince(before)).toEqual([]);
    });
  }
});
