import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { WATCHDOG_NAME } from '../../../src/process/watchdog.ts';
import { waitFor } from '../../wait-for.ts';
import { isRunning } from '../mcp/open-fixture.ts';
import { compileProcessRoom, type Parent, startParent } from './start-parent.ts';

const MAX_SURVIVAL_MS = 20_000;

let compiled: ReturnType<typeof compileProcessRoom>;
let pids: number[] = [];

beforeAll(() => {
  compiled = compileProcessRoom();
});

afterAll(() => compiled.remove());

afterEach(() => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone, as it should be.
    }
  }
  pids = [];
});

const DEAF = `for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => {});
  setInterval(() => {}, 1000);`;
const GRANDCHILD = `${DEAF} console.log(process.pid);`;
const STUBBORN_WITH_GRANDCHILD = `${DEAF}
  require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(GRANDCHILD)}], { stdio: 'inherit' });`;

/** Starts a stubborn child with a stubborn grandchild that holds the pipes, then does what `next` says. */
const STARTS_CHILD = (next = '') => `
  import { once } from 'node:events';
  import { spawnChild } from './process/spawn-child.js';
  const child = await spawnChild({
    command: process.execPath, args: ['-e', ${JSON.stringify(STUBBORN_WITH_GRANDCHILD)}], env: {}, cwd: undefined,
    redact: (text) => text,
  });
  const [line] = await once(child.stdout, 'data');
  console.log(JSON.stringify({ child: child.pid, grandchild: Number(String(line)) }));
  const keepAlive = setInterval(() => {}, 1000);
  ${next}`;

async function startFamily(next?: string): Promise<{ parent: Parent; family: number[]; watchdog: number }> {
  const parent = startParent(compiled.folder, STARTS_CHILD(next));
  pids.push(parent.pid);
  const { child, grandchild } = (await parent.nextLine()) as { child: number; grandchild: number };
  const watchdog = await waitFor(() => watchdogOf(parent.pid));
  pids.push(child, grandchild, watchdog);
  return { parent, family: [child, grandchild], watchdog };
}

async function areGone(group: readonly number[]): Promise<boolean> {
  return (await Promise.all(group.map(isRunning))).every((runs) => !runs);
}

function watchdogOf(parentPid: number): number | undefined {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      const stat = readText(`/proc/${pid}/stat`);
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      return parent === parentPid && readText(`/proc/${pid}/cmdline`).includes(WATCHDOG_NAME);
    });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

// These look into /proc; what they prove holds on macOS by the same calls.
const onLinux = process.platform === 'linux' ? test : test.skip;

for (const [who, target] of [
  ['the service', (pid: number) => pid],
  ['the service’s whole process group', (pid: number) => -pid],
] as const) {
  onLinux(`after SIGKILL to ${who} neither a stubborn child nor its grandchild is left`, async () => {
    const { parent, family, watchdog } = await startFamily();
    expect(await areGone(family)).toBe(false);
    process.kill(target(parent.pid), 'SIGKILL');
    await parent.ended;
    await waitFor(() => areGone([...family, watchdog]), MAX_SURVIVAL_MS);
  });
}

onLinux('the signals of a terminal do not end the watchdog', async () => {
  const { parent, family, watchdog } = await startFamily();
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const) process.kill(watchdog, signal);
  process.kill(parent.pid, 'SIGKILL');
  await waitFor(() => areGone([...family, watchdog]));
});

onLinux('a watchdog that was killed is replaced, and the new one knows the groups', async () => {
  const { parent, family, watchdog } = await startFamily(`
    process.on('SIGUSR2', () => console.log(JSON.stringify({ hasGoneOn: true })));`);
  await waitFor(() => Date.now() - startTimeOf(watchdog) > 1_200 || undefined);
  process.kill(watchdog, 'SIGKILL');
  const second = await waitFor(() => {
    const found = watchdogOf(parent.pid);
    return found === watchdog ? undefined : found;
  });
  pids.push(second);
  // It is in the process list a moment before it is given the groups, in the same turn of the service.
  process.kill(parent.pid, 'SIGUSR2');
  expect(await parent.nextLine()).toEqual({ hasGoneOn: true });
  process.kill(parent.pid, 'SIGKILL');
  await waitFor(() => areGone([...family, second]));
});

onLinux('the watchdog has a session of its own, no environment and no descriptor but its pipe', async () => {
  const { watchdog } = await startFamily();
  const fields = readText(`/proc/${watchdog}/stat`)
    .replace(/^.*\) /, '')
    .split(' ');
  expect({ group: Number(fields[2]), session: Number(fields[3]) }).toEqual({ group: watchdog, session: watchdog });
  expect(readlinkSync(`/proc/${watchdog}/cwd`)).toBe('/');
  expect(readText(`/proc/${watchdog}/environ`)).toBe('PATH=/usr/bin:/bin\0');
  // What the starter of the tests left open is everybody's.
  const strange = new Set([...descriptorsOf(process.pid), '/dev/null']);
  expect(descriptorsOf(watchdog).filter((target) => !strange.has(target))).toEqual([
    expect.stringMatching(/^(socket|pipe):/),
  ]);
  const residentKb = Number(/VmRSS:\s+(\d+)/.exec(readText(`/proc/${watchdog}/status`))?.[1]);
  expect(residentKb).toBeLessThan(5_000);
});

onLinux('with the last child the watchdog ends, and the service can leave', async () => {
  const { parent, family, watchdog } = await startFamily(`
    await child.terminate();
    console.log(JSON.stringify({ terminated: true }));
    clearInterval(keepAlive);`);
  expect(await parent.nextLine()).toEqual({ terminated: true });
  await parent.ended;
  expect(await areGone([...family, watchdog])).toBe(true);
});

onLinux('a service that leaves without having ended its children kills them and its watchdog', async () => {
  const { parent, family, watchdog } = await startFamily(`setTimeout(() => process.exit(0), 500);`);
  await parent.ended;
  await waitFor(() => areGone([...family, watchdog]), MAX_SURVIVAL_MS);
});

onLinux('a group that has ended is struck off: the number may be another’s by then', async () => {
  const parent = startParent(
    compiled.folder,
    `
    import { spawn } from 'node:child_process';
    import { Watchdog } from './process/watchdog.js';
    const stranger = spawn(process.execPath, ['-e', ${JSON.stringify(DEAF)}], { detached: true, stdio: 'ignore' });
    const kept = spawn(process.execPath, ['-e', ${JSON.stringify(DEAF)}], { detached: true, stdio: 'ignore' });
    const watchdog = new Watchdog();
    for (const group of [kept.pid, stranger.pid, 999_999_999]) watchdog.watch(group);
    watchdog.unwatch(stranger.pid);
    console.log(JSON.stringify({ stranger: stranger.pid, kept: kept.pid }));
    setInterval(() => {}, 1000);`,
  );
  const { stranger, kept } = (await parent.nextLine()) as { stranger: number; kept: number };
  pids.push(parent.pid, stranger, kept);
  const watchdog = await waitFor(() => watchdogOf(parent.pid));
  pids.push(watchdog);
  process.kill(parent.pid, 'SIGKILL');
  await waitFor(() => areGone([kept, watchdog]));
  expect(await isRunning(stranger)).toBe(true);
});

function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // Closed while the folder was read.
      return [];
    }
  });
}

function startTimeOf(pid: number): number {
  const uptimeSeconds = Number(readText('/proc/uptime').split(' ')[0]);
  const ticks = Number(
    readText(`/proc/${pid}/stat`)
      .replace(/^.*\) /, '')
      .split(' ')[19],
  );
  return Date.now() - (uptimeSeconds - ticks / 100) * 1_000;
}
