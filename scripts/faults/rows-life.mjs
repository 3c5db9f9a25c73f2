// The rows of the fault table about the service's own end and its configuration.
import { allDescendantsOf, isRunning } from './process-table.mjs';
import { fixture, waitFor } from './service.mjs';
import { worker } from './workers.mjs';

/** @typedef {import('./run.mjs').Run} Run */

/** @param {Run} run */
async function killService(run) {
  run.times = run.options.times ?? 3;
  for (let index = 0; index < run.times; index += 1) {
    const servers = {
      plain: worker(run),
      deaf: worker(run, ['deaf']),
      wrapped: fixture('grandchild.js', ['fault-worker.js', 'deaf']),
      holds: worker(run, ['with-grandchild']),
    };
    // Every other time the whole process group gets the signal, as a job control shell sends it.
    const ownGroup = index % 2 === 1;
    const service = await run.service({ config: { mcpServers: servers }, ownGroup });
    const family = run.see(service);
    run.check(family.length === 6, `${family.length} processes under the service, not 6`);
    const all = allDescendantsOf(service.pid);
    const begun = run.notes().filter(({ what }) => what === 'began').length;
    const calls = Object.keys(servers).map((name) => service.call(name, 'slow', { ms: 60_000 }).catch(() => undefined));
    // The wrapped one keeps no notes.
    await run.begun(begun + calls.length - 1);
    const killedAt = performance.now();
    process.kill(ownGroup ? -service.pid : service.pid, 'SIGKILL');
    await service.exited;
    await Promise.all(calls);
    run.lost += calls.length;
    await waitFor(() => !all.some(isRunning), 2_000, 'all processes to be gone').catch((error) =>
      run.problem(
        `${error.message}: ${all
          .filter(isRunning)
          .map(({ command }) => command)
          .join(', ')}`,
      ),
    );
    run.recoveriesMs.push(performance.now() - killedAt);
  }
}

/** @param {Run} run */
async function reloadUnderLoad(run) {
  run.times = run.options.times ?? (run.options.form === 'short' ? 10 : 25);
  const config = (/** @type {number} */ generation) => ({
    mcpServers: { stable: worker(run), changed: worker(run, [], { env: { GENERATION: String(generation) } }) },
  });
  const service = await run.service({ config: config(0), args: ['--hot-reload'], env: { LOG_LEVEL: 'warn' } });
  await service.call('stable', 'echo');
  await run.warm(service);
  const before = run.see(service).length;
  const stable = run.see(service).find(({ command }) => command.includes('fault-worker'))?.pid;
  let isOver = false;
  let calls = 0;
  const load = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      run.judge(await service.call('stable', 'echo'));
      calls += 1;
    }
  });
  for (let generation = 1; generation <= run.times; generation += 1) {
    const begun = run.notes().filter(({ what, token }) => what === 'began' && token !== '').length;
    const running = service.call('changed', 'slow', { ms: 300 });
    await run.begun(begun + 1);
    const changedAt = performance.now();
    service.writeConfig(config(generation));
    await waitFor(
      async () => {
        const answer = await service.call('changed', 'who');
        run.judge(answer);
        return answer.status === 200 && JSON.parse(answer.text).generation === String(generation);
      },
      15_000,
      'the changed server',
    );
    run.recoveriesMs.push(performance.now() - changedAt);
    run.judge(await running);
    if (generation % 10 === 0) run.see(service);
  }
  isOver = true;
  await Promise.all(load);
  run.check(calls > run.times, 'hardly any calls were made during the reloads');
  await waitFor(() => run.see(service).length <= before, 5_000, 'the replaced processes to end').catch((error) =>
    run.problem(error.message),
  );
  run.check(
    run.see(service).some(({ pid }) => pid === stable),
    'the unchanged server was restarted',
  );
}

export const lifeRows = [
  {
    name: 'service killed -9, alone and with its process group',
    expected: 'no process left within 2 s',
    /** @param {Run} run */
    run: killService,
  },
  {
    name: 'SIGTERM during calls',
    expected: '/readyz 503, running calls finish, exit 0',
    /** @param {Run} run */
    run: async (run) => {
      run.times = run.options.times ?? 3;
      for (let index = 0; index < run.times; index += 1) {
        const servers = { w: worker(run), deaf: worker(run, ['deaf', 'with-grandchild']) };
        const service = await run.service({ config: { mcpServers: servers } });
        run.see(service);
        const begun = run.notes().filter(({ what }) => what === 'began').length;
        const calls = Array.from({ length: 20 }, (_, n) => service.call(n % 2 ? 'w' : 'deaf', 'slow', { ms: 1_500 }));
        await run.begun(begun + 20);
        const askedAt = performance.now();
        service.kill('SIGTERM');
        await waitFor(async () => (await service.get('/readyz')).status === 503, 1_000, '/readyz to answer 503');
        run.judge(await service.call('w', 'echo'), 'refused');
        for (const call of calls) run.judge(await call);
        const { code } = await service.exited;
        run.recoveriesMs.push(performance.now() - askedAt);
        run.check(code === 0, `exit code ${code}`);
        run.check(performance.now() - askedAt < 10_000, 'the end took longer than the drain time');
      }
    },
  },
  {
    name: 'second signal',
    expected: 'ends at once, no orphan',
    /** @param {Run} run */
    run: async (run) => {
      run.times = run.options.times ?? 3;
      for (let index = 0; index < run.times; index += 1) {
        const servers = { w: worker(run), deaf: worker(run, ['deaf', 'with-grandchild']) };
        const service = await run.service({ config: { mcpServers: servers } });
        const family = run.see(service);
        const begun = run.notes().filter(({ what }) => what === 'began').length;
        const call = service.call('w', 'slow', { ms: 60_000 }).catch(() => undefined);
        await run.begun(begun + 1);
        service.kill('SIGTERM');
        await waitFor(async () => (await service.get('/readyz')).status === 503, 1_000, '/readyz to answer 503');
        const askedAt = performance.now();
        service.kill('SIGTERM');
        const { code } = await service.exited;
        run.check(performance.now() - askedAt < 1_000, 'it did not end within a second');
        run.check(code === 143, `exit code ${code}, not 143`);
        await waitFor(() => !family.some(isRunning), 2_000, 'its processes to end').catch((error) =>
          run.problem(error.message),
        );
        run.recoveriesMs.push(performance.now() - askedAt);
        run.lost += 1;
        await call;
      }
    },
  },
  {
    name: 'broken config at hot reload',
    expected: 'nothing changes; the error says line and key',
    /** @param {Run} run */
    run: async (run) => {
      const good = { mcpServers: { w: worker(run) } };
      const service = await run.service({ config: good, args: ['--hot-reload'] });
      await run.warm(service);
      const pids = run
        .see(service)
        .map(({ pid }) => pid)
        .join();
      const broken = [
        ['{"mcpServers": {\n  "w": {"command": 7}\n}}', /servers\.json:2.*command/],
        ['{"mcpServers": {\n"w": ', /servers\.json:2/],
        ['', /servers\.json/],
        ['{"mcpServers": {"w": {"command": "x", "timeoutMs": -1}}}', /timeoutMs/],
      ];
      for (const [text, told] of broken) {
        const from = service.stderr().length;
        service.writeConfig(/** @type {string} */ (text));
        await waitFor(
          () => /** @type {RegExp} */ (told).test(service.stderr().slice(from)),
          5_000,
          `the log to tell ${told} about ${text}`,
        ).catch((error) => run.problem(error.message));
        run.judge(await service.call('w', 'echo'));
        run.times += 1;
      }
      run.check(
        run
          .see(service)
          .map(({ pid }) => pid)
          .join() === pids,
        'the server was restarted',
      );
      const mendedAt = performance.now();
      service.writeConfig({ mcpServers: { ...good.mcpServers, v: worker(run) } });
      await run.recovered(service, 'v', mendedAt);
      service.writeConfig(good);
      await waitFor(async () => (await service.states()).v === undefined, 5_000, 'the added server to go');
    },
  },
  {
    name: 'reload under load',
    expected: 'no failed call; changed servers drain on the old session',
    /** @param {Run} run */
    run: reloadUnderLoad,
  },
];
