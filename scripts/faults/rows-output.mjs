// The rows of the fault table about what a child writes: garbage, floods, results that are too large.
import { residentBytes } from './process-table.mjs';
import { copies, worker } from './workers.mjs';

/** @typedef {import('./run.mjs').Run} Run */

const MIB = 1024 * 1024;
/** How long a flood may hold up a call to another server, on a machine that is busy with other things too. */
const MAX_WAIT_MS = 2_000;

export const outputRows = [
  {
    name: 'garbage or half a line on stdout',
    expected: 'skipped; a call without an answer ends by its deadline',
    /** @param {Run} run */
    run: async (run) => {
      const service = await run.service({ config: { mcpServers: { w: worker(run, [], { timeoutMs: 500 }) } } });
      await run.warm(service);
      run.times = run.options.times ?? 10;
      const pids = new Set(run.see(service).map(({ pid }) => pid));
      for (let index = 0; index < run.times; index += 1) {
        run.judge(await service.call('w', 'garbage'));
        run.judge(await service.call('w', 'half'), 504);
        run.judge(await service.call('w', 'echo'));
      }
      run.check(
        run.see(service).every(({ pid }) => pids.has(pid)),
        'the session was given up',
      );
    },
  },
  {
    name: 'a flood on stdout',
    expected: '502, killed, restarted; memory bounded; others unaffected',
    /** @param {Run} run */
    run: async (run) => {
      run.times = 3;
      const service = await run.service({
        config: {
          mcpServers: {
            other: worker(run),
            ...copies(run.times, worker(run, [], { maxResultBytes: MIB, oversizedResults: 'refuse' })),
          },
        },
        env: { LOG_LEVEL: 'error' },
      });
      await run.warm(service);
      const before = residentBytes(service.pid);
      let most = before;
      for (let index = 0; index < run.times; index += 1) {
        const startedAt = performance.now();
        let isOver = false;
        const flood = service.call(`w${index}`, 'flood').finally(() => {
          isOver = true;
        });
        while (!isOver) {
          const answer = await service.call('other', 'echo');
          run.judge(answer);
          run.check(answer.ms < MAX_WAIT_MS, `another server's call took ${Math.round(answer.ms)} ms`);
          most = Math.max(most, residentBytes(service.pid));
        }
        run.judge(await flood, 502);
        await run.recovered(service, `w${index}`, startedAt);
      }
      run.check(most - before < 150 * MIB, `memory grew by ${Math.round((most - before) / MIB)} MiB`);
    },
  },
  {
    name: 'a flood on stderr',
    expected: 'read slowly; the session and the others live',
    /** @param {Run} run */
    run: async (run) => {
      const service = await run.service({
        config: { mcpServers: { w: worker(run), other: worker(run) } },
        env: { LOG_LEVEL: 'debug' },
      });
      await run.warm(service);
      const before = residentBytes(service.pid);
      let most = before;
      run.times = 1;
      const end = performance.now() + 2_500;
      run.judge(await service.call('w', 'flood_stderr', { ms: 2_000 }));
      while (performance.now() < end) {
        run.judge(await service.call('other', 'echo'));
        most = Math.max(most, residentBytes(service.pid));
      }
      const calmAt = performance.now();
      await run.recovered(service, 'w', calmAt);
      run.check(most - before < 100 * MIB, `memory grew by ${Math.round((most - before) / MIB)} MiB`);
    },
  },
  {
    name: '10 MB, then 40 MB result',
    expected: '200, then 502 result_too_large; the session lives',
    /** @param {Run} run */
    run: async (run) => {
      const service = await run.service({ config: { mcpServers: { w: worker(run) } } });
      run.judge(await service.call('w', 'bytes', { count: 10_000_000 }));
      await run.warm(service);
      const pids = run.see(service).map(({ pid }) => pid);
      run.times = run.options.times ?? 3;
      for (let index = 0; index < run.times; index += 1) {
        const whole = await service.call('w', 'bytes', { count: 10_000_000 });
        run.judge(whole);
        if (whole.text.length !== 10_000_002) run.wrong += 1;
        const startedAt = performance.now();
        const refused = await service.call('w', 'bytes', { count: 40_000_000 });
        run.judge(refused, 502);
        run.check(refused.text.includes('result_too_large') || refused.text.includes('larger than'), refused.text);
        await run.recovered(service, 'w', startedAt);
      }
      run.check(
        run
          .see(service)
          .map(({ pid }) => pid)
          .join() === pids.join(),
        'the session did not live',
      );
    },
  },
];
