// The rows of the fault table whose cause is a child process.
import { fixture, waitFor } from './service.mjs';
import { copies, worker } from './workers.mjs';

/** @typedef {import('./run.mjs').Run} Run */

/** Kills each of several servers during a call, while the next one is called. @param {Run} run @param {object} config */
async function killDuringCalls(run, config) {
  const count = Math.min(run.options.times ?? 8, 20);
  const service = await run.service({ config: { mcpServers: copies(count, config) } });
  await run.warm(service);
  const before = run.see(service).length;
  for (let index = 0; index < count; index += 1) {
    const { pid } = JSON.parse((await service.call(`w${index}`, 'who')).text);
    const begun = run.notes().filter(({ what }) => what === 'began').length;
    const call = service.call(`w${index}`, 'slow', { ms: 60_000 });
    await run.begun(begun + 1);
    run.see(service);
    const killedAt = performance.now();
    process.kill(pid, 'SIGKILL');
    const other = service.call(`w${(index + 1) % count}`, 'echo');
    run.judge(await call, 502);
    run.check(performance.now() - killedAt < 1_000, `a 502 came ${Math.round(performance.now() - killedAt)} ms late`);
    await run.recovered(service, `w${index}`, killedAt);
    if (count > 1) run.judge(await other);
    run.times += 1;
  }
  await waitFor(() => run.see(service).length <= before, 4_000, 'the old processes to end').catch((error) =>
    run.problem(error.message),
  );
}

export const processRows = [
  {
    name: 'child killed -9 during a call',
    expected: '502 within 1 s, the next call works',
    /** @param {Run} run */
    run: (run) => killDuringCalls(run, worker(run)),
  },
  {
    name: 'wrapper killed, its grandchild deaf and holding the pipes',
    expected: '502 within 1 s, nothing orphaned',
    /** @param {Run} run */
    run: (run) => killDuringCalls(run, worker(run, ['with-grandchild'])),
  },
  {
    name: 'child hangs',
    expected: '504 at the deadline, cancel sent, others unaffected',
    /** @param {Run} run */
    run: async (run) => {
      const service = await run.service({ config: { mcpServers: { w: worker(run, [], { timeoutMs: 500 }) } } });
      await run.warm(service);
      run.times = run.options.times ?? 20;
      const hanging = Array.from({ length: run.times }, () => service.call('w', 'slow', { ms: 60_000 }));
      await run.begun(run.times);
      for (let index = 0; index < 50; index += 1) run.judge(await service.call('w', 'echo'));
      for (const call of hanging) {
        const answer = await call;
        run.judge(answer, 504);
        run.check(answer.ms < 1_500, `a 504 came after ${Math.round(answer.ms)} ms of 500`);
      }
      const cancelled = () => run.notes().filter(({ what }) => what === 'cancelled').length;
      await waitFor(() => cancelled() === run.times, 2_000, 'every cancel notification').catch((error) =>
        run.problem(error.message),
      );
    },
  },
  {
    name: 'child exits at start, again and again',
    expected: 'failed after 5, says why without the secret; others serve',
    /** @param {Run} run */
    run: async (run) => {
      const secret = 'canary-of-the-fault-harness-71c3';
      run.times = 3;
      const dying = Object.fromEntries(
        Array.from({ length: run.times }, (_, index) => [
          `dies${index}`,
          fixture('fault-secret.js', [], { env: { TOKEN: '${env:FAULT_SECRET}' } }),
        ]),
      );
      const service = await run.service({
        config: { mcpServers: { w: worker(run), ...dying } },
        env: { FAULT_SECRET: secret, LOG_LEVEL: 'debug' },
      });
      await run.warm(service);
      const names = Object.keys(dying);
      await waitFor(
        async () => {
          run.judge(await service.call('w', 'echo'));
          const states = await service.states();
          return names.every((name) => states[name]?.state === 'failed');
        },
        20_000,
        'the servers to be failed',
      );
      const ready = (await service.get('/readyz')).text;
      run.check(ready.includes('ended with code'), '/readyz does not say why');
      run.check(!ready.includes('was not accepted'), '/readyz says what the server said');
      run.check(service.stderr().includes('was not accepted'), 'the log does not say what the server said last');
      run.check(!`${ready}${service.stderr()}`.includes(secret), 'the secret was told');
      for (const name of names) run.judge(await service.call(name, 'echo'), 'refused');
    },
  },
  {
    name: 'slow start',
    expected: 'calls wait; past the bound 503 with Retry-After',
    /** @param {Run} run */
    run: async (run) => {
      const servers = {
        soon: worker(run, [], { env: { START_DELAY_MS: '2000' } }),
        late: worker(run, [], { env: { START_DELAY_MS: '60000' } }),
      };
      const service = await run.service({ config: { mcpServers: servers }, waitForReady: false });
      run.times = 10;
      const startedAt = performance.now();
      const soon = Array.from({ length: run.times }, () => service.call('soon', 'echo'));
      const late = Array.from({ length: run.times }, () => service.call('late', 'echo'));
      for (const call of soon) run.judge(await call);
      run.recoveriesMs.push(performance.now() - startedAt);
      for (const call of late) {
        const answer = await call;
        run.judge(answer, 'refused');
        run.check(answer.ms < 10_000, `a 503 came after ${Math.round(answer.ms)} ms`);
      }
      run.see(service);
    },
  },
  {
    name: '1,000 calls at once',
    expected: 'all right, or 503 with Retry-After; none crossed',
    /** @param {Run} run */
    run: async (run) => {
      const service = await run.service({ config: { mcpServers: { w: worker(run), v: worker(run) } } });
      await run.warm(service);
      run.times = 1_000;
      const calls = Array.from({ length: run.times }, (_, index) => service.call(index % 2 ? 'w' : 'v', 'echo'));
      for (const call of calls) {
        const answer = await call;
        run.judge(answer, answer.status === 503 ? 'refused' : 'right');
      }
    },
  },
];
