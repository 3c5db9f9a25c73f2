import { join } from 'node:path';
import { expect } from '@jest/globals';
import { fixture, startService, temporaryFolder, test, waitFor } from './harness.ts';
import { argsOf, events, pidsOf, whenSettled, writeServers } from './reload-steps.ts';

test('a call that runs while its server is changed ends on the old session, which ends then', async () => {
  const file = join(temporaryFolder(), 'servers.json');
  writeServers(file, {
    changed: fixture('answers.js', ['old']),
    gone: fixture('answers.js', ['gone']),
    kept: fixture('env.js'),
  });
  const service = await startService({ args: ['--config', file] });
  // Long enough for new sessions to open meanwhile on a machine that is busy.
  const calls = ['changed', 'gone'].map((server) => service.call(server, 'slow', { ms: 10_000 }));
  const started = async (server: string) =>
    ((await service.call(server, 'slow_counts', {})).json() as { started: number }).started === 1;
  await waitFor(async () => (await started('changed')) && (await started('gone')), 20_000, 'the calls to run');

  writeServers(file, { changed: fixture('answers.js', ['new']), kept: fixture('env.js') });
  service.kill('SIGHUP');
  await waitFor(() => events(service, 'server runs with its changed settings').length === 1, 20_000, 'the swap');
  expect((await service.call('gone', 'text', {})).status).toBe(404);
  expect((await service.call('changed', 'slow_counts', {})).json()).toMatchObject({ started: 0 });
  expect(pidsOf(service, 'answers.js')).toHaveLength(3);
  for (const { status, text } of await Promise.all(calls)) expect([status, text]).toEqual([200, '"slept"']);
  await waitFor(() => pidsOf(service, 'answers.js').length === 1, 10_000, 'the old processes to end');
});

test('thirty reloads under load fail no call, neither of the changed server nor of the one that is not', async () => {
  const file = join(temporaryFolder(), 'servers.json');
  const write = (turn: number) =>
    writeServers(file, { kept: fixture('env.js', ['kept']), changed: fixture('env.js', [String(turn)]) });
  write(0);
  const service = await startService({ args: ['--config', file], env: { MCPO_RATE_LIMIT: 'off' } });
  const [keptPid] = pidsOf(service, 'env.js kept');
  let isOver = false;
  const wrong: string[] = [];
  const seen = { kept: new Set<string>(), changed: new Set<string>() };
  const callers = (['kept', 'changed'] as const).flatMap((server) =>
    Array.from({ length: 4 }, async () => {
      while (!isOver && wrong.length === 0) {
        const { status, text } = await service.call(server, 'environment', {});
        if (status === 200) seen[server].add((JSON.parse(text) as { args: string[] }).args.join());
        else wrong.push(`${server}: ${status} ${text}`);
      }
    }),
  );
  for (let turn = 1; turn <= 30; turn++) {
    write(turn);
    service.kill('SIGHUP');
    await waitFor(() => events(service, 'configuration reloaded').length === turn, 5_000, `reload ${turn}`);
    // Some of them are overtaken on their way.
    if (turn % 3 === 0) await whenSettled(service, 'changed');
  }
  await whenSettled(service, 'changed');
  expect(await argsOf(service, 'changed')).toEqual(['30']);
  isOver = true;
  await Promise.all(callers);
  expect(wrong).toEqual([]);
  expect([...seen.kept]).toEqual(['kept']);
  expect(seen.changed.size).toBeGreaterThan(10);
  expect(pidsOf(service, 'env.js kept')).toEqual([keptPid]);
  await waitFor(() => service.children().length === 2, 10_000, 'the processes of the old sessions to end');
}, 60_000);
