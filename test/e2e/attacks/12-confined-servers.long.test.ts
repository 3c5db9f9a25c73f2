import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeIf, isRoot, sandboxObstacle } from '../confinement.ts';
import {
  fixture,
  fixtureFile,
  repositoryFolder,
  runCommand,
  type Service,
  startService,
  temporaryFolder,
  waitFor,
} from '../harness.ts';

const KEY = 'canary-api-key-5c1e77d0';
const authorization = { authorization: `Bearer ${KEY}` };
const rootObstacle = isRoot ? undefined : 'needs root';
const CANARY = 'canary-of-the-service';

/** A folder with the service's own files in it, open to everybody but for the data folder. */
function serviceFolder(): string {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'data'), { mode: 0o700 });
  mkdirSync(join(folder, 'shared'), { mode: 0o777 });
  writeFileSync(join(folder, 'data/vault.key'), CANARY);
  writeFileSync(join(folder, 'key.txt'), KEY);
  return folder;
}

function environment(folder: string): Record<string, string> {
  return {
    MCPO_API_KEY_FILE: join(folder, 'key.txt'),
    MCPO_DATA_DIR: join(folder, 'data'),
    MCPO_HOMES_DIR: join(folder, 'homes'),
  };
}

async function ask(service: Service, server: string, tool: string, body: object = {}): Promise<unknown> {
  return (await service.call(server, tool, body, authorization)).json();
}

describeIf(sandboxObstacle, 'a hostile server in a sandbox', () => {
  const folder = serviceFolder();
  const config = join(folder, 'servers.json');
  let service: Service;
  const boxed = (tool: string, body: object = {}) => ask(service, 'boxed', tool, body);

  beforeAll(async () => {
    const servers = {
      boxed: fixture('hostile.js', [], { sandbox: { network: false, writable: [join(folder, 'shared')] } }),
      online: fixture('hostile.js', [], { sandbox: true, limits: { memoryMb: 300, files: 256 } }),
      other: fixture('env.js', [], { env: { OTHER_TOKEN: `${CANARY}-other` } }),
    };
    writeFileSync(config, JSON.stringify({ mcpServers: servers }));
    service = await startService({ args: ['--config', config], env: environment(folder), cwd: folder });
  });
  afterAll(() => service.stop());

  test('sees no other process, and so no environment and no memory of one', async () => {
    expect(await boxed('read', { path: `/proc/${service.pid}/environ` })).toMatch(/^refused/);
    expect(JSON.stringify(await boxed('environments'))).not.toContain(CANARY);
    expect(JSON.stringify(await boxed('commands'))).not.toMatch(/cli\.js/);
    expect(await boxed('memory', { pid: service.pid })).toMatch(/^refused/);
    expect(await boxed('kill', { pid: service.pid })).toMatch(/^refused/);
  });

  test.each(['data/vault.key', 'servers.json', 'key.txt'])('does not find %s', async (file) => {
    expect(await boxed('read', { path: join(folder, file) })).toMatch(/^refused/);
    expect(await ask(service, 'other', 'environment')).toMatchObject({ env: { OTHER_TOKEN: `${CANARY}-other` } });
  });

  test('does not find a servers file that an editor puts in the place of the old one either', async () => {
    writeFileSync(`${config}.new`, JSON.stringify({ mcpServers: { secret: CANARY } }));
    renameSync(`${config}.new`, config);
    expect(await boxed('read', { path: config })).toMatch(/^refused/);
  });

  test('writes to its home, to /tmp and to what it was given, and nowhere else', async () => {
    const { home } = (await boxed('identity')) as { home: string };
    expect(home).toBe(join(folder, 'homes/servers/boxed'));
    expect(await boxed('write', { path: join(home, 'cache') })).toBe('written');
    expect(await boxed('write', { path: '/tmp/mine' })).toBe('written');
    expect(await boxed('write', { path: join(folder, 'shared/given') })).toBe('written');
    for (const path of ['/usr/bin/mine', '/etc/mine', fixtureFile('hostile.js')]) {
      expect(await boxed('write', { path })).toMatch(/^refused/);
    }
  });

  test('has no network, unless it is given', async () => {
    expect(await boxed('connect', { port: service.port })).toMatch(/^refused/);
    expect(await ask(service, 'online', 'connect', { port: service.port })).toBe('connected');
  });

  test('takes no more memory than its limit; the others go on', async () => {
    const answer = await service.call('online', 'eat', { megabytes: 2_000 }, authorization);
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(await boxed('identity')).toMatchObject({ home: join(folder, 'homes/servers/boxed') });
    await waitFor(async () => (await service.serverStates()).get('online')?.state === 'ready', 20_000, 'the server');
    expect(await ask(service, 'online', 'identity')).toMatchObject({ files: '256' });
  });

  test('what leaves its process group ends with it', async () => {
    await boxed('escape');
    const before = service.children();
    await service.stop();
    for (const { pid } of before) expect(() => process.kill(pid, 0)).toThrow();
  });
});

describeIf(rootObstacle, 'a hostile server under another user', () => {
  const folder = serviceFolder();
  let service: Service;
  const auto = (tool: string, body: object = {}) => ask(service, 'auto', tool, body);

  beforeAll(async () => {
    service = await startService({
      servers: {
        auto: fixture('hostile.js', [], { runAs: 'auto', limits: { processes: 40, cpuSeconds: 60 } }),
        second: fixture('hostile.js', [], { runAs: 'auto' }),
        fixed: fixture('hostile.js', [], { runAs: { uid: 12_345, gid: 12_346 } }),
        off: fixture('env.js', [], { runAs: false, env: { OTHER_TOKEN: CANARY } }),
      },
      env: { ...environment(folder), MCPO_RUN_AS: 'auto' },
    });
  });
  afterAll(() => service.stop());

  test('each has a user and a home of its own, and no groups of root', async () => {
    const first = (await auto('identity')) as { uid: number; home: string };
    const second = (await ask(service, 'second', 'identity')) as { uid: number; home: string };
    expect(first).toMatchObject({ uid: expect.any(Number), home: join(folder, `homes/servers/auto@${first.uid}`) });
    expect(second.uid).not.toBe(first.uid);
    expect(await ask(service, 'fixed', 'identity')).toMatchObject({ uid: 12_345, gid: 12_346 });
    expect(JSON.stringify(await auto('identity'))).not.toMatch(/"groups":\[0/);
    expect(await auto('write', { path: join(second.home, 'mine') })).toMatch(/^refused/);
    expect(await auto('write', { path: join(first.home, 'mine') })).toBe('written');
  });

  test('the data folder, the memory and the environments of the others are closed to it', async () => {
    expect(await auto('read', { path: join(folder, 'data/vault.key') })).toMatch(/^refused/);
    expect(await auto('read', { path: `/proc/${service.pid}/environ` })).toMatch(/^refused/);
    expect(JSON.stringify(await auto('environments'))).not.toContain(CANARY);
    expect(await auto('memory', { pid: service.pid })).toMatch(/^refused/);
    expect(await auto('kill', { pid: service.pid })).toMatch(/^refused/);
  });

  test('starts no more processes than its limit', async () => {
    const outcomes = (await auto('fork', { count: 60 })) as string[];
    expect(outcomes).toContain('refused: EAGAIN');
    expect(await ask(service, 'second', 'identity')).toMatchObject({ uid: expect.any(Number) });
  });

  test('the start says which servers have which protection', () => {
    expect(service.stderr()).toContain('Under another user: auto, second, fixed.');
    expect(service.stderr()).toContain("other servers' variables: off;");
  });
});

describeIf(rootObstacle, 'sessions of users under users of their own', () => {
  test('each has a home that is closed to the others, and with its session ends all that is left of it', async () => {
    const folder = serviceFolder();
    const leftover = join(folder, 'homes/sessions/999999999-killed');
    mkdirSync(leftover, { recursive: true });
    const config = { runAs: 'auto', env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { required: false } } };
    const service = await startService({
      servers: { own: fixture('hostile.js', [], config) },
      env: { ...environment(folder), MCPO_DATA_DIR: temporaryFolder(), MCPO_TRUST_USER_HEADERS: 'true' },
    });
    const as = (user: string) => ({ ...authorization, 'x-openwebui-user-id': user });
    const own = async (user: string, tool: string, body: object = {}): Promise<unknown> =>
      (await service.call('own', tool, body, as(user))).json();
    const ann = (await own('ann', 'identity')) as { uid: number; home: string };
    const bob = (await own('bob', 'identity')) as { uid: number; home: string };
    expect(new Set([ann.uid, bob.uid, 0]).size).toBe(3);
    expect(ann.home).toContain(join(folder, 'homes/sessions/'));
    expect(existsSync(leftover)).toBe(false);
    expect(await own('ann', 'write', { path: join(ann.home, 'mine') })).toBe('written');
    expect(await own('ann', 'write', { path: join(bob.home, 'mine') })).toMatch(/^refused/);

    const escaped = `/proc/${await own('ann', 'escape')}/cmdline`;
    expect(readFileSync(escaped, 'utf8')).toContain('sleep');
    const saved = await service.request('PUT', '/vault/api/servers/own/variables/TOKEN', {
      headers: { ...as('ann'), 'content-type': 'application/json' },
      body: JSON.stringify({ value: 'of ann' }),
    });
    expect(saved.status).toBe(204);
    await waitFor(() => !existsSync(ann.home), 10_000, "the end of Ann's home");
    // That of a process that has ended is empty until its parent has collected it.
    await waitFor(() => !existsSync(escaped) || readFileSync(escaped, 'utf8') === '', 5_000, 'the end of what escaped');
    expect(existsSync(bob.home)).toBe(true);
    await service.stop();
    expect(existsSync(bob.home)).toBe(false);
  });
});

const cli = join(repositoryFolder, 'dist/cli.js');
const plainUser = ['--reuid=1000', '--regid=1000', '--clear-groups'];
const userObstacle =
  rootObstacle ??
  sandboxObstacle ??
  (spawnSync('setpriv', [...plainUser, 'test', '-r', cli]).status === 0
    ? undefined
    : 'this folder is closed to other users');

describeIf(userObstacle, 'as a plain user', () => {
  test('the sandbox holds, and "runAs" is refused rather than ignored', async () => {
    const folder = serviceFolder();
    const config = join(folder, 'servers.json');
    const servers = {
      boxed: fixture('hostile.js', [], { sandbox: true, limits: { processes: 60 } }),
      user: fixture('hostile.js', [], { runAs: 'auto' }),
    };
    writeFileSync(config, JSON.stringify({ mcpServers: servers }));
    for (const path of ['', 'data', 'data/vault.key', 'key.txt', 'shared', 'servers.json'])
      chownSync(join(folder, path), 1000, 1000);
    const env = { PATH: process.env.PATH, HOME: folder, LOG_FORMAT: 'json', ...environment(folder) };
    const args = [...plainUser, process.execPath, cli, '--config', config, '--port', '0'];
    const child = spawn('setpriv', args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    try {
      const url = await waitFor(() => /Listening on ([^\s"]+)/.exec(output)?.[1], 20_000, 'the service');
      const boxed = async (tool: string, body: object) => {
        const headers = { ...authorization, 'content-type': 'application/json' };
        return (await fetch(`${url}/boxed/${tool}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
      };
      expect(await boxed('identity', {})).toMatchObject({ uid: 1000 });
      expect(await boxed('read', { path: join(folder, 'data/vault.key') })).toMatch(/^refused/);
      expect(await boxed('read', { path: `/proc/${child.pid}/environ` })).toMatch(/^refused/);
      expect(await boxed('memory', { pid: child.pid })).toMatch(/^refused/);
      expect(await boxed('fork', { count: 90 })).toContain('refused: EAGAIN');
      await waitFor(() => output.includes('its \\"runAs\\" needs the service to run as root'), 20_000, 'the refusal');
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  });
});

test('what is wrong with the keys is reported with line and key', async () => {
  const servers = {
    a: { command: 'node', runAs: { uid: 0, gid: 1 }, sandbox: { netwrok: false }, limits: { memoryMb: 1 } },
    b: { command: 'node', limits: { processes: 5 } },
  };
  const { code, stderr } = await runCommand(['check'], { servers });
  expect(code).toBe(2);
  expect(stderr).toMatch(/:\d+: server "a", key "runAs\.?/);
  expect(stderr).toMatch(/server "a", key "sandbox/);
  expect(stderr).toMatch(/server "a", key "limits\.memoryMb": must be at least 64/);
  expect(stderr).toMatch(/server "b", key "limits\.processes": counts every process of a user, so it needs "runAs"/);
});
