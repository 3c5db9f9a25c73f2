import { expect, test } from '@jest/globals';
import { storageWarning } from '../../../src/service/container-storage.ts';

const mounts = (...more: readonly string[]) =>
  [
    '27 1 0:30 / / rw,relatime - overlay overlay rw,lowerdir=/x',
    '28 27 0:21 / /proc rw - proc proc rw',
    ...more,
    '',
  ].join('\n');
const volume = '30 27 254:0 /var/lib/volumes/mcpo /data rw,relatime master:1 - ext4 /dev/vda rw';

test.each([
  ['/data', mounts(), true],
  ['/data', mounts(volume), false],
  ['/data/inner/not-there', mounts(volume), false],
  ['/database', mounts(volume), true],
  ['/data', mounts('30 27 0:40 / /data rw - tmpfs tmpfs rw'), true],
  ['/with space', mounts('30 27 254:0 /x /with\\040space rw - xfs /dev/vdb rw'), false],
  ['/', mounts(volume), true],
])('%s is lost with the container: %#', (folder, mountInfo, isLost) => {
  const warning = storageWarning(folder, { isContainer: true, mountInfo });
  expect(warning !== undefined).toBe(isLost);
  expect(storageWarning(folder, { isContainer: false, mountInfo })).toBeUndefined();
});
