import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { fixture, repositoryFolder, runCommand, test } from './harness.ts';

const servers = { answers: fixture('answers.js') };

test('version prints that of the package', async () => {
  const manifest = JSON.parse(readFileSync(join(repositoryFolder, 'package.json'), 'utf8')) as { version: string };
  const exit = await runCommand(['version']);
  expect([exit.code, exit.stdout.trim()]).toEqual([0, manifest.version]);
});

test('--help lists every flag and sub-command', async () => {
  const exit = await runCommand(['--help']);
  expect(exit.code).toBe(0);
  for (const word of ['--config', '--api-key', '--strict-auth', '--path-prefix', 'check', 'openapi', 'openwebui']) {
    expect(exit.stdout).toContain(word);
  }
});

test('check passes a good config and starts nothing', async () => {
  const exit = await runCommand(['check'], { servers });
  expect(exit.code).toBe(0);
  expect(exit.stdout).toContain('answers');
});

test('check finds a command that is not on the PATH', async () => {
  const exit = await runCommand(['check'], { servers: { ...servers, gone: { command: 'mcpo-ts-no-such-command' } } });
  expect(exit.code).not.toBe(0);
  expect(exit.stdout + exit.stderr).toMatch(/gone.*mcpo-ts-no-such-command/s);
});

test('check refuses a bad config with exit 2', async () => {
  const exit = await runCommand(['check'], { servers: { bad: { command: 'node', timeoutMs: 'soon' } } });
  expect(exit.code).toBe(2);
  expect(exit.stderr).toMatch(/"bad".*timeoutMs/);
});

test('check --start lists the tools of each server and names the one that does not start', async () => {
  const exit = await runCommand(['check', '--start'], { servers: { ...servers, dies: fixture('dies-at-start.js') } });
  expect(exit.code).not.toBe(0);
  expect(exit.stdout).toMatch(/resource_link/);
  expect(exit.stdout + exit.stderr).toMatch(/DEMO_TOKEN is not set/);
});

test('openapi prints the document of one server and of all', async () => {
  const one = await runCommand(['openapi', 'answers'], { servers });
  expect(one.code).toBe(0);
  expect(JSON.parse(one.stdout)).toMatchObject({ openapi: expect.stringMatching(/^3\.1/), paths: { '/text': {} } });
  const all = await runCommand(['openapi'], { servers });
  expect(JSON.parse(all.stdout)).toMatchObject({ paths: { '/answers/text': {} } });
});

test('openapi of an unknown server → exit 2 that names the known ones', async () => {
  const exit = await runCommand(['openapi', 'anwsers'], { servers });
  expect(exit.code).toBe(2);
  expect(exit.stderr).toContain('answers');
  expect(exit.stdout).toBe('');
});

test('openwebui prints connections that can be imported', async () => {
  const exit = await runCommand(['openwebui'], { servers });
  expect(exit.code).toBe(0);
  const connections = JSON.parse(exit.stdout) as { url: string; path: string }[];
  expect(connections).toHaveLength(1);
  expect(connections[0]?.url).toMatch(/\/answers$/);
  expect(connections[0]?.path).toBe('openapi.json');
});
