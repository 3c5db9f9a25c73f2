import { spawnSync } from 'node:child_process';
import { describe } from '@jest/globals';

export const isRoot = process.getuid?.() === 0;

const bwrapTrial = [
  '--ro-bind',
  '/',
  '/',
  '--dev',
  '/dev',
  '--proc',
  '/proc',
  '--unshare-pid',
  '--unshare-net',
  '/bin/sh',
  '-c',
  ':',
];
/** Why no sandbox can be made here, or `undefined`. `.ci/run` installs bubblewrap, so that there all tests run. */
export const sandboxObstacle =
  spawnSync('bwrap', bwrapTrial).status === 0 ? undefined : 'needs bwrap and a system that allows namespaces';

/** jest's `describe`, skipped under a title that says why where the machine lacks what the tests need. */
export function describeIf(obstacle: string | undefined | false, name: string, body: () => void): void {
  if (obstacle === undefined || obstacle === false) describe(name, body);
  else describe.skip(`${name} (skipped: ${obstacle})`, body);
}
