// The rows of the fault table whose cause is a remote server.
import { waitFor } from './service.mjs';

/** @typedef {import('./run.mjs').Run} Run */

const CALLS_AT_ONCE = 20;

/** Kills an upstream that nobody is calling, starts it anew on the same port, and calls. @param {Run} run @param {string} type @param {string} path */
async function goneWhileIdle(run, type, path) {
  const upstream = await run.upstream();
  const count = 5;
  const servers = Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`u${index}`, { type, url: `${upstream.url}${path}${index}` }]),
  );
  const service = await run.service({ config: { mcpServers: servers } });
  for (const name of Object.keys(servers)) run.judge(await service.call(name, 'echo'));
  await run.warm(service);
  const rounds = 2;
  for (let round = 0, current = upstream; round < rounds; round += 1) {
    await current.stop();
    current = await run.upstream(upstream.port);
    for (const name of Object.keys(servers)) {
      const startedAt = performance.now();
      run.judge(await service.call(name, 'echo'));
      run.recoveriesMs.push(performance.now() - startedAt);
      run.times += 1;
    }
  }
}

export const upstreamRows = [
  {
    name: 'upstream forgets the session (404)',
    expected: 'one new session for all, each call once',
    /** @param {Run} run */
    run: async (run) => {
      const upstream = await run.upstream();
      const servers = { u: { type: 'streamable-http', url: `${upstream.url}/mcp` } };
      const service = await run.service({ config: { mcpServers: servers } });
      // So many connections upstream may be kept.
      await Promise.all(Array.from({ length: CALLS_AT_ONCE }, () => service.call('u', 'echo')));
      await run.warm(service);
      run.times = run.options.times ?? 10;
      for (let index = 0; index < run.times; index += 1) {
        const { initialized } = await upstream.control({ forget: true });
        const startedAt = performance.now();
        const calls = Array.from({ length: CALLS_AT_ONCE }, () => service.call('u', 'echo'));
        for (const call of calls) run.judge(await call);
        run.recoveriesMs.push(performance.now() - startedAt);
        const opened = (await upstream.control()).initialized - initialized;
        run.check(opened === 1, `${opened} new sessions in place of one`);
      }
      const { began } = await upstream.control();
      run.check(
        Object.values(began).every((count) => count === 1),
        'a call ran twice',
      );
    },
  },
  {
    name: 'upstream answers 401',
    expected: 'told as a credential problem, no loop; recovers',
    /** @param {Run} run */
    run: async (run) => {
      const upstream = await run.upstream();
      const servers = { u: { type: 'streamable-http', url: `${upstream.url}/mcp` } };
      const service = await run.service({ config: { mcpServers: servers } });
      await service.call('u', 'echo');
      await run.warm(service);
      const { refused } = await upstream.control({ refuse: true });
      run.times = run.options.times ?? 10;
      for (let index = 0; index < run.times; index += 1) {
        const answer = await service.call('u', 'echo');
        run.check(answer.status >= 400 && answer.status !== 500, `status ${answer.status}`);
        run.check(/credential/i.test(answer.text), `not told as a credential problem: ${answer.text.slice(0, 160)}`);
        run.check(answer.ms < 2_000, `told after ${Math.round(answer.ms)} ms`);
      }
      const requests = (await upstream.control()).refused - refused;
      run.check(requests <= run.times * 2, `${requests} requests for ${run.times} calls: a loop`);
      await upstream.control({ refuse: false });
      await run.recovered(service, 'u', performance.now());
    },
  },
  {
    name: 'idle SSE upstream gone',
    expected: 'the next call works',
    /** @param {Run} run */
    run: (run) => goneWhileIdle(run, 'sse', '/sse'),
  },
  {
    name: 'idle streamable HTTP upstream gone',
    expected: 'the next call works',
    /** @param {Run} run */
    run: (run) => goneWhileIdle(run, 'streamable-http', '/mcp'),
  },
  {
    name: 'upstream away for a while',
    expected: 'an error each time, then the next call works',
    /** @param {Run} run */
    run: async (run) => {
      const upstream = await run.upstream();
      const servers = { u: { type: 'streamable-http', url: `${upstream.url}/mcp` } };
      const service = await run.service({ config: { mcpServers: servers } });
      await service.call('u', 'echo');
      await run.warm(service);
      await upstream.stop();
      const answer = await service.call('u', 'echo');
      run.check(answer.status === 502 || answer.status === 503, `status ${answer.status}`);
      run.times = 1;
      const back = await run.upstream(upstream.port);
      await waitFor(async () => (await back.control()) !== undefined, 2_000, 'the upstream');
      await run.recovered(service, 'u', performance.now());
    },
  },
];
