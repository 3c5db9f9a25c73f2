import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { fixture, runCommand, startService, temporaryFolder, test, waitFor } from './harness.ts';

const KEY = 'key-of-the-first-day-8c41d2';
const servers = { env: fixture('env.js') };

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

describe('what people bring along from mcpo', () => {
  const cwd = folderWith({
    '.env': `API_KEY=${KEY}\nMEMORY_FILE_PATH=/data/memory.json\n`,
    'config.json': JSON.stringify({ mcpServers: servers }),
  });

  test('a .env with API_KEY is named with the flag that reads it, at the start and by check', async () => {
    const wanted = /the file \.env in this folder sets API_KEY and is not read; add --env-path \.env/;
    const check = await runCommand(['check'], { servers, cwd });
    expect([check.code, check.stderr]).toEqual([0, expect.stringMatching(wanted)]);
    expect(check.stderr).not.toContain(KEY);
    const open = await runCommand(['--host', '0.0.0.0', '--port', '0'], { servers, cwd });
    expect([open.code, open.stderr]).toEqual([
      2,
      expect.stringMatching(/set MCPO_API_KEY, .*The file \.env .*API_KEY/),
    ]);
    const service = await startService({ servers, cwd });
    expect(service.stderr()).toMatch(wanted);
  });

  test('with that flag the key counts, and the server gets the rest', async () => {
    const service = await startService({ servers, cwd, args: ['--env-path', '.env', '--host', '127.0.0.1'] });
    expect((await service.call('env', 'environment', {})).status).toBe(401);
    const answer = await service.call('env', 'environment', {}, { authorization: `Bearer ${KEY}` });
    expect(answer.json()).toMatchObject({ env: { MEMORY_FILE_PATH: '/data/memory.json' } });
    expect(answer.text).not.toContain(KEY);
  });

  test('--host and --port without a file name the one that is there', async () => {
    const exit = await runCommand(['--host', '0.0.0.0', '--port', '8000'], { cwd });
    expect([exit.code, exit.stderr]).toEqual([2, expect.stringMatching(/mcpo-ts --config config\.json\n$/)]);
    const empty = await runCommand(['--host', '0.0.0.0', '--port', '8000']);
    expect([empty.code, empty.stderr]).toEqual([2, expect.stringMatching(/give a servers file .* after --/)]);
  });

  test('a variable of the environment that the server does not get is named', async () => {
    const env = { MEMORY_FILE_PATH: '/data/memory.json' };
    const named = { memory: fixture('env.js') };
    const check = await runCommand(['check'], { servers: named, env });
    expect(check.stderr).toMatch(
      /server "memory": MEMORY_FILE_PATH is set .* add "inheritEnv": \["MEMORY_FILE_PATH"\]/,
    );
    const inherits = await runCommand(['check'], {
      servers: { memory: { ...named.memory, inheritEnv: ['MEMORY_*'] } },
      env,
    });
    expect([inherits.code, inherits.stderr]).toEqual([0, '']);
  });
});

describe('what would fail later', () => {
  const jira = fixture('env.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Jira token' } } });

  test('users who set values, and nothing that says who calls', async () => {
    const options = { servers: { jira }, env: { MCPO_API_KEY: KEY } };
    const wanted = /calls to \\?"jira\\?" will be refused: it has to know who calls/;
    const check = await runCommand(['check'], options);
    expect(check.stderr).toMatch(wanted);
    expect(check.stderr).toMatch(/set MCPO_PUBLIC_URL/);
    expect((await startService(options)).stderr()).toMatch(wanted);
  });

  test('a link with a host that no browser reaches is logged once', async () => {
    const env = { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true' };
    const service = await startService({ servers: { jira }, env, args: ['--host', '127.0.0.1'] });
    const call = () =>
      service.call(
        'jira',
        'environment',
        {},
        {
          authorization: `Bearer ${KEY}`,
          host: 'mcpo:8000',
          'x-openwebui-user-id': 'alice',
        },
      );
    expect((await call()).text).toContain('http://mcpo:8000/vault/link/');
    await call();
    await waitFor(() => service.stderr().includes('set MCPO_PUBLIC_URL'), 5_000, 'the warning');
    expect(service.stderr().split('set MCPO_PUBLIC_URL')).toHaveLength(2);
    expect(service.stderr()).toContain('"host":"mcpo:8000"');
  });
});

test('a failure of a server is one line, with the time of the next try', async () => {
  const service = await startService({ servers: { dies: fixture('dies-at-start.js') } });
  const lines = () =>
    service
      .stderr()
      .split('\n')
      .filter((line) => line.includes('"server":"dies"'));
  await waitFor(() => lines().length >= 3, 20_000, 'three failures');
  for (const line of lines())
    expect(line).toMatch(/"message":"server failed[^"]*; (trying again now|next try in [^"]* s)"/);
});
