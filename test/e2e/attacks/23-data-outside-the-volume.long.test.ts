import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { fixture, repositoryFolder, runCommand, startService, temporaryFolder, test } from '../harness.ts';

const key = 'key-of-the-data-folder-test-41f8';
const userServer = { keyed: fixture('env.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: {} } }) };

test('an empty MCPO_DATA_DIR of an env_file keeps the folder of the image', async () => {
  const image = temporaryFolder();
  for (const empty of ['', '  ']) {
    const service = await startService({
      servers: userServer,
      env: { MCPO_API_KEY: key, MCPO_DATA_DIR: empty, MCPO_DEFAULT_DATA_DIR: image },
    });
    expect(existsSync(join(image, 'vault.key'))).toBe(true);
    await service.stop();
  }
  const other = temporaryFolder();
  await startService({
    servers: userServer,
    env: { MCPO_API_KEY: key, MCPO_DATA_DIR: other, MCPO_DEFAULT_DATA_DIR: image },
  });
  expect(existsSync(join(other, 'vault.key'))).toBe(true);
  expect(readFileSync(join(repositoryFolder, 'Dockerfile'), 'utf8')).toMatch(/MCPO_DEFAULT_DATA_DIR=\/data\b/);
  expect(readFileSync(join(repositoryFolder, 'Dockerfile'), 'utf8')).not.toMatch(/^ENV .*MCPO_DATA_DIR=/m);
});

test('.env.example as an env_file starts, and changes nothing', async () => {
  const text = readFileSync(join(repositoryFolder, '.env.example'), 'utf8');
  const variables = text.split('\n').flatMap((line) => [...line.matchAll(/^([A-Z_]+)=(.*)$/g)]);
  const env = Object.fromEntries(variables.map(([, name = '', value = '']) => [name, value]));
  expect(Object.keys(env)).toContain('MCPO_DATA_DIR');
  const image = temporaryFolder();
  const service = await startService({
    servers: userServer,
    env: { ...env, MCPO_API_KEY: key, MCPO_DEFAULT_DATA_DIR: image },
  });
  expect(existsSync(join(image, 'vault.key'))).toBe(true);
  expect(service.stderr()).not.toContain('"level":"error"');
});

const canMount = spawnSync('unshare', ['-m', 'true']).status === 0;
const inNamespace = canMount ? test : (name: string) => console.warn(`not run, no mount namespaces here: ${name}`);

inNamespace('in a container, a data folder that is on no volume warns, and one on a volume does not', () => {
  const folder = temporaryFolder();
  const data = join(folder, 'data');
  const disk = join(folder, 'disk');
  mkdirSync(data);
  mkdirSync(disk);
  const config = join(folder, 'servers.json');
  writeFileSync(config, JSON.stringify({ mcpServers: { answers: fixture('answers.js') } }));
  const cli = process.env.CLI_UNDER_TEST ?? join(repositoryFolder, 'dist/cli.js');
  // In a mount namespace of its own, /run says that this is a container.
  const start = (mount: string) =>
    execFileSync(
      'unshare',
      [
        '-m',
        'sh',
        '-c',
        `mount -t tmpfs none /run && touch /run/.containerenv && ${mount} exec timeout -s TERM 4 "$0" "$@" 2>&1`,
        process.execPath,
        cli,
        '--port',
        '0',
        '--config',
        config,
      ],
      { env: { PATH: process.env.PATH, HOME: folder, MCPO_DATA_DIR: data, LOG_FORMAT: 'json' }, encoding: 'utf8' },
    );
  const outcome = (mount: string) => {
    try {
      return start(mount);
    } catch (error) {
      // `timeout` says by its status that it had to end the service.
      return String((error as { stdout?: unknown }).stdout);
    }
  };
  const warning = 'the data folder is not on a volume';
  expect(outcome('')).toContain(warning);
  expect(outcome(`mount -t tmpfs none ${data} &&`)).toContain(warning);
  const onVolume = outcome(`mount --bind ${disk} ${data} &&`);
  expect(onVolume).toContain('Listening on');
  expect(onVolume).not.toContain(warning);
});

test('a new vault key is not made beside a database with secrets', async () => {
  const dataDir = temporaryFolder();
  const env = { MCPO_API_KEY: key, MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: dataDir };
  const service = await startService({ servers: userServer, env });
  const saved = await service.request('PUT', '/vault/api/servers/keyed/variables/TOKEN', {
    headers: { authorization: `Bearer ${key}`, 'x-openwebui-user-id': 'ann', 'content-type': 'application/json' },
    body: JSON.stringify({ value: 'value-of-ann' }),
  });
  expect(saved.status).toBe(204);
  await service.stop();
  rmSync(join(dataDir, 'vault.key'));
  const { code, stderr } = await runCommand([], { servers: userServer, env, args: ['--port', '0'] });
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/key/);
});
