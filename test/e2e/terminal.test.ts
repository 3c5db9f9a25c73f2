import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect } from '@jest/globals';
import { fixture, repositoryFolder, runCommand, temporaryFolder, test, waitFor } from './harness.ts';

const cli = join(repositoryFolder, 'dist/cli.js');
const CLEAR = '\r\u001b[2K';
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[3\\dm`);

/** Runs the command on a pseudo-terminal of its own. */
function runOnTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const folder = temporaryFolder();
  const line = ['stty cols 120;', 'exec', process.execPath, cli, ...args].join(' ');
  const child = spawn('script', ['-qefc', line, '/dev/null'], {
    env: { PATH: process.env.PATH, HOME: folder, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const exited = new Promise<number | null>((resolve) => {
    child.on('exit', (code) => resolve(code));
  });
  return { child, text: () => text, exited };
}

function serversFile(servers: object): string {
  const file = join(temporaryFolder(), 'servers.json');
  writeFileSync(file, JSON.stringify({ mcpServers: servers }));
  return file;
}

const servers = { answers: fixture('answers.js'), slow: fixture('slow-start.js', ['2500']) };

describe('on a terminal', () => {
  test('a live line counts the servers that are ready, and log lines stay whole', async () => {
    const dies = fixture('dies-at-start.js');
    const run = runOnTerminal(['--config', serversFile({ ...servers, dies }), '--port', '0']);
    const whole = /INFO .*2 of 3 servers ready, \d+ tools .*failing=dies/;
    await waitFor(() => whole.test(run.text()), 20_000, 'the summary');
    // Ctrl-C.
    run.child.stdin.write('\u0003');
    await run.exited;
    const text = run.text();
    expect(text).toMatch(/1 of 3 servers ready, \d+ tools; waiting for slow \(\d s\); failing: dies/);
    expect(text).toMatch(COLOUR);
    // What is left on the screen: each line from its last clearing on.
    const shown = text.split(/\r?\n/).map((line) => stripVTControlCharacters(line.split(CLEAR).at(-1) ?? ''));
    for (const line of shown) expect(line).not.toMatch(/waiting for/);
    expect(shown).toContainEqual(expect.stringMatching(/^\d\d:\d\d:\d\d INFO {2}server is ready server=slow tools=1$/));
    expect(shown).toContainEqual(expect.stringMatching(/^\d\d:\d\d:\d\d WARN {2}server failed; .*server=dies/));
    expect(shown).toContainEqual(expect.stringMatching(/^Listening on http:/));
  });

  test('check --start draws its progress, and the result has colours; NO_COLOR turns them off', async () => {
    const file = serversFile(servers);
    const run = runOnTerminal(['check', '--start', '--config', file]);
    expect(await run.exited).toBe(0);
    expect(run.text()).toMatch(/1 of 2 servers ready, \d+ tools; waiting for slow/);
    expect(run.text()).toContain('\u001b[32mok    \u001b[39m  slow  ready, 1 tool');
    const plain = runOnTerminal(['check', '--config', file], { NO_COLOR: '1' });
    expect(await plain.exited).toBe(0);
    expect(plain.text()).not.toMatch(COLOUR);
  });

  test('vault erase-user asks', async () => {
    const env = { MCPO_DATA_DIR: temporaryFolder() };
    await runCommand(['key', 'create', '--id', 'a', '--user', 'alice'], { env });
    for (const [answer, code, said] of [
      ['n\r', 1, /Nothing was erased/],
      ['\u0003', 1, /Nothing was erased/],
      ['y\r', 0, /are gone/],
    ] as const) {
      const run = runOnTerminal(['vault', 'erase-user', 'alice'], env);
      await waitFor(() => run.text().includes('[y/N]'), 20_000, 'the question');
      run.child.stdin.write(answer);
      expect([await run.exited, run.text()]).toEqual([code, expect.stringMatching(said)]);
    }
  });
});

describe('elsewhere', () => {
  const options = { servers: { answers: fixture('answers.js') } };

  test('a pipe has no colours, unless FORCE_COLOR wants them', async () => {
    const exit = await runCommand(['check'], { ...options, env: { TERM: 'xterm' } });
    expect(exit.stdout + exit.stderr).not.toContain('\u001b');
    const forced = await runCommand(['check'], { ...options, env: { FORCE_COLOR: '1' } });
    expect(forced.stdout).toMatch(COLOUR);
    const off = await runCommand(['check'], { ...options, env: { FORCE_COLOR: '0' } });
    expect(off.stdout).not.toMatch(COLOUR);
  });
});
