import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect } from '@jest/globals';
import { fixture, repositoryFolder, runCommand, startService, temporaryFolder, test, waitFor } from './harness.ts';
import { linesAbout, logLines } from './log-lines.ts';

const servers = {
  answers: fixture('answers.js'),
  time: { command: join(repositoryFolder, 'node_modules/.bin/time-mcp') },
  dies: fixture('dies-at-start.js'),
};
/** Unset, as in a container: nothing here is a terminal. */
const env = { LOG_FORMAT: '' };

/** `NODE_OPTIONS` that run this in the service's process, before it. */
function preload(code: string): Readonly<Record<string, string>> {
  const file = join(temporaryFolder(), 'preload.mjs');
  // Child processes inherit the variable.
  writeFileSync(file, `if (process.argv[1]?.endsWith('cli.js')) {\n${code}\n}\n`);
  return { ...env, NODE_OPTIONS: `--import ${pathToFileURL(file)}` };
}

describe('where nothing is a terminal', () => {
  test('every line of a whole run is JSON, what a start prints too', async () => {
    const service = await startService({ servers, env, args: ['--log-level', 'debug'] });
    await service.call('answers', 'text', {});
    await service.call('answers', 'tool_error', {});
    await waitFor(() => service.stdout().includes('Try it'), 20_000, 'the line to try');
    service.kill('SIGHUP');
    await service.stop();
    const [first, second] = logLines(service.stdout());
    const url = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(first).toMatchObject({ level: 'info', message: expect.stringMatching(/^Listening on http:/), url });
    const { port } = service;
    expect(first?.servers).toMatchObject({ answers: `http://127.0.0.1:${port}/answers` });
    expect(second).toMatchObject({
      message: 'Try it',
      command: expect.stringContaining(`127.0.0.1:${port}/time/current_time`),
    });
    expect(logLines(service.stderr()).length).toBeGreaterThan(5);
  });

  test('so is the error that ends a start, a line for each problem, and LOG_FORMAT=pretty is for people', async () => {
    const config = { mcpServers: { a: { command: 7 }, b: { url: 'nothing' } } };
    const { code, stderr, stdout } = await runCommand([], { config, env });
    expect([code, stdout]).toEqual([2, '']);
    const lines = logLines(stderr);
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.every(({ level, code: kind }) => level === 'error' && kind === 'config_invalid')).toBe(true);
    expect(logLines((await runCommand(['--bogus'], { env })).stderr)).toMatchObject([{ code: 'usage' }]);
    expect((await runCommand([], { config, env: { LOG_FORMAT: 'pretty' } })).stderr).toMatch(/^mcpo-ts: /);
    // What people type prints for them, also into a pipe.
    expect((await runCommand(['check'], { config, env })).stderr).toMatch(/^mcpo-ts: /m);
  });

  test("Node's warnings are lines of the log, from the first one on", async () => {
    const warn = (text: string) => `process.emitWarning(${JSON.stringify(text)}, 'DeprecationWarning', 'DEP0');`;
    const code = `process.on('newListener', (name) => { if (name === 'SIGHUP') ${warn('an early one')} }); process.on('SIGWINCH', () => { ${warn('a late one')} });`;
    const service = await startService({ servers: { answers: fixture('answers.js') }, env: preload(code) });
    service.kill('SIGWINCH');
    await waitFor(() => service.stderr().includes('a late'), 5_000, 'the late warning');
    const [early] = linesAbout(service.stderr(), 'an early one');
    expect(early).toMatchObject({ level: 'warn', warning: 'DeprecationWarning', code: 'DEP0' });
    expect(linesAbout(service.stderr(), 'a late one')).toHaveLength(1);
  });

  test('and an error that nobody handles, which ends the service with 1', async () => {
    for (const fault of [`throw new Error('boom')`, `void Promise.reject(new Error('boom'))`]) {
      const code = `process.on('SIGWINCH', () => { ${fault}; });`;
      const service = await startService({ servers: { answers: fixture('answers.js') }, env: preload(code) });
      const children = service.children();
      expect(children.length).toBeGreaterThan(0);
      service.kill('SIGWINCH');
      expect((await service.exited).code).toBe(1);
      const [line] = linesAbout(service.stderr(), 'the service ends by a fault of its own');
      expect(line).toMatchObject({ level: 'error', error: expect.stringContaining('Error: boom\n    at ') });
      await waitFor(() => service.children().length === 0, 5_000, 'its children to end');
    }
  });
});
