import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { memoryOfTree, readMemory } from '../../../src/process/memory.ts';

const MIB = 1024 * 1024;
const MEMINFO = `MemTotal:       ${8_192 * 1024} kB\nMemFree:  1 kB\nMemAvailable:   ${4_096 * 1024} kB\n`;
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A system of these files. */
function system(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'mcpo-ts-memory-'));
  folders.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** In MiB. */
function read(files: Readonly<Record<string, string>>) {
  const { totalBytes, availableBytes } = readMemory(system(files));
  return { total: totalBytes / MIB, available: availableBytes === undefined ? undefined : availableBytes / MIB };
}

describe('the memory that there is', () => {
  test('is the machine’s where no control group limits it', () => {
    expect(read({ 'proc/meminfo': MEMINFO })).toEqual({ total: 8_192, available: 4_096 });
    const unlimited = { 'proc/self/cgroup': '0::/user.slice\n', 'sys/fs/cgroup/user.slice/memory.max': 'max\n' };
    expect(read({ 'proc/meminfo': MEMINFO, ...unlimited })).toEqual({ total: 8_192, available: 4_096 });
  });

  test('is a container’s limit (version 2), where page cache that can be dropped counts as free', () => {
    const container = {
      'proc/self/cgroup': '0::/\n',
      'sys/fs/cgroup/memory.max': `${512 * MIB}\n`,
      'sys/fs/cgroup/memory.current': `${400 * MIB}\n`,
      'sys/fs/cgroup/memory.stat': `anon ${200 * MIB}\ninactive_file ${150 * MIB}\n`,
    };
    expect(read({ 'proc/meminfo': MEMINFO, ...container })).toEqual({ total: 512, available: 262 });
  });

  test('is the narrowest limit of all groups above (version 2) and of version 1', () => {
    const nested = {
      'proc/self/cgroup': '0::/system.slice/mcpo.service\n',
      'sys/fs/cgroup/system.slice/mcpo.service/memory.max': `${2_048 * MIB}\n`,
      'sys/fs/cgroup/system.slice/mcpo.service/memory.current': `${100 * MIB}\n`,
      'sys/fs/cgroup/system.slice/memory.max': `${1_024 * MIB}\n`,
      'sys/fs/cgroup/system.slice/memory.current': `${900 * MIB}\n`,
    };
    expect(read({ 'proc/meminfo': MEMINFO, ...nested })).toEqual({ total: 1_024, available: 124 });
    const old = {
      'proc/self/cgroup': '9:name=systemd:/\n4:memory,hugetlb:/docker/abc\n0::/\n',
      'sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': `${256 * MIB}\n`,
      'sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes': `${200 * MIB}\n`,
      'sys/fs/cgroup/memory/docker/abc/memory.stat': `total_inactive_file ${20 * MIB}\n`,
    };
    expect(read({ 'proc/meminfo': MEMINFO, ...old })).toEqual({ total: 256, available: 76 });
  });

  test('is unknown where the system says nothing', () => {
    expect(read({}).available).toBeUndefined();
    expect(read({}).total).toBeGreaterThan(0);
  });
});

test('the memory of a process tree counts what it has for itself', () => {
  expect(memoryOfTree(process.pid)).toBeGreaterThan(10 * MIB);
  expect(memoryOfTree(2 ** 30)).toBeUndefined();
});
