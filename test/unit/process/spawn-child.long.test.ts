import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { SessionOpenError } from '../../../src/errors.ts';
import { type ChildOptions, type RunningChild, spawnChild } from '../../../src/process/spawn-child.ts';
import { watchdog } from '../../../src/process/watchdog.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';
import { waitFor } from '../../wait-for.ts';
import { isRunning } from '../mcp/open-fixture.ts';

const children: RunningChild[] = [];

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.terminate()));
});

async function start(program: string, options: Partial<ChildOptions> = {}): Promise<RunningChild> {
  const child = await spawnChild({
    command: process.execPath,
    args: ['-e', program],
    env: {},
    cwd: undefined,
    redact: new Redactor().redactorFor(),
    ...options,
  });
  child.stdout.resume();
  children.push(child);
  return child;
}

const GRANDCHILD = `process.on('SIGTERM', () => {}); console.log(process.pid); setInterval(() => {}, 1000);`;
const STARTS_GRANDCHILD = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(GRANDCHILD)}], { stdio: 'inherit' });`;

async function startWithGrandchild(program: string): Promise<{ child: RunningChild; grandchild: number }> {
  const child = await start(`${STARTS_GRANDCHILD} ${program}`);
  const [line] = await once(child.stdout, 'data');
  return { child, grandchild: Number(String(line)) };
}

describe('a child', () => {
  test('gets its own environment and nothing else', async () => {
    const child = await start('console.error(JSON.stringify(process.env))', { env: { ONLY: 'this' } });
    expect(await child.exited).toBe('ended with code 0');
    expect(child.lastLines()).toEqual(['{"ONLY":"this"}']);
  });

  test.each([
    { program: 'process.exit(3)', reason: 'ended with code 3' },
    { program: 'process.kill(process.pid, "SIGKILL")', reason: 'was killed by SIGKILL' },
  ])('tells that it $reason', async ({ program, reason }) => {
    expect(await (await start(program)).exited).toBe(reason);
  });

  test('ends by the end of its input without a signal', async () => {
    const child = await start('process.stdin.resume(); process.on("SIGTERM", () => process.exit(9))');
    await child.terminate();
    expect(await child.exited).toBe('ended with code 0');
  });

  test('ends by SIGTERM where the end of its input is not enough', async () => {
    const child = await start('console.log("up"); setInterval(() => {}, 1000)');
    await child.terminate();
    expect(await child.exited).toBe('was killed by SIGTERM');
  });

  test('keeps no more of a flood on stderr than the last lines, cut in length', async () => {
    const lines: string[] = [];
    const program = `
      const line = 'x'.repeat(5_000) + '\\n';
      process.stderr.write(line.repeat(2_000) + 'the last one\\n', () => process.exit(0));`;
    const child = await start(program, { onStderrLine: (line) => lines.push(line) });
    await child.exited;
    const lastLines = child.lastLines();
    expect(lastLines).toHaveLength(20);
    expect(lastLines.at(-1)).toBe('the last one');
    expect(Math.max(...lastLines.map((line) => line.length))).toBe(2_000);
    expect(lines.length).toBeLessThan(1_500);
  });
});

describe('a grandchild that ignores SIGTERM and holds the pipes', () => {
  test('does not outlive the end of its parent’s session', async () => {
    const { child, grandchild } = await startWithGrandchild('process.stdin.resume();');
    expect(await isRunning(grandchild)).toBe(true);
    await child.terminate();
    expect(await isRunning(grandchild)).toBe(false);
    expect(await isRunning(child.pid)).toBe(false);
  });

  test('does not outlive a parent that is killed, whose death is seen while the pipes are held', async () => {
    const { child, grandchild } = await startWithGrandchild('setInterval(() => {}, 1000);');
    process.kill(child.pid, 'SIGKILL');
    expect(await child.exited).toBe('was killed by SIGKILL');
    await waitFor(async () => !(await isRunning(grandchild)));
  });

  test('is killed by the last resort at the end of the service', async () => {
    const { child, grandchild } = await startWithGrandchild('setInterval(() => {}, 1000);');
    watchdog.killAll();
    await child.exited;
    await waitFor(async () => !(await isRunning(grandchild)));
  });
});

test.each([
  {
    name: 'an unknown command',
    options: { command: 'no-such-command' },
    reason: 'its command was not found',
    detail: 'command "no-such-command" is not on PATH',
  },
  {
    name: 'a file that is not there',
    options: { command: '/no/such/file' },
    reason: 'its command was not found',
    detail: 'command "file" does not exist',
  },
  {
    name: 'a file that is no program',
    options: { command: new URL(import.meta.url).pathname },
    reason: 'its command may not be executed (EACCES)',
    detail: 'command "spawn-child.long.test.ts"',
  },
  {
    name: 'a wrong working directory',
    options: { cwd: '/no/such/folder' },
    reason: 'its working directory (cwd) does not exist or is not a folder',
    detail: undefined,
  },
  {
    name: 'a NUL',
    options: { args: ['secret\0'] },
    reason: 'the arguments or environment of its command hold a NUL character',
    detail: expect.stringContaining('command "node'),
  },
])('$name is told without the environment, the arguments or a path', async ({ options, reason, detail }) => {
  const failure = await start('', { env: { TOKEN: 'secret' }, ...options }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SessionOpenError);
  expect(failure).toMatchObject({ message: reason, detail });
  expect((failure as Error).cause).toBeUndefined();
  expect(JSON.stringify([failure, (failure as Error).message])).not.toMatch(/secret|\/no\//);
});
