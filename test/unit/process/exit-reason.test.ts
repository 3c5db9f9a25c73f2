import { describe, expect, test } from '@jest/globals';
import { confine } from '../../../src/config/confinement.ts';
import { describeExit } from '../../../src/process/exit-reason.ts';
import { spawnChild } from '../../../src/process/spawn-child.ts';

const common = {
  runAs: undefined,
  uids: { first: 60_600, last: 61_099 },
  homesDir: '/tmp/none',
  serviceHome: '/nonexistent',
  dataDir: '/nonexistent',
  privatePaths: new Set<string>(),
};

/** How a program ends with these limits. */
async function endOf(script: string, limits: object): Promise<string> {
  const child = await spawnChild({
    command: process.execPath,
    args: ['-e', script],
    env: { PATH: process.env.PATH ?? '' },
    cwd: undefined,
    confinement: confine(common, { limits: limits as never }),
    redact: (text) => text,
  });
  return child.exited;
}

describe('how a process ended', () => {
  test('names the memory limit that ended it, and only then', async () => {
    const fill = 'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1));';
    expect(await endOf(fill, { memoryMb: 1024 })).toMatch(/: its limit of 1024 MiB of memory$/);
    expect(await endOf('process.exit(3)', { memoryMb: 1024 })).toBe('ended with code 3');
  });

  test('names the limit of processor time', async () => {
    expect(await endOf('for (;;);', { cpuSeconds: 1 })).toBe(
      'was killed by SIGXCPU: its limit of 1 s of processor time',
    );
  });

  test('reads the codes with which a sandbox reports signals, and says nothing where there is no limit', () => {
    expect(describeExit(134, null, { memoryMb: 64 }, [])).toBe('ended with code 134: its limit of 64 MiB of memory');
    expect(describeExit(1, null, { memoryMb: 64 }, ['MemoryError'])).toContain('its limit of 64 MiB');
    expect(describeExit(152, null, { cpuSeconds: 5 }, [])).toContain('its limit of 5 s of processor time');
    expect(describeExit(null, 'SIGABRT', undefined, ['out of memory'])).toBe('was killed by SIGABRT');
  });
});
