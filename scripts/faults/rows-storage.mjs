// The rows of the fault table whose cause is the disk or a database.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { NotRun } from './run.mjs';
import { fixture, send, waitFor } from './service.mjs';
import { startProxy } from './tcp-proxy.mjs';

/** @typedef {import('./run.mjs').Run} Run */
/** @typedef {import('./service.mjs').Service} Service */

const require = createRequire(import.meta.url);
const KEY = 'key-of-the-fault-harness';
const MAX_RECOVERY_MS = 10_000;
const ADMIN = { authorization: `Bearer ${KEY}` };

/** @param {string} user */
const as = (user) => ({ ...ADMIN, 'x-openwebui-user-id': user, 'x-openwebui-user-email': `${user}@example.org` });

/**
 * Lets a process write no more to files than they hold now: what it appends fails (EFBIG) as on a full disk, and this
 * needs no rights. `undefined` takes the limit away.
 * @param {number} pid @param {number | undefined} bytes
 */
function limitFileSize(pid, bytes) {
  const result = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes ?? 'unlimited'}:`], { encoding: 'utf8' });
  if (result.error !== undefined || result.status !== 0) throw new NotRun('no prlimit');
}

/** @param {Run} run */
async function auditDiskFull(run) {
  run.times = run.options.times ?? 3;
  for (const required of [true, false]) {
    const service = await run.service({
      config: { mcpServers: { w: fixture('fault-worker.js') }, audit: { required } },
      env: { SECURITY_LOG_FILE: join(run.folder, `audit-${required}.log`) },
    });
    const file = join(run.folder, `audit-${required}.log`);
    run.judge(await service.call('w', 'echo'));
    await waitFor(() => existsSync(file) && statSync(file).size > 0, 5_000, 'the audit log');
    await run.warm(service);
    for (let index = 0; index < run.times; index += 1) {
      limitFileSize(service.pid, statSync(file).size);
      if (required) {
        await waitFor(async () => (await service.call('w', 'echo')).status === 503, 5_000, 'calls to be refused').catch(
          (error) => run.problem(error.message),
        );
        for (let call = 0; call < 5; call += 1) run.judge(await service.call('w', 'echo'), 'refused');
      } else {
        for (let call = 0; call < 5; call += 1) run.judge(await service.call('w', 'echo'));
        await waitFor(() => /audit/i.test(service.stderr()), 5_000, 'the log to say so').catch((error) =>
          run.problem(error.message),
        );
      }
      limitFileSize(service.pid, undefined);
      const size = statSync(file).size;
      const freedAt = performance.now();
      await run.recovered(service, 'w', freedAt);
      await waitFor(
        async () => {
          run.judge(await service.call('w', 'echo'));
          return statSync(file).size > size;
        },
        10_000,
        'the audit log to grow again',
      ).catch((error) => run.problem(error.message));
    }
    run.check(!service.hasExited(), 'the service ended');
  }
}

/**
 * What holds while the store of secrets is away: servers without user variables go on; a call that needs a secret
 * gets it from memory or is refused, never an empty one; all recovers by itself.
 * @param {Run} run @param {Service} service @param {() => unknown} takeAway @param {() => unknown} giveBack
 */
async function storeAway(run, service, takeAway, giveBack) {
  const { hasVault } = run.options;
  const users = ['ann', 'bob'];
  const path = '/vault/api/servers/personal/variables/TOKEN';
  const save = (/** @type {string} */ user) =>
    send(service.port, 'PUT', path, { headers: as(user), body: { value: `secret-of-${user}` } });
  await run.warm(service);
  if (hasVault) {
    for (const user of users) run.check((await save(user)).status === 204, 'a secret was not saved');
    judgeSecret(run, await service.call('personal', 'who', {}, { headers: as('ann') }), 'ann', false);
  }
  const rounds = Math.min(run.options.times ?? 2, 5);
  for (let round = 0; round < rounds; round += 1) {
    await takeAway();
    const end = performance.now() + 1_500;
    while (performance.now() < end) run.judge(await service.call('w', 'echo', {}, { headers: ADMIN }));
    if (hasVault) {
      for (const user of users)
        judgeSecret(run, await service.call('personal', 'who', {}, { headers: as(user) }), user, true);
      const saved = await save('cat');
      run.check(saved.status === 503, `a vault route answered ${saved.status} while the store was away`);
    }
    await giveBack();
    const backAt = performance.now();
    let last = '';
    await waitFor(
      async () => {
        if (!hasVault) return (await service.call('w', 'echo', {}, { headers: ADMIN })).status === 200;
        const answer = await service.call('personal', 'who', {}, { headers: as('bob') });
        judgeSecret(run, answer, 'bob', true);
        const saved = await save('cat');
        last = `${answer.status} ${answer.text.slice(0, 160)}, ${saved.status} ${saved.text.slice(0, 160)}`;
        return answer.status === 200 && saved.status === 204;
      },
      15_000,
      'the store to be used again',
    ).catch((error) => run.problem(`${error.message}: ${last}`));
    const recoveryMs = performance.now() - backAt;
    run.check(recoveryMs < MAX_RECOVERY_MS, `used again only ${Math.round(recoveryMs)} ms after it was back`);
    run.recoveriesMs.push(recoveryMs);
    run.times += 1;
  }
  run.check((await service.get('/healthz')).status === 200, '/healthz does not answer 200');
  if (!hasVault) return;
  // With their secrets their sessions end, and what those held is given back.
  for (const user of users) {
    const erased = await send(service.port, 'DELETE', '/vault/api/me', { headers: as(user) });
    run.check(erased.status === 204, `erasing a user answered ${erased.status}`);
  }
}

/** @param {Run} run @param {Awaited<ReturnType<Service['call']>>} answer @param {string} user @param {boolean} mayBeRefused */
function judgeSecret(run, answer, user, mayBeRefused) {
  if (!run.judge(answer, mayBeRefused && answer.status === 503 ? 'refused' : 'right') || answer.status !== 200) return;
  if (JSON.parse(answer.text).secret !== `secret-of-${user}`) run.wrong += 1;
}

/** @param {Run} run */
function storeConfig(run) {
  const personal = {
    ...fixture('fault-worker.js', [], { env: { TOKEN: '${TOKEN}' } }),
    userVars: { TOKEN: { title: 'Token' } },
  };
  return { mcpServers: { w: fixture('fault-worker.js'), ...(run.options.hasVault ? { personal } : {}) } };
}

const storeEnv = {
  MCPO_API_KEY: KEY,
  MCPO_TRUST_USER_HEADERS: 'true',
  MCPO_VAULT_KEY: randomBytes(32).toString('base64'),
  LOG_LEVEL: 'warn',
};

const HOLDS_LOCK = `
  const database = new (require(process.argv[1]))(process.argv[2]);
  database.exec('BEGIN EXCLUSIVE');
  console.log('locked');
  process.stdin.on('end', () => process.exit()).resume();`;

/** @param {Run} run */
async function sqliteLocked(run) {
  // A statement that was given up keeps its connection's two files open until the next garbage collection.
  run.spareDescriptors = 4;
  const service = await run.service({ config: storeConfig(run), env: storeEnv });
  const file = join(service.dataDir, 'mcpo-ts.db');
  await waitFor(() => existsSync(file), 5_000, 'the database');
  let holder;
  await storeAway(
    run,
    service,
    async () => {
      holder = spawn(process.execPath, ['-e', HOLDS_LOCK, require.resolve('libsql'), file], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const started = holder;
      run.cleanUp(() => started.kill('SIGKILL'));
      let said = '';
      holder.stdout.on('data', (chunk) => {
        said += chunk;
      });
      await waitFor(() => said.includes('locked'), 10_000, 'the lock');
    },
    () => holder.stdin.end(),
  );
}

/** @param {Run} run */
async function postgresGone(run) {
  const url = new URL(process.env.MCPO_TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres');
  const { default: pg } = await import('pg');
  const admin = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 2_000 });
  await admin.connect().catch(() => {
    throw new NotRun('no PostgreSQL');
  });
  const name = `mcpo_faults_${randomBytes(6).toString('hex')}`;
  await admin.query(`CREATE DATABASE ${name}`);
  run.cleanUp(async () => {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  });
  const proxy = await startProxy(url.hostname, Number(url.port || 5432));
  run.cleanUp(() => proxy.close());
  url.host = `127.0.0.1:${proxy.port}`;
  url.pathname = `/${name}`;
  const service = await run.service({ config: storeConfig(run), env: { ...storeEnv, MCPO_DATABASE_URL: url.href } });
  await waitFor(() => proxy.accepted() > 0, 3_000, 'a connection').catch(() => {
    throw new NotRun('the service opens no PostgreSQL yet');
  });
  await storeAway(
    run,
    service,
    () => proxy.cut(),
    () => proxy.mend(),
  );
}

/** @param {Run} run */
async function redisGone(run) {
  const url = new URL(process.env.MCPO_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379/9');
  const proxy = await startProxy(url.hostname, Number(url.port || 6379));
  run.cleanUp(() => proxy.close());
  url.host = `127.0.0.1:${proxy.port}`;
  const limit = 30;
  const service = await run.service({
    config: { mcpServers: { w: fixture('fault-worker.js') } },
    env: { ...storeEnv, MCPO_RATE_LIMIT: `${limit}/1m`, MCPO_REDIS_URL: url.href },
  });
  /** @returns {Promise<string>} */
  const state = async () => JSON.parse((await service.get('/readyz')).text).limits.state;
  await waitFor(async () => (await state()) === 'up', 2_000, 'Redis').catch(() => {
    throw new NotRun('no Redis');
  });
  await run.warm(service);
  run.times = Math.min(run.options.times ?? 2, 5);
  for (let round = 0; round < run.times; round += 1) {
    proxy.cut();
    // Users of this round alone: what they did counts against nobody else.
    const user = as(`redis-${randomBytes(6).toString('hex')}`);
    const answers = [];
    for (let call = 0; call < limit + 5; call += 1)
      answers.push(await service.call('w', 'echo', {}, { headers: user }));
    for (const [call, answer] of answers.entries()) run.judge(answer, call < limit ? 'right' : 429);
    const slowest = Math.max(...answers.map(({ ms }) => ms));
    run.check(slowest < 2_000, `a call took ${Math.round(slowest)} ms while Redis was away`);
    run.check((await state()) === 'down', '/readyz does not say that Redis is away');
    await proxy.mend();
    const backAt = performance.now();
    await waitFor(async () => (await state()) === 'up', 20_000, 'Redis to be used again').catch((error) =>
      run.problem(error.message),
    );
    run.recoveriesMs.push(performance.now() - backAt);
    const again = as(`redis-${randomBytes(6).toString('hex')}`);
    for (let call = 0; call < 5; call += 1) run.judge(await service.call('w', 'echo', {}, { headers: again }));
  }
  const told = service.stderr();
  run.check(/Redis/i.test(told) && !told.includes(url.href), 'the log does not say it, or says where Redis is');
}

export const storageRows = [
  {
    name: 'disk full under the audit file',
    expected: 'refused while audit.required, else said; recovers',
    run: auditDiskFull,
  },
  {
    name: 'SQLite locked by another process',
    expected: 'vault 503, never an empty secret; others go on; recovers',
    run: sqliteLocked,
  },
  {
    name: 'PostgreSQL gone',
    expected: 'vault 503, never an empty secret; others go on; recovers',
    run: postgresGone,
  },
  {
    name: 'Redis gone',
    expected: 'limits fall back to per-process ones; recovers',
    run: redisGone,
  },
];
