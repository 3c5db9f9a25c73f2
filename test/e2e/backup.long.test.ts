import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { Decrypter, Encrypter, generateX25519Identity } from 'age-encryption';
import Database from 'libsql';
import { as, drill, type Machine, makeMachine, save, tokenOf, VAULT_KEY } from './backup-drill.ts';
import { fixture, repositoryFolder, test, waitFor } from './harness.ts';

const modeOf = (file: string) => statSync(file).mode & 0o777;
const openerOf = (machine: Machine) => ['--identity', machine.identity];

/** A machine whose service has stopped after Ann and Bob have set values, and its backup. */
async function madeBackup(env: Readonly<Record<string, string>> = {}, ...flags: string[]) {
  const machine = await makeMachine(env);
  const service = await machine.start();
  await save(service, 'ann', 'token of ann');
  await save(service, 'bob', 'token of bob');
  await service.stop();
  const file = join(machine.backups, 'one.age');
  const { code, stderr } = await machine.run(['backup', file, ...flags]);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return { machine, file, opener: openerOf(machine) };
}

/** The records of a backup, changed and encrypted again, as someone does who knows the public key. */
async function rewrite(machine: Machine, file: string, change: (lines: string[]) => string[]): Promise<string> {
  const identity = readFileSync(machine.identity, 'utf8').split('\n')[1] ?? '';
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const text = await decrypter.decrypt(readFileSync(file), 'text');
  const encrypter = new Encrypter();
  encrypter.addRecipient(machine.recipient);
  const changed = join(machine.backups, 'changed.age');
  writeFileSync(changed, await encrypter.encrypt(change(text.trimEnd().split('\n')).join('\n').concat('\n')));
  return changed;
}

/** With a new end, which counts and hashes what is there. */
function withEnd(lines: string[]): string[] {
  const { createHash } = process.getBuiltinModule('node:crypto');
  const kept = lines.slice(0, -1);
  const end = JSON.parse(lines.at(-1) ?? '') as { rows: Record<string, number>; sha256: string; files: number };
  const rows: Record<string, number> = {};
  let files = 0;
  for (const line of kept) {
    const { kind, table } = JSON.parse(line) as { kind: string; table?: string };
    if (kind === 'file') files += 1;
    if (kind === 'row' && table !== undefined) rows[table] = (rows[table] ?? 0) + 1;
  }
  const sha256 = createHash('sha256')
    .update(kept.map((line) => `${line}\n`).join(''))
    .digest('hex');
  return [...kept, JSON.stringify({ ...end, rows, files, sha256 })];
}

test('drill: the machine is lost; after a restore the same calls work and the old audit log goes on', async () => {
  await drill(await makeMachine());
}, 120_000);

test('drill with keys in variables: they are checked, not written', async () => {
  const audit = Buffer.alloc(32, 4).toString('base64');
  const machine = await makeMachine({ MCPO_VAULT_KEY: VAULT_KEY, MCPO_AUDIT_KEY: audit });
  await drill(machine);
  const names = readdirSync(join(machine.folder, 'data'));
  expect(names.filter((name) => name.endsWith('.key'))).toEqual([]);
}, 120_000);

describe('a backup', () => {
  test('is complete, of mode 0600, unreadable without its key, and recorded', async () => {
    const { machine, file, opener } = await madeBackup();
    expect(modeOf(file)).toBe(0o600);
    const bytes = readFileSync(file);
    for (const text of ['ann', 'token of', 'jira']) expect(bytes.includes(text)).toBe(false);
    const verified = await machine.run(['backup', 'verify', file, ...opener]);
    expect(verified.stdout).toMatch(/rows +vault_keys 1, secrets 2, .*\n +keys +vault \([0-9a-f]{16}\), audit log\n/);
    expect(verified.stdout).toMatch(/values +2 of 2 can be decrypted/);
    expect(verified.stdout).not.toMatch(/token of|AGE-SECRET/);
    const database = new Database(join(machine.folder, 'data/mcpo-ts.db'));
    expect(database.prepare('select file, bytes from last_backup').all()).toEqual([{ file, bytes: bytes.length }]);
    database.close();
    expect(readdirSync(machine.backups).toSorted()).toEqual(['identity.txt', 'one.age']);
    expect(readdirSync(join(machine.folder, 'data')).filter((name) => name.startsWith('restore-'))).toEqual([]);
  });

  test('replaces no file without --force, and one that fails half-way leaves the one before', async () => {
    const { machine, file } = await madeBackup();
    const before = readFileSync(file);
    const refused = await machine.run(['backup', file]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--force')]);
    // The head of the log is a folder: what is read last fails.
    const log = join(machine.folder, 'unreadable.log');
    mkdirSync(log);
    const failed = await machine.run(['backup', file, '--force', '--with-audit-log'], { SECURITY_LOG_FILE: log });
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('cannot be read')]);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(machine.backups).toSorted()).toEqual(['identity.txt', 'one.age']);
    expect((await machine.run(['backup', file, '--force'])).code).toBe(0);
    expect(readFileSync(file).equals(before)).toBe(false);
    const target = join(machine.folder, 'target');
    writeFileSync(target, 'mine');
    const link = join(machine.backups, 'link.age');
    symlinkSync(target, link);
    expect((await machine.run(['backup', link])).code).toBe(2);
    expect((await machine.run(['backup', link, '--force'])).code).toBe(0);
    expect(readFileSync(target, 'utf8')).toBe('mine');
  });

  test('that is ended or killed half-way leaves the one before', async () => {
    const { machine, file } = await madeBackup();
    const before = readFileSync(file);
    // Nobody writes to the pipe: the backup waits for its last file, with all rows written.
    execFileSync('mkfifo', [join(machine.folder, 'pipe.log')]);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const running = spawn(
        process.execPath,
        [join(repositoryFolder, 'dist/cli.js'), 'backup', file, '--force', '--with-audit-log'],
        {
          env: {
            PATH: process.env.PATH,
            MCPO_DATA_DIR: join(machine.folder, 'data'),
            SECURITY_LOG_FILE: join(machine.folder, 'pipe.log'),
            MCPO_BACKUP_RECIPIENT: machine.recipient,
          },
          stdio: 'ignore',
        },
      );
      const halves = () => readdirSync(machine.backups).filter((name) => name.endsWith('.tmp'));
      await waitFor(() => halves().length > 0, 10_000, 'half of a backup');
      running.kill(signal);
      await new Promise((resolve) => running.on('exit', resolve));
      // What is killed outright cannot tidy up.
      expect(halves()).toHaveLength(signal === 'SIGTERM' ? 0 : 1);
      expect(readFileSync(file).equals(before)).toBe(true);
    }
  });

  test('on a full disk says that there is no space, and leaves the earlier file', async () => {
    const { machine } = await madeBackup();
    const cli = join(repositoryFolder, 'dist/cli.js');
    const env = {
      PATH: process.env.PATH,
      MCPO_DATA_DIR: join(machine.folder, 'data'),
      MCPO_BACKUP_RECIPIENT: machine.recipient,
    };
    const shell = spawn('sh', ['-c', `'${process.execPath}' '${cli}' backup - >/dev/full`], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    shell.stderr.on('data', (chunk) => {
      said += String(chunk);
    });
    const code = await new Promise((resolve) => shell.on('close', resolve));
    expect([code, said]).toEqual([1, expect.stringContaining('ENOSPC')]);
  });

  test('of a folder has a name of its own; only its own kind is removed, and never the newest', async () => {
    const { machine } = await madeBackup();
    const folder = join(machine.backups, 'daily');
    mkdirSync(folder);
    const old = ['2020-01-01T00-00-00Z', '2020-01-02T00-00-00Z', '2020-01-03T00-00-00Z'];
    for (const time of old) writeFileSync(join(folder, `mcpo-ts-${time}.age`), 'old');
    const others = ['mcpo-ts-2020-01-01.age', 'notes.txt', 'mcpo-ts-2019-01-01T00-00-00Z.age.bak'];
    for (const name of others) writeFileSync(join(folder, name), 'mine');
    mkdirSync(join(folder, 'mcpo-ts-2018-01-01T00-00-00Z.age'));
    const leftover = join(folder, 'mcpo-ts-2020-01-04T00-00-00Z.age.0123456789abcdef.tmp');
    writeFileSync(leftover, 'half');
    utimesSync(leftover, 1, 1);
    expect((await machine.run(['backup', folder, '--keep', '2'])).stderr).toContain('2 older backups were removed');
    const left = readdirSync(folder);
    expect(left).toEqual(expect.arrayContaining([...others, 'mcpo-ts-2020-01-03T00-00-00Z.age']));
    expect(left).toHaveLength(6);
    const keptNone = await machine.run(['backup', folder, '--keep', '0']);
    expect([keptNone.code, keptNone.stderr]).toEqual([2, expect.stringContaining('--keep is a number')]);
    expect((await machine.run(['backup', join(folder, 'file.age'), '--keep', '2'])).code).toBe(2);
    expect((await machine.run(['backup', folder, '--keep', '30d'])).code).toBe(0);
    expect(readdirSync(folder)).not.toContain('mcpo-ts-2020-01-03T00-00-00Z.age');
  });

  test('asks for a strong passphrase, or one way to encrypt', async () => {
    const { machine } = await madeBackup();
    const refuse = async (more: Readonly<Record<string, string>>, message: string, ...flags: string[]) => {
      const { code, stderr } = await machine.run(['backup', join(machine.backups, 'x.age'), ...flags], more);
      expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    };
    await refuse({ MCPO_BACKUP_RECIPIENT: '' }, 'always encrypted');
    await refuse({ MCPO_BACKUP_PASSPHRASE: 'q7TzX2mVb9LkW4sRh6Ny' }, 'not both');
    await refuse({ MCPO_BACKUP_RECIPIENT: '', MCPO_BACKUP_PASSPHRASE: 'short' }, 'fewer than 16 characters');
    await refuse({}, 'not a public key of age', '--recipient', 'age1nonsense');
    await refuse({ MCPO_DATA_DIR: join(machine.folder, 'misspelt') }, 'is MCPO_DATA_DIR right?');
    expect(existsSync(join(machine.folder, 'misspelt'))).toBe(false);
  });

  test('without keys needs them elsewhere; with a wrong key there is no backup', async () => {
    const { machine, file, opener } = await madeBackup({ MCPO_VAULT_KEY: VAULT_KEY }, '--without-keys');
    expect((await machine.run(['backup', 'verify', file, ...opener])).stdout).toMatch(/keys +none\n.*2, not checked/);
    const other = { MCPO_VAULT_KEY: Buffer.alloc(32, 1).toString('base64') };
    const wrong = await machine.run(['backup', join(machine.backups, 'wrong.age')], other);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('made with another key')]);
    machine.lose();
    const refused = await machine.run(['restore', file, ...opener], other);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('does not have the keys')]);
    expect((await machine.run(['restore', file, ...opener])).code).toBe(0);
    const service = await machine.start();
    expect(await tokenOf(service, as('ann'))).toBe('token of ann');
  });

  test('has the servers file, what it names, and the rotated audit log; extracted they lead out of no folder', async () => {
    const { machine } = await madeBackup();
    const config = join(machine.folder, 'servers.json');
    writeFileSync(join(machine.folder, 'jira.env'), 'SECRET_OF_ENV=1\n');
    writeFileSync(config, JSON.stringify({ mcpServers: { a: { ...fixture('answers.js'), envFile: 'jira.env' } } }));
    writeFileSync(join(machine.folder, 'audit.log.2026-01-01'), 'old lines\n');
    const file = join(machine.backups, 'all.age');
    const flags = ['--config', config, '--with-audit-log'];
    expect((await machine.run(['backup', file, ...flags])).stderr).toBe('');
    const folder = join(machine.backups, 'files');
    const extract = (from: string) => machine.run(['restore', from, '--extract', folder, ...openerOf(machine)]);
    const { stdout } = await extract(file);
    expect(stdout).toContain(`${folder}/config/servers.json  (was ${config})`);
    expect(modeOf(folder)).toBe(0o700);
    expect(readFileSync(join(folder, 'config/servers.json'), 'utf8')).toBe(readFileSync(config, 'utf8'));
    expect(readFileSync(join(folder, 'config/jira.env'), 'utf8')).toContain('SECRET_OF_ENV');
    expect(readFileSync(join(folder, 'audit-log/audit.log.2026-01-01'), 'utf8')).toBe('old lines\n');
    expect(modeOf(join(folder, 'vault.key'))).toBe(0o600);
    expect((await extract(file)).code).toBe(2);
    rmSync(folder, { recursive: true });
    for (const name of ['../evil', '..', '/etc/evil', 'a/b', 'a\\u0000']) {
      const hostile = await rewrite(machine, file, (lines) =>
        withEnd(lines.map((line) => line.replace('"name":"servers.json"', `"name":"${name}"`))),
      );
      const refused = await extract(hostile);
      expect([name, refused.code, refused.stderr]).toEqual([name, 1, expect.stringContaining('not a whole backup')]);
      expect([existsSync(folder), existsSync(join(machine.backups, 'evil'))]).toEqual([false, false]);
    }
  });
});

describe('a restore', () => {
  test('refuses a database with content; --replace asks, keeps a copy, and brings back what was', async () => {
    const { machine, file, opener } = await madeBackup();
    const service = await machine.start();
    await save(service, 'ann', 'newer');
    await service.stop();
    const restore = (...flags: string[]) => machine.run(['restore', file, ...opener, ...flags]);
    const refused = await restore();
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('not empty (2 of secrets')]);
    expect((await restore('--replace')).stderr).toContain('add --yes');
    const replaced = await restore('--replace', '--yes');
    expect(replaced.code).toBe(0);
    const copy = /in (\S+before-restore-\S+\.age)\./.exec(replaced.stderr)?.[1] ?? '';
    const back = await machine.start();
    expect(await tokenOf(back, as('ann'))).toBe('token of ann');
    await back.stop();
    expect((await machine.run(['restore', copy, ...opener, '--replace', '--yes'])).code).toBe(0);
    const again = await machine.start();
    expect(await tokenOf(again, as('ann'))).toBe('newer');
  }, 60_000);

  test('does not bring back who was erased meanwhile, in any restore after it', async () => {
    const { machine, file, opener } = await madeBackup();
    await machine.run(['key', 'create', '--id', 'of-ann', '--user', 'ann', '--scope', 'call']);
    const second = join(machine.backups, 'two.age');
    expect((await machine.run(['backup', second])).code).toBe(0);
    expect((await machine.run(['vault', 'erase-user', 'ann', '--yes'])).code).toBe(0);
    for (const from of [second, file, second]) {
      const restored = await machine.run(['restore', from, ...opener, '--replace', '--yes']);
      expect(restored.stderr).toMatch(/1 user erased since .* was not brought back/);
      expect((await machine.run(['vault', 'list'])).stdout).not.toContain('ann');
      expect((await machine.run(['vault', 'list'])).stdout).toContain('bob');
      expect((await machine.run(['key', 'list'])).stdout).not.toContain('ann');
    }
  }, 60_000);

  test('takes a key from a fresh start aside, and refuses where a log was begun under another', async () => {
    const { machine, file, opener } = await madeBackup();
    machine.lose();
    const service = await machine.start();
    await tokenOf(service, as('ann'));
    await service.stop();
    const refused = await machine.run(['restore', file, ...opener]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('under another key')]);
    const elsewhere = { MCPO_DATA_DIR: join(machine.folder, 'fresh'), SECURITY_LOG_FILE: '' };
    const fresh = await machine.start(elsewhere);
    await save(fresh, 'eve', 'value');
    await fresh.request('DELETE', '/vault/api/me', { headers: as('eve') });
    await fresh.stop();
    const restored = await machine.run(['restore', file, ...opener], elsewhere);
    expect([restored.code, restored.stderr]).toEqual([0, expect.stringContaining('vault.key was another key')]);
    expect(readdirSync(elsewhere.MCPO_DATA_DIR).filter((name) => name.startsWith('vault.key'))).toHaveLength(2);
    const again = await machine.start(elsewhere);
    expect(await tokenOf(again, as('bob'))).toBe('token of bob');
  }, 60_000);

  test('of a backup of older tables runs the migrations; a newer one is refused', async () => {
    const { machine, file, opener } = await madeBackup();
    const newer = await rewrite(machine, file, (lines) =>
      withEnd(lines.map((line) => line.replace(/("migrations":\[.*?)\]/, '$1,"9999-later"]'))),
    );
    machine.lose();
    const refused = await machine.run(['restore', newer, ...opener]);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/this version does not know; restore it/),
    ]);
    const older = await rewrite(machine, file, (lines) =>
      withEnd(
        lines
          .map((line) => line.replace(/("migrations":\[.*?"0007-page-session-facts").*?\]/, '$1]'))
          .filter((line) => !/"table":"(user_profiles|identity_links|verified_emails)"/.test(line)),
      ),
    );
    expect((await machine.run(['restore', older, ...opener])).code).toBe(0);
    const service = await machine.start();
    expect(await tokenOf(service, as('ann'))).toBe('token of ann');
  }, 60_000);

  test('that is killed has changed nothing, and can be run again', async () => {
    const { machine, file, opener } = await madeBackup();
    machine.lose();
    for (const delay of [150, 300, 450]) {
      const killed = spawn(process.execPath, [join(repositoryFolder, 'dist/cli.js'), 'restore', file, ...opener], {
        env: { PATH: process.env.PATH, MCPO_DATA_DIR: join(machine.folder, 'data') },
        stdio: 'ignore',
      });
      setTimeout(() => killed.kill('SIGKILL'), delay);
      await new Promise((resolve) => killed.on('exit', resolve));
    }
    const last = await machine.run(['restore', file, ...opener]);
    // One of them may have been done before it was killed.
    expect([last.code, last.stderr]).toEqual([last.code === 0 ? 0 : 2, expect.stringMatching(/log in|not empty/)]);
    const service = await machine.start();
    expect(await tokenOf(service, as('ann'))).toBe('token of ann');
  }, 60_000);
});

describe('a hostile or damaged file', () => {
  test('is refused with one sentence by verify and restore, and changes nothing', async () => {
    const { machine, file, opener } = await madeBackup();
    machine.lose();
    const bytes = readFileSync(file);
    const bad = join(machine.backups, 'bad.age');
    const refuse = async (content: Buffer | string, message: RegExp, ...flags: string[]) => {
      writeFileSync(bad, content);
      const used = flags.length > 0 ? flags : opener;
      const verified = await machine.run(['backup', 'verify', bad, ...used]);
      expect([verified.code, verified.stdout]).toEqual([1, expect.stringMatching(message)]);
      expect(verified.stdout.trimEnd().split('\n')).toHaveLength(1);
      const restored = await machine.run(['restore', bad, ...used]);
      expect([restored.code, restored.stderr]).toEqual([1, expect.stringMatching(message)]);
      expect(restored.stderr).not.toMatch(/ at .*\.js/);
      expect(existsSync(join(machine.folder, 'data/vault.key'))).toBe(false);
    };
    const flip = (at: number) => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    };
    await refuse('', /not a file of age/);
    await refuse(bytes.subarray(0, bytes.length - 1), /cut off or altered/);
    await refuse(bytes.subarray(0, bytes.indexOf('\n--- ') + 60), /cut off or altered|beginning was altered/);
    await refuse(flip(bytes.length - 20), /cut off or altered/);
    await refuse(flip(40), /cannot be opened/);
    await refuse(Buffer.concat([bytes, Buffer.from('more')]), /cut off or altered/);
    const stranger = join(machine.backups, 'stranger.txt');
    writeFileSync(stranger, await generateX25519Identity());
    await refuse(bytes, /not the one that it was made for/, '--identity', stranger);
    await refuse(`age-encryption.org/v1\n-> ${'x'.repeat(200_000)}`, /not a file of age/);
  }, 90_000);

  test('whose rows were changed by someone who knows the public key is refused', async () => {
    const { machine, file, opener } = await madeBackup();
    machine.lose();
    const refuse = async (change: (lines: string[]) => string[], message: RegExp) => {
      const changed = await rewrite(machine, file, change);
      const { code, stderr } = await machine.run(['restore', changed, ...opener]);
      expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
    };
    const each = (from: RegExp | string, to: string) => (lines: string[]) =>
      withEnd(lines.map((line) => line.replace(from, to)));
    await refuse((lines) => lines.slice(0, -1), /has no end/);
    await refuse((lines) => lines.filter((line) => !line.includes('"subject":"bob"')), /not what its end counts/);
    await refuse((lines) => [...lines, lines[1] ?? ''], /something follows its end/);
    await refuse((lines) => withEnd(lines.slice(1)), /header/);
    await refuse(each('"subject":"bob"', '"subject":"eve"'), /do not decrypt/);
    await refuse(each('"version":1,', '"version":2,'), /do not decrypt|does not fit/);
    await refuse(each('"table":"secrets"', '"table":"page_sessions"'), /not a record/);
    await refuse(each('"table":"secrets"', '"table":"sqlite_master"'), /not a record/);
    await refuse(each('"subject":"bob"', '"subject":"bob","evil":"x"'), /does not fit/);
    await refuse(each('"subject":"bob"', '"subject":7'), /does not fit/);
    await refuse(each('"subject":"bob"', '"subject":"a\\u0000b"'), /does not fit/);
    await refuse(each('"subject":"bob"', '"subject":"ann"'), /does not fit/);
    await refuse(each('"version":"0', '"version":"\\u001b[2J0'), /not a record/);
    await refuse(each('"formatVersion":1', '"formatVersion":2'), /does not know/);
    await refuse(each(/"text":"[^"]*"/, '"text":"nonsense"'), /in the place of the vault's keys/);
  }, 120_000);
});

test('a locked database is waited for, and the command says so', async () => {
  const { machine } = await madeBackup();
  const database = new Database(join(machine.folder, 'data/mcpo-ts.db'));
  database.exec("pragma locking_mode = exclusive; begin exclusive; insert into revisions values ('x', 1); commit");
  const running = machine.run(['backup', join(machine.backups, 'two.age')]);
  setTimeout(() => database.close(), 7_000);
  const { code, stderr } = await running;
  expect([code, stderr]).toEqual([0, expect.stringContaining('waiting up to a minute')]);
}, 90_000);

test('a backup holds up no writer, and is of one moment', async () => {
  const { machine, file, opener } = await madeBackup();
  const database = new Database(join(machine.folder, 'data/mcpo-ts.db'));
  // Longer than a single write takes, far shorter than the backup.
  database.pragma('busy_timeout = 500');
  const insert = database.prepare(
    "insert into tool_uses (issuer, subject, server, tool, last_used_at, calls) values ('i', ?, 's', 't', 1, 1)",
  );
  database.transaction(() => {
    for (let index = 0; index < 60_000; index += 1) insert.run(`user ${index}`);
  })();
  const pair = database.transaction((index: number) => {
    insert.run(`first of ${index}`);
    insert.run(`second of ${index}`);
  });
  let isOver = false;
  const running = machine.run(['backup', file, '--force']).finally(() => {
    isOver = true;
  });
  let written = 0;
  while (!isOver) {
    // Throws SQLITE_BUSY where the backup holds it up.
    written += 1;
    pair.immediate(written);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect((await running).code).toBe(0);
  database.close();
  expect(written).toBeGreaterThan(10);
  const { stdout } = await machine.run(['backup', 'verify', file, ...opener]);
  const uses = Number(/tool_uses (\d+)/.exec(stdout)?.[1]);
  expect(uses).toBeGreaterThanOrEqual(60_000);
  expect(uses % 2).toBe(0);
}, 90_000);

test('what others may read is refused as a key, and no half of a backup is left', async () => {
  const { machine } = await madeBackup();
  appendFileSync(join(machine.folder, 'data/vault.key'), '\n');
  chmodSync(join(machine.folder, 'data/vault.key'), 0o644);
  const { code, stderr } = await machine.run(['backup', join(machine.backups, 'two.age')]);
  expect([code, stderr]).toEqual([2, expect.stringContaining('chmod 600')]);
  expect(readdirSync(machine.backups).toSorted()).toEqual(['identity.txt', 'one.age']);
});
