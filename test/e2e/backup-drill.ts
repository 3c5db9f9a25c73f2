import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { fixture, runCommand, type Service, startService, temporaryFolder, waitFor } from './harness.ts';

const KEY = 'k-4f81c2d96b7e03a5';
export const VAULT_KEY = Buffer.alloc(32, 9).toString('base64');
const servers = {
  jira: fixture('whoami.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Jira token' } } }),
};

type Env = Readonly<Record<string, string>>;

/** A machine that can be lost: the service's data folder and its audit log, and a place for backups that stays. */
export interface Machine {
  readonly folder: string;
  readonly backups: string;
  /** With what opens the backups. */
  readonly identity: string;
  /** Whom they are encrypted for. */
  readonly recipient: string;
  start(more?: Env): Promise<Service>;
  run(args: readonly string[], more?: Env): ReturnType<typeof runCommand>;
  /** Everything but the backups is gone. */
  lose(): void;
}

export async function makeMachine(env: Env = {}): Promise<Machine> {
  const root = temporaryFolder();
  const [folder, backups] = [join(root, 'machine'), join(root, 'backups')];
  for (const one of [folder, backups]) mkdirSync(one);
  const identity = await generateX25519Identity();
  const identityFile = join(backups, 'identity.txt');
  writeFileSync(identityFile, `# kept elsewhere\n${identity}\n`);
  const recipient = await identityToRecipient(identity);
  const all = {
    MCPO_API_KEY: KEY,
    MCPO_TRUST_USER_HEADERS: 'true',
    MCPO_DATA_DIR: join(folder, 'data'),
    SECURITY_LOG_FILE: join(folder, 'audit.log'),
    MCPO_BACKUP_RECIPIENT: recipient,
    ...env,
  };
  return {
    folder,
    backups,
    identity: identityFile,
    recipient,
    start: (more = {}) => startService({ servers, env: { ...all, ...more } }),
    run: (args, more = {}) => runCommand(args, { env: { ...all, ...more } }, 60_000),
    lose: () => {
      rmSync(folder, { recursive: true });
      mkdirSync(folder);
    },
  };
}

export const as = (user: string) => ({ authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': user });

export async function save(service: Service, user: string, value: string): Promise<void> {
  const answer = await service.request('PUT', '/vault/api/servers/jira/variables/TOKEN', {
    headers: { ...as(user), 'content-type': 'application/json' },
    body: JSON.stringify({ value }),
  });
  expect([answer.status, answer.text]).toEqual([204, '']);
}

export async function tokenOf(service: Service, headers: Readonly<Record<string, string>>): Promise<unknown> {
  const answer = await service.call('jira', 'whoami', {}, headers);
  return answer.status === 200 ? (answer.json() as { token: string }).token : answer.status;
}

/**
 * The drill: a service in use is backed up and lost; `restored`, a machine with another database perhaps, gets the backup
 * and serves the same users, with the old audit log going on.
 */
export async function drill(machine: Machine, restored: Env = {}): Promise<void> {
  const service = await machine.start();
  await save(service, 'ann', 'token of ann');
  await save(service, 'bob', 'token of bob');
  const made = await machine.run(['key', 'create', '--id', 'of-ann', '--user', 'ann', '--scope', 'call']);
  const annsKey = { authorization: `Bearer ${made.stdout.trim()}` };
  await waitFor(async () => (await tokenOf(service, annsKey)) === 'token of ann', 5_000, "Ann's own key to be known");

  // Calls before, during and after the backup, which stops none of them.
  const answers: unknown[] = [];
  let isOver = false;
  const calls = (async () => {
    while (!isOver) answers.push(await tokenOf(service, as('bob')));
  })();
  const file = join(machine.backups, 'one.age');
  const backup = await machine.run(['backup', file, '--with-audit-log']);
  isOver = true;
  await calls;
  expect([backup.code, backup.stderr]).toEqual([0, 'Not in it: the servers file (--config FILE).\n']);
  expect(answers.length).toBeGreaterThan(3);
  expect(new Set(answers)).toEqual(new Set(['token of bob']));
  const listed = (await machine.run(['vault', 'list', '--json'])).stdout;
  await save(service, 'ann', 'later than the backup');

  service.kill('SIGKILL');
  await service.exited;
  machine.lose();
  const run = (...args: string[]) => machine.run(args, restored);
  const opened = ['--identity', machine.identity];
  expect((await run('backup', 'verify', file, ...opened)).stdout).toMatch(/^OK: /);
  const files = join(machine.folder, 'files');
  expect((await run('restore', file, '--extract', files, ...opened)).code).toBe(0);
  for (const name of ['audit.log', 'audit.log.head']) {
    renameSync(join(files, 'audit-log', name), join(machine.folder, name));
  }
  const restore = await run('restore', file, ...opened);
  expect([restore.code, restore.stdout]).toEqual([0, expect.stringMatching(/^\d+ rows of .* restored\.\n$/)]);

  // What was last used may have been noted after the backup.
  const withoutUse = (json: string) => json.replaceAll(/"lastUsedAt": "[^"]*",?/g, '');
  expect(withoutUse((await run('vault', 'list', '--json')).stdout)).toBe(withoutUse(listed));
  const audit = join(machine.folder, 'audit.log');
  const before = await run('audit', 'verify', audit);
  expect([before.code, before.stdout]).toEqual([0, expect.stringMatching(/^OK: \d+ entries/m)]);

  const again = await machine.start(restored);
  expect(await tokenOf(again, as('ann'))).toBe('token of ann');
  expect(await tokenOf(again, annsKey)).toBe('token of ann');
  expect(await tokenOf(again, as('bob'))).toBe('token of bob');
  await save(again, 'ann', 'new on the new machine');
  expect(await tokenOf(again, as('ann'))).toBe('new on the new machine');
  await again.stop();
  // With the anchor in the database, which goes on from the restored one.
  const after = await run('audit', 'verify', audit);
  expect([after.code, after.stdout]).toEqual([0, expect.not.stringContaining('no record')]);
  expect(entriesOf(after.stdout)).toBeGreaterThan(entriesOf(before.stdout));
}

function entriesOf(text: string): number {
  return Number(/OK: (\d+) entries/.exec(text)?.[1]);
}
