import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, repositoryFolder, startService, temporaryFolder, test, waitFor } from '../e2e/harness.ts';
import { linesAbout } from '../e2e/log-lines.ts';
import { FORGED, type RealLines, writeRealLines } from './real-lines.ts';

const filter = join(repositoryFolder, 'deploy/fail2ban/filter.d/mcpo-ts.conf');
let lines: RealLines;

beforeAll(async () => {
  lines = await writeRealLines();
}, 90_000);

/** The addresses that Debian's fail2ban finds in a log, one for each line that matches. */
function addressesIn(log: string): string[] {
  const file = join(temporaryFolder(), 'any.log');
  writeFileSync(file, log);
  const run = spawnSync('fail2ban-regex', ['--out', 'ip', file, filter], { encoding: 'utf8' });
  if (run.error !== undefined || run.status === null) throw new Error(`fail2ban-regex: ${run.error?.message}`);
  if (run.stderr !== '') throw new Error(run.stderr);
  return run.stdout.split('\n').filter((line) => line !== '');
}

const sorted = (addresses: Iterable<string>) => [...addresses].sort();

describe('the filter', () => {
  test('finds every failed log-in of the log with its address, and nothing else', () => {
    expect(lines.log).toContain(FORGED);
    expect(sorted(addressesIn(lines.log))).toEqual(sorted(lines.failures.values()));
  });

  test('and of the audit log', () => {
    expect(lines.audit).toContain(FORGED);
    expect(sorted(addressesIn(lines.audit))).toEqual(sorted(lines.failures.values()));
  });

  test('and with what syslog and the journal write before a line', () => {
    const prefixes = [
      'Nov 22 06:00:00 host mcpo-ts[17]: ',
      '2026-11-22T06:00:00.123456+00:00 host node[17]: ',
      'host mcpo-ts[17]: ',
    ];
    for (const prefix of prefixes) {
      const log = lines.log.replace(/^(?=\{)/gm, prefix);
      expect(sorted(addressesIn(log))).toEqual(sorted(lines.failures.values()));
    }
  });

  test('reads the time of a line as UTC', () => {
    const [line] = linesAbout(lines.log, 'log-in failed');
    const file = join(temporaryFolder(), 'one.log');
    writeFileSync(file, `${JSON.stringify(line)}\n`);
    const run = spawnSync('fail2ban-regex', ['--out', 'row', file, filter], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'America/New_York' },
    });
    expect(Math.floor(Number(/,\s*([\d.]+),/.exec(run.stdout)?.[1]))).toBe(
      Math.floor(Date.parse(String(line?.timestamp)) / 1_000),
    );
  });
});

test('without a proxy the address is that of the connection, whatever its headers say', async () => {
  const service = await startService({
    servers: { answers: fixture('answers.js') },
    env: { MCPO_API_KEY: 'key-without-a-proxy-55d0c2' },
    args: ['--host', '::'],
  });
  const body = '{}';
  const headers = { authorization: 'Bearer wrong', 'x-forwarded-for': FORGED, 'content-type': 'application/json' };
  await service.request('POST', '/answers/text', { headers, body, localAddress: '127.0.0.9' });
  await fetch(`http://[::1]:${service.port}/answers/text`, { method: 'POST', headers, body });
  await waitFor(() => linesAbout(service.stderr(), 'log-in failed').length === 2, 5_000, 'both lines');
  expect(sorted(addressesIn(service.stderr()))).toEqual(['127.0.0.9', '::1']);
});

test('the jails name the filter, and fail2ban accepts them', () => {
  const folder = temporaryFolder();
  const jail = readFileSync(join(repositoryFolder, 'deploy/fail2ban/jail.d/mcpo-ts.conf'), 'utf8');
  expect(jail.match(/^filter\s*= mcpo-ts$/gm)).toHaveLength(3);
  for (const part of ['action.d', 'filter.d', 'jail.d', 'fail2ban.d']) spawnSync('mkdir', ['-p', join(folder, part)]);
  spawnSync('sh', ['-c', `cp -r /etc/fail2ban/*.conf /etc/fail2ban/action.d /etc/fail2ban/filter.d ${folder}/`]);
  writeFileSync(join(folder, 'filter.d/mcpo-ts.conf'), readFileSync(filter));
  const log = join(folder, 'mcpo-ts.log');
  writeFileSync(log, lines.log);
  writeFileSync(join(folder, 'jail.d/mcpo-ts.conf'), jail.replaceAll(/\/var\/log\/mcpo-ts\/\S+/g, log));
  const run = spawnSync('fail2ban-client', ['-c', folder, '-d'], { encoding: 'utf8' });
  expect([run.status, run.stderr]).toEqual([0, expect.not.stringMatching(/error/i)]);
  expect(run.stdout).toMatch(/'add', 'mcpo-ts', /);
  expect(run.stdout).toContain('log-in failed');
});
