import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { auditLines } from '../e2e/audit-lines.ts';
import { fixture, repositoryFolder, runCommand, startService, temporaryFolder, test, waitFor } from '../e2e/harness.ts';

test('a rotation under calls loses nothing, and all files are one chain with the mode of the first', async () => {
  const folder = temporaryFolder();
  const dataDir = temporaryFolder();
  const file = join(folder, 'audit.jsonl');
  const env = { SECURITY_LOG_FILE: file, MCPO_DATA_DIR: dataDir };
  const service = await startService({ servers: { answers: fixture('answers.js') }, env });
  const { mode } = statSync(file);

  const shipped = readFileSync(join(repositoryFolder, 'deploy/logrotate/mcpo-ts'), 'utf8');
  const signal = 'systemctl kill --signal=SIGUSR2 --kill-whom=main mcpo-ts.service';
  expect(shipped).toContain(signal);
  const config = join(folder, 'logrotate.conf');
  // There is no systemd here: the same signal, sent by hand.
  const own = shipped.replaceAll('/var/log/mcpo-ts', folder).replace(signal, `kill -USR2 ${service.pid}`);
  writeFileSync(config, own);
  chmodSync(config, 0o644);
  chmodSync(folder, 0o755);
  const rotate = () =>
    spawnSync('/usr/sbin/logrotate', ['-f', '-s', join(folder, 'state'), config], { encoding: 'utf8' });

  const ids: string[] = [];
  let isOver = false;
  const calling = (async () => {
    while (!isOver) ids.push(String((await service.call('answers', 'text', {})).headers['x-request-id']));
  })();
  const rotated = () => readdirSync(folder).filter((name) => name.startsWith('audit.jsonl-'));
  for (let round = 1; round <= 2; round += 1) {
    const before = ids.length;
    const second = Math.floor(Date.now() / 1_000);
    // Names of rotated files have the second in them.
    const isLater = () => Math.floor(Date.now() / 1_000) > second + 1;
    await waitFor(() => ids.length > before + 20 && isLater(), 10_000, 'more calls');
    const { status, stderr } = rotate();
    expect([status, stderr]).toEqual([0, '']);
    await waitFor(() => rotated().length === round && auditLines(file).length > 0, 10_000, 'the next file');
  }
  isOver = true;
  await calling;
  await service.stop();

  const files = [
    ...rotated()
      .sort()
      .map((name) => join(folder, name)),
    file,
  ];
  expect(files).toHaveLength(3);
  const written = files.flatMap((one) => auditLines(one)).filter(({ event_type }) => event_type === 'call');
  expect(written.map(({ request_id }) => request_id)).toEqual(ids);
  expect(files.map((one) => statSync(one).mode)).toEqual([mode, mode, mode]);
  const verified = await runCommand(['audit', 'verify', ...files], { env });
  expect([verified.code, verified.stdout]).toEqual([
    0,
    expect.stringMatching(/^OK: \d+ entries \(1 to \d+\) in 3 files/m),
  ]);
}, 60_000);
