import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import { auditFile, auditLines, lineOf } from './audit-lines.ts';
import { fixture, runCommand, startService, test } from './harness.ts';

const auditKey = Buffer.alloc(32, 7).toString('base64');

const verify = (file: string, ...more: string[]) =>
  runCommand(['audit', 'verify', file, ...more], { env: { MCPO_AUDIT_KEY: auditKey } });

/** A log of a few calls, of a service that has ended. */
async function writtenLog(): Promise<string> {
  const file = auditFile();
  const service = await startService({
    servers: { answers: fixture('answers.js') },
    env: { SECURITY_LOG_FILE: file, MCPO_AUDIT_KEY: auditKey },
  });
  for (let count = 0; count < 4; count += 1) await service.call('answers', 'text', { count });
  await service.stop();
  return file;
}

test('verification finds any change', async () => {
  const file = await writtenLog();
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n').slice(0, -1);
  const intact = await verify(file);
  expect([intact.code, intact.stdout]).toEqual([0, expect.stringMatching(/^OK: /m)]);

  const changes: [string, string][] = [
    ['edited', text.replace('"answers/text"', '"answers/nothing"')],
    ['without one line', [...lines.slice(0, 2), ...lines.slice(3), ''].join('\n')],
    ['swapped', [lines[0], lines[2], lines[1], ...lines.slice(3), ''].join('\n')],
    ['cut', [...lines.slice(0, -2), ''].join('\n')],
    ['cut in a line', text.slice(0, -20)],
  ];
  for (const [name, changed] of changes) {
    writeFileSync(file, changed);
    const { code, stdout } = await verify(file);
    expect([name, code, stdout]).toEqual([name, 1, expect.stringContaining('NOT INTACT')]);
  }
  writeFileSync(file, text);
  expect((await verify(file)).code).toBe(0);
  const other = Buffer.alloc(32, 8).toString('base64');
  expect((await runCommand(['audit', 'verify', file], { env: { MCPO_AUDIT_KEY: other } })).code).toBe(1);
});

test('the log continues where it ended when the service starts again', async () => {
  const file = await writtenLog();
  const before = auditLines(file).length;
  const service = await startService({
    servers: { answers: fixture('answers.js') },
    env: { SECURITY_LOG_FILE: file, MCPO_AUDIT_KEY: auditKey },
  });
  const answer = await service.call('answers', 'text', {});
  await lineOf(file, answer);
  await service.stop();
  expect(auditLines(file).length).toBeGreaterThan(before);
  expect((await verify(file)).code).toBe(0);
});
