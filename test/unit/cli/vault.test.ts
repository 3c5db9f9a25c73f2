import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { vaultCommands } from '../../../src/cli/vault.ts';
import type { RotationRequest } from '../../../src/cli/vault-rotation.ts';
import { openDatabase } from '../../../src/db/open-database.ts';
import { UsageError } from '../../../src/errors.ts';
import { SecretStore } from '../../../src/vault/secret-store.ts';
import type { Vault } from '../../../src/vault/vault.ts';
import { findKeyring, loadKeyring } from '../../../src/vault/vault-key.ts';
import { alice, bob, openVaultOver } from '../vault/open-test-vault.ts';

const now = Date.parse('2030-01-01T00:00:00Z');
const keyText = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const canary = 'canary-7f3a9c';
const silent = () => undefined;
const logger = { error: silent, warn: silent, info: silent, debug: silent, isDebug: () => false };

let folder: string;
let dataDir: string;
/** `MCPO_VAULT_KEY`; `undefined`: the key is in the data folder. */
let value: string | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vault-'));
  dataDir = join(folder, 'data');
  value = undefined;
});
afterEach(() => rmSync(folder, { recursive: true }));

const keySource = () => ({ value, file: undefined, dataDir, hasSharedDatabase: false });
const vault = () =>
  vaultCommands(
    {
      values: { MCPO_VAULT_KEY: value },
      secrets: {},
      variables: new Map(),
      database: { dataDir, databaseUrl: undefined },
    },
    now,
  );
const rotate = (request: RotationRequest = {}) => vault().rotateKey(request);
const keyFile = () => join(dataDir, 'vault.key');

async function withStore<Result>(use: (store: SecretStore) => Promise<Result>): Promise<Result> {
  const database = await openDatabase({ dataDir, databaseUrl: undefined });
  try {
    return await use(new SecretStore(database));
  } finally {
    await database.destroy();
  }
}

/** Uses the vault as a service does that starts now. */
function withVault<Result>(use: (vault: Vault) => Promise<Result>): Promise<Result> {
  return withStore(async (store) => {
    const keyring = await loadKeyring(keySource(), logger);
    const { vault } = await openVaultOver(store, { keyring, keepsLastFour: true });
    const result = await use(vault);
    await vault.close();
    return result;
  });
}

const fill = () =>
  withVault(async (vault) => {
    await vault.set(alice, 'jira', new Map([['TOKEN', `${canary}-alice`]]));
    await vault.set(alice, 'github', new Map([['TOKEN', `${canary}-github`]]));
    await vault.set(bob, 'jira', new Map([['TOKEN', `${canary}-bob`]]));
    vault.noteUse(alice, 'jira', 'search');
  });
const readAll = () =>
  withVault(async (vault) => [
    (await vault.values(alice, 'jira')).get('TOKEN'),
    (await vault.values(alice, 'github')).get('TOKEN'),
    (await vault.values(bob, 'jira')).get('TOKEN'),
  ]);
const all = [`${canary}-alice`, `${canary}-github`, `${canary}-bob`];
const keyIds = () => withStore(async (store) => [...new Set((await store.list()).map(({ keyId }) => keyId))]);

describe('vault list', () => {
  test('says who has set what and when, never a value', async () => {
    await fill();
    const { text, note } = await vault().list(false);
    const lines = text.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^USER +SERVER +VARIABLE +SET AT +LAST USED +READABLE +KEY$/);
    expect(lines[1]).toMatch(/^open-webui:alice +github +TOKEN +20\S+Z +never +yes +[0-9a-f]{16}$/);
    expect(lines).toHaveLength(4);
    const json: unknown = JSON.parse((await vault().list(true)).text);
    expect(json).toContainEqual(
      expect.objectContaining({
        issuer: 'open-webui',
        subject: 'bob',
        server: 'jira',
        variable: 'TOKEN',
        isReadable: true,
      }),
    );
    expect(text + note + JSON.stringify(json)).not.toContain('canary');
  });

  test('shows and finds people by their name and e-mail address, in upper or lower case', async () => {
    await withVault(async (vault) => {
      await vault.set(alice, 'jira', new Map([['TOKEN', 'x']]));
      await vault.set(bob, 'jira', new Map([['TOKEN', 'x']]));
      vault.noteUse({ ...alice, name: 'Alice Example', email: 'alice@example.org' }, 'jira', 'search');
    });
    const { text } = await vault().list(false);
    expect(text).toMatch(/ KEY +NAME\n/);
    expect(text).toMatch(/^open-webui:alice .* Alice Example \(alice@example.org\)$/m);
    expect(text).toMatch(/^open-webui:bob .* -$/m);
    for (const search of ['ALICE@example.org', 'alice ex', 'Alice Example (alice@example.org)', 'open-webui:alice']) {
      const found = JSON.parse((await vault().list(true, search)).text) as readonly { readonly subject: string }[];
      expect(found.map(({ subject }) => subject)).toEqual(['alice']);
    }
    expect(await vault().list(true, 'nobody@example.org')).toMatchObject({ text: '[]\n' });
    expect(JSON.parse((await vault().exportUser('alice')).text)).toMatchObject({
      user: { subject: 'alice', name: 'Alice Example', email: 'alice@example.org' },
    });
    // A name cannot be read in the file, and nothing of it is left after the user was erased.
    const files = () => ['mcpo-ts.db', 'mcpo-ts.db-wal'].map((name) => join(dataDir, name)).filter(existsSync);
    const stored = () =>
      files()
        .map((file) => readFileSync(file, 'latin1'))
        .join('');
    expect(stored()).not.toContain('Alice Example');
    await vault().eraseUser('alice', async () => true);
    expect(await withStore((store) => store.profiles())).toEqual([]);
  });

  test('needs no key where there is nothing, and makes none', async () => {
    expect((await vault().list(false)).text).toBe('There are no secrets in the vault.\n');
    expect((await vault().list(true)).text).toBe('[]\n');
    expect(existsSync(keyFile())).toBe(false);
  });

  test('says which secrets no key decrypts, and keeps them', async () => {
    value = keyText(1);
    await fill();
    value = `${keyText(2)},${keyText(1)}`;
    await withVault((vault) => vault.set(bob, 'github', new Map([['TOKEN', 'x']])));
    value = keyText(2);
    const { text, note } = await vault().list(false);
    expect(text.match(/ NO /g)).toHaveLength(3);
    expect(note).toMatch(/^3 of 4 secrets cannot be decrypted/);
    expect(await withStore((store) => store.list())).toHaveLength(4);
    value = keyText(3);
    await expect(vault().list(false)).rejects.toThrow(/made with another key/);
  });
});

describe('vault export-user and erase-user', () => {
  test('export prints everything but the values', async () => {
    await fill();
    const { text } = await vault().exportUser('alice');
    expect(JSON.parse(text)).toMatchObject({
      user: { issuer: 'open-webui', subject: 'alice' },
      secrets: [
        { server: 'github', variable: 'TOKEN', lastFour: 'thub' },
        { server: 'jira', variable: 'TOKEN', lastFour: 'lice' },
      ],
      uses: [{ server: 'jira', tool: 'search', calls: 1 }],
      refusedCredentials: [],
    });
    expect(text).not.toContain(canary);
    expect(text).not.toContain('bob');
  });

  test('erase removes all of one user and nothing of another', async () => {
    await fill();
    const { text } = await vault().eraseUser('open-webui:alice', async () => true);
    expect(text).toMatch(/^2 secrets of open-webui:alice/);
    const empty = { secrets: [], uses: [], refusedCredentials: [] };
    expect(JSON.parse((await vault().exportUser('alice')).text)).toMatchObject(empty);
    expect(await readAll()).toEqual([undefined, undefined, `${canary}-bob`]);
    // Once more: nothing is stored about them now.
    expect(await vault().eraseUser('open-webui:alice', async () => true)).toMatchObject({ text: '', exitCode: 1 });
  });

  test('erase fails for a user of whom nothing is stored', async () => {
    await fill();
    expect(await vault().eraseUser('nobody', async () => true)).toEqual({
      text: '',
      note: 'Nothing is stored about open-webui:nobody; "mcpo-ts vault list" shows users by their ids.\n',
      exitCode: 1,
    });
  });

  test('erase asks, and does nothing where the answer is no or nobody can be asked', async () => {
    await fill();
    const before = await withStore((store) => store.list());
    const refused = await vault().eraseUser('alice', async () => false);
    expect(refused).toEqual({ text: '', note: 'Nothing was erased.\n', exitCode: 1 });
    await expect(vault().eraseUser('alice', async () => undefined)).rejects.toThrow(/cannot be undone; add --yes/);
    expect(await withStore((store) => store.list())).toEqual(before);
  });

  test.each(['', 'a\nb', ':'])('%j is not a user', async (user) => {
    await expect(vault().eraseUser(user, async () => true)).rejects.toBeInstanceOf(UsageError);
  });
});

describe('vault rotate-key', () => {
  test('puts everything under a new key in the data folder; the old one stays until it is dropped', async () => {
    await fill();
    const oldText = readFileSync(keyFile(), 'utf8').trim();
    const [oldId] = await keyIds();
    const { text, exitCode } = await rotate();
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^A new key, [0-9a-f]{16}, is now first.*keep a copy/);
    expect(text).toContain('3 secrets were encrypted under key');
    expect(text).toContain(`Nothing is encrypted under ${oldId} any more`);
    const ring = await findKeyring(keySource());
    expect(await keyIds()).toEqual([ring.active.id]);
    expect([...ring.keys.keys()]).toEqual([ring.active.id, oldId]);
    expect(readFileSync(keyFile(), 'utf8')).toContain(`,${oldText}`);
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect(await readAll()).toEqual(all);

    const dropped = await rotate({ dropOld: true });
    expect(dropped.text).toContain(`Removed ${oldId}`);
    expect([...(await findKeyring(keySource())).keys.keys()]).toEqual([ring.active.id]);
    expect(await readAll()).toEqual(all);
    expect((await rotate({ dropOld: true })).text).toContain('There is no old key to remove.');
    for (const said of [text, dropped.text]) {
      for (const key of readFileSync(keyFile(), 'utf8').trim().split(',')) expect(said).not.toContain(key);
      expect(said).not.toContain(oldText);
    }
  });

  test('finishes one that was cut off before it makes another key', async () => {
    await fill();
    await rotate();
    const before = readFileSync(keyFile(), 'utf8');
    const ring = await findKeyring(keySource());
    const [, old] = [...ring.keys.values()];
    // As a service does that was started before and knows the old key alone.
    await withStore(async (store) => {
      const { vault } = await openVaultOver(store, { keyring: { ...ring, active: old ?? ring.active } });
      await vault.set(bob, 'github', new Map([['TOKEN', 'late']]));
      await vault.close();
    });
    expect(await keyIds()).toHaveLength(2);
    const { text } = await rotate();
    expect(text).toMatch(
      /^No new key was created: an earlier rotation is finished first\.\n1 secret was encrypted under/,
    );
    expect(readFileSync(keyFile(), 'utf8')).toBe(before);
    expect(await keyIds()).toEqual([ring.active.id]);
    await rotate();
    expect((await findKeyring(keySource())).keys.size).toBe(3);
    expect(await readAll()).toEqual(all);
  });

  test('keeps an old key while a secret under it cannot be decrypted', async () => {
    await fill();
    const [oldId = ''] = await keyIds();
    await withStore(async (store) => {
      const [row] = await store.list();
      const damaged = { ...row, keyId: oldId, cipherText: row?.cipherText.replace('.', '.A') ?? '' };
      if (row !== undefined) await store.put([{ place: row, seal: () => damaged, lastFour: undefined }], now);
    });
    const { text, exitCode } = await rotate();
    expect(exitCode).toBe(1);
    expect(text).toMatch(/1 secret was left unchanged: none of the given keys decrypts them/);
    await rotate({ dropOld: true });
    expect([...(await findKeyring(keySource())).keys.keys()]).toContain(oldId);
    expect(await withStore((store) => store.list())).toHaveLength(3);
  });

  test('takes the new key from a file', async () => {
    await fill();
    const file = join(folder, 'new.key');
    writeFileSync(file, `${keyText(9)}\n`, { mode: 0o600 });
    await rotate({ newKeyFile: file });
    expect(readFileSync(keyFile(), 'utf8').startsWith(`${keyText(9)},`)).toBe(true);
    expect(await readAll()).toEqual(all);
    await expect(rotate({ newKeyFile: file })).rejects.toThrow(/is given twice/);
    writeFileSync(file, `${keyText(8)},${keyText(7)}`);
    await expect(rotate({ newKeyFile: file })).rejects.toThrow(/more than one key/);
    await expect(rotate({ newKeyFile: file, dropOld: true })).rejects.toThrow(/contradict/);
    expect((await findKeyring(keySource())).keys.size).toBe(2);
  });

  test('with keys of the environment uses the one that the admin put first', async () => {
    value = keyText(1);
    await fill();
    expect((await rotate()).text).toContain('There is only one key');
    value = `${keyText(2)},${keyText(1)}`;
    const { text } = await rotate();
    expect(text).toContain('3 secrets were encrypted under key');
    expect(text).toContain('Restart every running service');
    expect(text).not.toMatch(new RegExp(`${keyText(1)}|${keyText(2)}`));
    value = keyText(2);
    expect(await readAll()).toEqual(all);
    expect(existsSync(keyFile())).toBe(false);
    await expect(rotate({ dropOld: true })).rejects.toThrow(/change them there/);
    value = keyText(3);
    await expect(rotate()).rejects.toThrow(/made with another key/);
  });

  test('a service that runs meanwhile reads the new key by itself', async () => {
    await fill();
    await withStore(async (store) => {
      const reloadKeyring = () => findKeyring(keySource());
      const { vault, said } = await openVaultOver(store, { keyring: await reloadKeyring(), reloadKeyring });
      await rotate();
      expect((await vault.values(bob, 'jira')).get('TOKEN')).toBe(`${canary}-bob`);
      await vault.set(bob, 'github', new Map([['TOKEN', 'after']]));
      expect(said.join()).toContain('keys were read again');
      await vault.close();
    });
    expect(await keyIds()).toEqual([(await findKeyring(keySource())).active.id]);
  });
});

test('no value is readable in any file of the data folder', async () => {
  await fill();
  await rotate();
  const files = readdirSync(dataDir).map((name) => readFileSync(join(dataDir, name)));
  expect(files.some((content) => content.includes('alice'))).toBe(true);
  expect(files.some((content) => content.includes(canary))).toBe(false);
});
