import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect } from '@jest/globals';
import { auditFile, waitForLine } from '../audit-lines.ts';
import { filesBelow } from '../canaries.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from '../harness.ts';

const KEY = 'key-of-the-attack-test';
const WHO = 'erased-person-4711';

const headers = (name: string) => ({
  authorization: `Bearer ${KEY}`,
  'x-openwebui-user-id': name,
  'content-type': 'application/json',
});

const namedTools = JSON.stringify({ tools: [{ name: 'look', description: 'Looks at the files of ${user.id}.' }] });

/** Names of the database's files that hold a text: the tables, the log of what is being written, its index. */
function filesWith(folder: string, text: string): string[] {
  return filesBelow(folder).filter((file) => readFileSync(file).includes(text));
}

async function start(dataDir: string, env: Readonly<Record<string, string>> = {}): Promise<Service> {
  return startService({
    servers: {
      own: fixture('user-stdio.js', [], { env: { SECRET_TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'token' } } }),
      named: fixture('own-tools.js', [], { env: { OWN_TOOLS: namedTools } }),
    },
    args: ['--api-key', KEY],
    env: { MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: dataDir, ...env },
  });
}

/** Leaves rows in each table that names users. */
async function use(service: Service, name: string): Promise<void> {
  const path = '/vault/api/servers/own/variables/TOKEN';
  const body = JSON.stringify({ value: `value of ${name}` });
  expect((await service.call('own', 'show', {}, headers(name))).status).toBe(428);
  expect((await service.request('PUT', path, { headers: headers(name), body })).status).toBe(204);
  expect((await service.call('own', 'show', {}, headers(name))).status).toBe(200);
  // Asking what was used writes down what is on its way.
  expect((await service.get('/vault/api/servers', headers(name))).status).toBe(200);
}

describe('after an erasure no file of the database holds the id', () => {
  test('of a user who erases themselves', async () => {
    const dataDir = temporaryFolder();
    const file = auditFile();
    const service = await start(dataDir, { SECURITY_LOG_FILE: file });
    for (const name of [WHO, 'somebody-else']) await use(service, name);
    expect(filesWith(dataDir, WHO)).not.toEqual([]);
    expect((await service.request('DELETE', '/vault/api/me', { headers: headers(WHO) })).status).toBe(204);
    expect(filesWith(dataDir, WHO)).toEqual([]);
    expect(filesWith(dataDir, 'somebody-else')).not.toEqual([]);
    const { details } = await waitForLine(file, ({ action }) => action === 'erase');
    expect(details).toMatchObject({ secrets: 1, kept: expect.stringContaining('retentionDays') });
    await service.stop();
    expect(filesWith(dataDir, WHO)).toEqual([]);
  });

  test('of a user whom the command erases while the service has a note of a use of theirs to write', async () => {
    const dataDir = temporaryFolder();
    const service = await start(dataDir);
    for (const name of [WHO, 'somebody-else']) await use(service, name);
    // A note of this use is on its way for some seconds.
    expect((await service.call('own', 'show', {}, headers(WHO))).status).toBe(200);
    const erased = await runCommand(['vault', 'erase-user', WHO, '--yes'], { env: { MCPO_DATA_DIR: dataDir } });
    expect([erased.code, erased.stderr]).toEqual([0, expect.stringContaining('Not erased: the audit log')]);
    // The session of the erased user ends, the other's does not.
    await waitFor(() => service.children().length <= 1, 10_000, 'the end of the session');
    expect((await service.call('own', 'show', {}, headers('somebody-else'))).status).toBe(200);
    await service.stop();
    expect(filesWith(dataDir, WHO)).toEqual([]);
    expect(filesWith(dataDir, 'somebody-else')).not.toEqual([]);
  });

  test('of a user who has a key of their own, and whom a list of tools names', async () => {
    const dataDir = temporaryFolder();
    const made = await runCommand(['key', 'create', '--id', 'personal', '--user', WHO], {
      env: { MCPO_DATA_DIR: dataDir },
    });
    const personal = { ...headers(WHO), authorization: `Bearer ${made.stdout.trim()}` };
    const service = await start(dataDir);
    expect((await service.call('named', 'look', {}, personal)).status).toBe(200);
    await waitFor(() => filesWith(dataDir, `files of ${WHO}`).length > 0, 10_000, 'the list to be stored');
    expect((await service.request('DELETE', '/vault/api/me', { headers: headers(WHO) })).status).toBe(204);
    expect(filesWith(dataDir, WHO)).toEqual([]);
    // Seldom, as log-ins that fail are limited.
    const isRefused = async () => {
      await delay(500);
      return (await service.call('named', 'look', {}, personal)).status === 403;
    };
    await waitFor(isRefused, 10_000, 'the key to be refused');
    await service.stop();
    expect(filesWith(dataDir, WHO)).toEqual([]);
  });
});
