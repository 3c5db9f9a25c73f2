import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { Decrypter, Encrypter } from 'age-encryption';
import { fixture, repositoryFolder, runCommand, temporaryFolder, test } from '../e2e/harness.ts';

const folder = join(repositoryFolder, 'deploy/backup');
const PASSPHRASE = 'q7TzX2mVb9LkW4sRh6Ny';

/** A machine with the paths that the files name, and what runs a line of them there. */
async function makeMachine() {
  const root = temporaryFolder();
  for (const name of ['bin', 'etc', 'data', 'backups']) mkdirSync(join(root, name));
  const env = { MCPO_DATA_DIR: join(root, 'data'), MCPO_BACKUP_PASSPHRASE: PASSPHRASE };
  await runCommand(['key', 'create', '--id', 'one'], { env });
  const servers = { mcpServers: { answers: fixture('answers.js') } };
  writeFileSync(join(root, 'etc/servers.json'), JSON.stringify(servers));
  writeFileSync(join(root, 'etc/backup-passphrase'), PASSPHRASE, { mode: 0o600 });
  const program = join(root, 'bin/mcpo-ts');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${join(repositoryFolder, 'dist/cli.js')}' "$@"\n`);
  chmodSync(program, 0o755);
  const here = (text: string) =>
    text
      .replaceAll('/var/backups/mcpo-ts', join(root, 'backups'))
      .replaceAll('/var/lib/mcpo-ts', join(root, 'data'))
      .replaceAll('/etc/mcpo-ts', join(root, 'etc'));
  const run = (line: string) =>
    execFileSync('/bin/sh', ['-c', here(line)], {
      encoding: 'utf8',
      env: {
        PATH: `${join(root, 'bin')}:${process.env.PATH}`,
        HOME: root,
        MCPO_DATA_DIR: env.MCPO_DATA_DIR,
        MCPO_BACKUP_PASSPHRASE_FILE: join(root, 'etc/backup-passphrase'),
      },
    });
  return { root, env, run, backups: () => readdirSync(join(root, 'backups')) };
}

const linesOf = (name: string) => readFileSync(join(folder, name), 'utf8').split('\n');

test('systemd accepts the service and its timer, and what the service starts makes a backup', async () => {
  const units = ['mcpo-ts-backup.service', 'mcpo-ts-backup.timer'].map((name) => join(folder, name));
  execFileSync('systemd-analyze', ['verify', ...units], { stdio: 'pipe' });
  const [calendar = ''] = linesOf('mcpo-ts-backup.timer').flatMap((line) => line.match(/^OnCalendar=(.*)/)?.[1] ?? []);
  execFileSync('systemd-analyze', ['calendar', calendar], { stdio: 'pipe' });
  const [start = ''] = linesOf('mcpo-ts-backup.service').flatMap((line) => line.match(/^ExecStart=(.*)/)?.[1] ?? []);
  const { run, backups } = await makeMachine();
  expect(run(start)).toMatch(/and 1 file, \d+ bytes encrypted, written to .*mcpo-ts-\S+Z\.age\.\n$/);
  expect(backups()).toHaveLength(1);
}, 60_000);

test('cron accepts the crontab, whose lines back up and verify, and mail failures only', async () => {
  execFileSync('crontab', ['-n', join(folder, 'crontab')], { stdio: 'pipe' });
  const lines = linesOf('crontab').filter((line) => /^\d/.test(line));
  const [backup = '', verify = ''] = lines.map((line) => line.replace(/^(\S+ +){5}/, ''));
  const { root, run, backups } = await makeMachine();
  expect([run(backup), backups().length]).toEqual(['', 1]);
  expect(run(verify)).toBe('');
  writeFileSync(join(root, 'backups', backups()[0] ?? ''), 'damaged');
  expect(run(verify)).toMatch(/^NOT OK: .*not a file of age/);
}, 60_000);

test('age opens a backup, and what age has encrypted can be verified and restored', async () => {
  const { root, env } = await makeMachine();
  const { MCPO_BACKUP_PASSPHRASE: _, ...withoutPassphrase } = env;
  const identity = join(root, 'identity.txt');
  execFileSync('age-keygen', ['-o', identity], { stdio: 'pipe' });
  const recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
  const file = join(root, 'one.age');
  const made = await runCommand(['backup', file, '--recipient', recipient], { env: withoutPassphrase });
  expect([made.code, made.stderr]).toEqual([0, expect.stringContaining('Not in it')]);
  const text = execFileSync('age', ['-d', '-i', identity, file], { encoding: 'utf8' });
  const records = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string });
  expect([records[0]?.kind, records.at(-1)?.kind]).toEqual(['header', 'end']);

  const again = join(root, 'again.age');
  execFileSync('age', ['-r', recipient, '-o', again], { input: text });
  const elsewhere = { ...withoutPassphrase, MCPO_DATA_DIR: join(root, 'elsewhere') };
  const restored = await runCommand(['restore', again, '--identity', identity], { env: elsewhere });
  expect([restored.code, restored.stdout]).toEqual([0, expect.stringMatching(/rows? of .* restored/)]);
  expect((await runCommand(['key', 'list'], { env: elsewhere })).stdout).toMatch(/^one /m);
}, 60_000);

test('a passphrase is that of age: what one side encrypts, the other opens', async () => {
  // `age` asks for a passphrase on a terminal only, so its own library, by the same author, stands for it here.
  const { root, env } = await makeMachine();
  const file = join(root, 'one.age');
  expect((await runCommand(['backup', file], { env })).code).toBe(0);
  const decrypter = new Decrypter();
  decrypter.addPassphrase(PASSPHRASE);
  const plain = await decrypter.decrypt(readFileSync(file));
  const encrypter = new Encrypter();
  encrypter.setPassphrase(PASSPHRASE);
  encrypter.setScryptWorkFactor(10);
  writeFileSync(join(root, 'again.age'), await encrypter.encrypt(plain));
  expect((await runCommand(['backup', 'verify', join(root, 'again.age')], { env })).stdout).toMatch(/^OK/);
}, 60_000);
