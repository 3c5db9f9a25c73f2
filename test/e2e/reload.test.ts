import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { fixture, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';
import { argsOf, events, pidsOf, writeServers } from './reload-steps.ts';

const kept = fixture('answers.js');

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

  test(`${name}: a broken file changes nothing and is reported in the log`, async () => {
    const file = join(temporaryFolder(), 'servers.json');
    writeServers(file, { kept });
    const service = await startService({ args: ['--config', file, ...args] });
    writeFileSync(file, '{"mcpServers": {"kept": {"command": 7}}}');
    notice(service);
    await waitFor(() => /servers\.json.*command/s.test(service.stderr()), 10_000, 'the log to report it');
    expect((await service.call('kept', 'text', {})).status).toBe(200);
  });
}

test('changed settings that do not work leave the old session serving, with a restriction at once, until they are mended', async () => {
  const file = join(temporaryFolder(), 'servers.json');
  const open = fixture('env.js', ['old']);
  writeServers(file, { one: open, two: fixture('env.js', ['old']) });
  const service = await startService({ args: ['--config', file] });
  const pids = pidsOf(service, 'env.js');

  const access = { roles: ['admin'] };
  writeServers(file, { one: fixture('dies-at-start.js', []), two: fixture('dies-at-start.js', [], { access }) });
  service.kill('SIGHUP');
  const reasonOf = async (server: string) => (await service.serverStates()).get(server)?.reason ?? '';
  await waitFor(async () => (await reasonOf('one')).startsWith('its changed settings do not work yet: '));
  expect((await service.serverStates()).get('one')?.state).toBe('ready');
  expect(await argsOf(service, 'one')).toEqual(['old']);
  expect([401, 403]).toContain((await service.call('two', 'environment', {})).status);
  expect(pidsOf(service, 'env.js')).toEqual(pids);
  const warnings = events(service, 'the changed settings of the server do not work yet; the previous ones stay in use');
  // Both start side by side, so either may be reported first.
  expect(warnings).toContainEqual(expect.objectContaining({ level: 'warn', server: 'one' }));
  const page = await service.get('/');
  expect(page.text).toContain('its changed settings do not work yet');

  writeServers(file, { one: fixture('env.js', ['new']), two: open });
  service.kill('SIGHUP');
  await waitFor(async () => (await argsOf(service, 'one'))[0] === 'new');
  expect(await argsOf(service, 'two')).toEqual(['old']);
  await waitFor(() => pidsOf(service, 'env.js').length === 2 && pidsOf(service, 'dies-at-start.js').length === 0);
});

test('--hot-reload sees a file replaced by renaming, a link that leads elsewhere, and environment files', async () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  const variables = async () => {
    const { env, args } = (await service.call('one', 'environment', {})).json() as {
      env: Record<string, string>;
      args: string[];
    };
    return [args[0], env.GIVEN, env.OF_FILE];
  };
  const one = (arg: string) => ({ one: fixture('env.js', [arg], { envFile: 'one.env' }) });
  writeFileSync(at('given.env'), 'GIVEN=1');
  writeFileSync(at('one.env'), 'OF_FILE=1');
  writeServers(at('first.json'), one('first'));
  writeServers(at('second.json'), one('second'));
  symlinkSync('first.json', at('servers.json'));
  const service = await startService({
    args: ['--config', at('servers.json'), '--env-path', at('given.env'), '--hot-reload'],
  });
  expect(await variables()).toEqual(['first', '1', '1']);
  symlinkSync('second.json', at('new'));
  renameSync(at('new'), at('servers.json'));
  await waitFor(async () => (await variables())[0] === 'second');
  writeServers(at('new'), one('third'));
  renameSync(at('new'), at('second.json'));
  await waitFor(async () => (await variables())[0] === 'third');
  writeFileSync(at('given.env'), 'GIVEN=2');
  await waitFor(async () => (await variables())[1] === '2');
  writeFileSync(at('one.env'), 'OF_FILE=2');
  await waitFor(async () => (await variables())[2] === '2');
  expect(events(service, 'configuration reloaded')).toHaveLength(4);
});

test('--hot-reload sees the swap of a mounted ConfigMap', async () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  for (const version of ['..2026_1', '..2026_2']) {
    mkdirSync(at(version));
    writeServers(join(at(version), 'servers.json'), { one: fixture('env.js', [version]) });
  }
  symlinkSync('..2026_1', at('..data'));
  symlinkSync('..data/servers.json', at('servers.json'));
  const service = await startService({ args: ['--config', at('servers.json'), '--hot-reload'] });
  expect(await argsOf(service, 'one')).toEqual(['..2026_1']);
  symlinkSync('..2026_2', at('..data_tmp'));
  renameSync(at('..data_tmp'), at('..data'));
  rmSync(at('..2026_1'), { recursive: true });
  await waitFor(async () => (await argsOf(service, 'one'))[0] === '..2026_2');
});

test('the result of a reload is one event in the log and stands on the start page, without the folder of the file', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'servers.json');
  writeServers(file, { kept, gone: fixture('env.js') });
  const service = await startService({ args: ['--config', file] });
  expect((await service.get('/')).text).not.toContain('reloaded');

  writeServers(file, { kept, fresh: fixture('env.js') });
  service.kill('SIGHUP');
  await waitFor(() => events(service, 'configuration reloaded').length === 1);
  expect(events(service, 'configuration reloaded')[0]).toMatchObject({
    added: ['fresh'],
    changed: [],
    removed: ['gone'],
  });
  expect((await service.get('/')).text).toMatch(/The configuration was reloaded at .*; added: fresh; removed: gone\./);

  writeFileSync(file, '{"mcpServers": {\n"kept": {"command": 7, "envFile": "none.env"},\n"<b>": {"comand": "x"}}}');
  service.kill('SIGHUP');
  const message = 'the configuration was not reloaded; the previous configuration stays in use';
  await waitFor(() => events(service, message).length === 1);
  const [refused] = events(service, message);
  expect(refused).toMatchObject({ level: 'error' });
  expect(String(refused?.reasons)).toContain(`${file}:2: server "kept", key "command"`);
  const page = (await service.get('/')).text;
  expect(page).toContain('<li>servers.json:2: server &quot;kept&quot;, key &quot;command&quot;');
  expect(page).toContain('servers.json:3: server &quot;&lt;b&gt;&quot;');
  expect(page).not.toContain(folder);
  expect((await service.call('kept', 'text', {})).status).toBe(200);
});
