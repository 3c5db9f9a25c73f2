import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { fixture, runCommand, startService, temporaryFolder, test, waitFor } from './harness.ts';

const KEY = 'c1f7e02b9d6a4538aa10';
const PASSWORD = '9c2be5d1f0a74e6b';

interface Report {
  readonly format: number;
  readonly summary: Readonly<Record<string, number>>;
  readonly checks: readonly {
    readonly id: string;
    readonly state: string;
    readonly findings: readonly { readonly message: string }[];
  }[];
}

const stateOf = ({ checks }: Report, id: string) => checks.find((check) => check.id === id)?.state;

describe('mcpo-ts doctor', () => {
  test('beside the running service it finds it, its headers and its audit log, and changes nothing', async () => {
    const dataDir = temporaryFolder();
    chmodSync(dataDir, 0o700);
    const log = join(dataDir, 'audit.log');
    const env = { MCPO_API_KEY: KEY, MCPO_DATA_DIR: dataDir, SECURITY_LOG_FILE: log };
    const service = await startService({ servers: { answers: fixture('answers.js') }, env });
    expect((await service.call('answers', 'text', {}, { authorization: `Bearer ${KEY}` })).status).toBe(200);
    await waitFor(() => readFileSync(log, 'utf8').includes('answers/text'), 5_000, 'the call in the log');

    const { stdout, code } = await runCommand(['doctor', '--json'], {
      servers: { answers: fixture('answers.js') },
      env,
    });
    const report = JSON.parse(stdout) as Report;
    expect(report.format).toBe(1);
    const states = [
      'running',
      'response-headers',
      'audit-chain',
      'database',
      'migrations',
      'data-folder',
      'secret-files',
    ];
    expect(Object.fromEntries(states.map((id) => [id, stateOf(report, id)]))).toEqual(
      Object.fromEntries(states.map((id) => [id, 'ok'])),
    );
    expect(code).toBe((report.summary.problem ?? 0) > 0 ? 1 : 0);
    expect(report.checks.length).toBe(Object.values(report.summary).reduce((sum, count) => sum + count));
    expect((await service.call('answers', 'text', {}, { authorization: `Bearer ${KEY}` })).status).toBe(200);
    await service.stop();

    const line = readFileSync(log, 'utf8').replace('answers/text', 'answers/test');
    writeFileSync(log, line);
    const after = await runCommand(['doctor', '--json'], { servers: { answers: fixture('answers.js') }, env });
    expect(stateOf(JSON.parse(after.stdout) as Report, 'audit-chain')).toBe('problem');
    expect(stateOf(JSON.parse(after.stdout) as Report, 'running')).toBe('unknown');
    expect(after.code).toBe(1);
  });

  test('the text names each problem with what to do, and no secret', async () => {
    const config = {
      mcpServers: {
        tracker: {
          url: `http://${PASSWORD}:x@example.org/mcp/?key=${KEY}`,
          headers: { Authorization: `Bearer ${KEY}` },
        },
        bridge: { command: 'npx', args: ['-y', 'mcp-remote@0.1.1', `--token=${KEY}`] },
      },
    };
    const env = { API_KEY: 'changeme', MCPO_REDIS_URL: `redis://user:${PASSWORD}@127.0.0.1:1` };
    for (const format of [['--json'], ['--all'], []]) {
      const { stdout, stderr, code } = await runCommand(['doctor', ...format], { config, env });
      expect(code).toBe(1);
      expect(stdout).toContain('API_KEY has fewer than 16 characters');
      expect(stdout).toContain('plain-http');
      expect(stdout).toContain('known-holes');
      for (const secret of [KEY, PASSWORD, 'changeme']) expect(stdout + stderr).not.toContain(secret);
      if (format.length === 0) expect(stdout).toMatch(/\n\d+ checks: \d+ problems, .*\.\n$/);
    }
  });

  test('exit codes: warnings fail only where that is asked for, wrong flags are usage errors', async () => {
    const options = { config: { mcpServers: { far: { url: 'https://mcp.example.org' } } }, env: { MCPO_API_KEY: KEY } };
    // Whoever runs this test may be root, in a container without a volume.
    const env = { ...options.env, MCPO_DATA_DIR: '/proc/none' };
    const report = await runCommand(['doctor', '--json'], { ...options, env });
    const { summary, checks } = JSON.parse(report.stdout) as Report;
    const problems = checks.filter(({ state }) => state === 'problem').map(({ id }) => id);
    expect(problems.filter((id) => id !== 'data-volume')).toEqual([]);
    expect(report.code).toBe(problems.length > 0 ? 1 : 0);
    expect(summary.warning).toBeGreaterThan(0);
    expect((await runCommand(['doctor', '--fail-on', 'warning'], { ...options, env })).code).toBe(1);
    expect(await runCommand(['doctor', '--fail-on', 'nothing'], options)).toMatchObject({ code: 2, stdout: '' });
    expect(await runCommand(['doctor', 'servers.json'], options)).toMatchObject({ code: 2, stdout: '' });
  });

  test('without a servers file, or with a broken one, it examines the rest', async () => {
    const without = await runCommand(['doctor', '--json'], { env: { MCPO_API_KEY: KEY } });
    expect(stateOf(JSON.parse(without.stdout) as Report, 'server-sandbox')).toBe('not-applicable');
    expect(stateOf(JSON.parse(without.stdout) as Report, 'cors')).toBe('warning');
    const broken = await runCommand(['doctor', '--json'], {
      config: '{"mcpServers": {',
      env: { MCPO_API_KEY: 'changeme' },
    });
    const report = JSON.parse(broken.stdout) as Report;
    expect(stateOf(report, 'configuration')).toBe('problem');
    expect(stateOf(report, 'weak-secrets')).toBe('problem');
    expect(stateOf(report, 'server-sandbox')).toBe('not-applicable');
  });
});

test('at its start the service warns of the worst problems once, each with its id', async () => {
  const dataDir = temporaryFolder();
  chmodSync(dataDir, 0o755);
  const service = await startService({
    servers: {
      answers: fixture('answers.js'),
      far: { url: 'http://mcp.invalid/mcp', headers: { Authorization: `Bearer ${KEY}` } },
    },
    args: ['--host', '127.0.0.1'],
    env: { MCPO_API_KEY: KEY, MCPO_DATA_DIR: dataDir },
  });
  await waitFor(() => service.stderr().includes('(plain-http)'), 10_000, 'the warnings');
  const warnings = service
    .stderr()
    .split('\n')
    .filter((line) => /\((data-folder|plain-http)\)/.test(line));
  expect(warnings).toHaveLength(2);
  expect(warnings.join('\n')).toMatch(/chmod 700/);
  expect(warnings.every((line) => line.includes('"level":"warn"'))).toBe(true);
  expect(service.stderr()).not.toContain(KEY);
});
