import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { fixture, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';

const kept = fixture('answers.js');

function writeServers(file: string, servers: object): void {
  writeFileSync(file, JSON.stringify({ mcpServers: servers }));
}

function pidsOf(service: Service, program: string): number[] {
  return service
    .children()
    .filter(({ command }) => command.includes(program))
    .map(({ pid }) => pid);
}

for (const [name, args, notice] of [
  ['SIGHUP', [], (service: Service) => service.kill('SIGHUP')],
  ['--hot-reload', ['--hot-reload'], () => {}],
] as const) {
  test(`${name}: new servers start, missing ones end, unchanged ones notice nothing`, async () => {
    const file = join(temporaryFolder(), 'servers.json');
    writeServers(file, { kept, gone: fixture('many.js', ['1']), changed: fixture('env.js', ['before']) });
    const service = await startService({ args: ['--config', file, ...args] });
    const [keptPid] = pidsOf(service, 'answers.js');

    writeServers(file, { kept, fresh: fixture('strict-schema.js'), changed: fixture('env.js', ['after']) });
    notice(service);
    await waitFor(async () => (await service.call('fresh', 'open', {})).status === 200, 10_000, 'the new server');
    await waitFor(async () => (await service.call('gone', 'tool_1', {})).status === 404, 10_000, 'the old one to go');
    await waitFor(async () => {
      const answer = await service.call('changed', 'environment', {});
      return answer.status === 200 && (answer.json() as { args: string[] }).args[0] === 'after';
    });
    expect(pidsOf(service, 'answers.js')).toEqual([keptPid]);
    await waitFor(() => pidsOf(service, 'many.js').length === 0, 10_000, 'the process of the old one to end');
  });

  test(`${name}: a broken file changes nothing and is told in the log`, async () => {
    const file = join(temporaryFolder(), 'servers.json');
    writeServers(file, { kept });
    const service = await startService({ args: ['--config', file, ...args] });
    writeFileSync(file, '{"mcpServers": {"kept": {"command": 7}}}');
    notice(service);
    await waitFor(() => /servers\.json.*command/s.test(service.stderr()), 10_000, 'the log to tell');
    expect((await service.call('kept', 'text', {})).status).toBe(200);
  });
}
