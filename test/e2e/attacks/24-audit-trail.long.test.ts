import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { auditFile, auditLines, lineOf, waitForLine } from '../audit-lines.ts';
import { fixture, runCommand, startService, temporaryFolder, test } from '../harness.ts';

const KEY = 'key-of-the-attack-test';
const AUDIT_KEY = Buffer.alloc(32, 7).toString('base64');

test('an audit log that is required and has no file is an error of the configuration', async () => {
  const config = { mcpServers: { answers: fixture('answers.js') }, audit: { required: true } };
  for (const env of [{}, { SECURITY_LOG_FILE: '' }]) {
    const { code, stderr } = await runCommand(['--api-key', KEY, '--port', '0'], { config, env });
    expect(code).toBe(2);
    expect(stderr).toContain('SECURITY_LOG_FILE');
  }
});

test('a failed log-in names what was asked for and from where, and no line has a field that is never filled', async () => {
  const file = auditFile();
  const service = await startService({
    servers: { answers: fixture('answers.js') },
    args: ['--api-key', KEY],
    env: { SECURITY_LOG_FILE: file, MCPO_AUDIT_KEY: AUDIT_KEY },
  });
  const wrong = { authorization: 'Bearer not-the-key-of-anybody' };
  const requests = [
    [service.call('answers', 'float', {}, wrong), '/answers/float'],
    [service.call('answers', 'float', {}, {}), '/answers/float'],
    [service.request('POST', '/nowhere/at/all?token=canary', { headers: wrong }), '/nowhere/at/all'],
    [service.get('/vault/api/servers', wrong), '/vault/api/servers'],
    [service.request('DELETE', '/vault/api/users/canary-user', { headers: wrong }), '/vault/api/users/…'],
  ] as const;
  for (const [request, resource] of requests) {
    const line = await lineOf(file, await request);
    expect(line).toMatchObject({ event_type: 'log_in', result: 'failure', resource, client_ip: '127.0.0.1' });
    expect(JSON.stringify(line)).not.toContain('canary');
  }
  // Keys and tokens have none.
  expect(auditLines(file).filter(({ session_id: id }) => id !== null)).toEqual([]);
});

describe('an audit log that is deleted together with its head', () => {
  const start = (file: string, dataDir: string) =>
    startService({
      servers: { answers: fixture('answers.js') },
      args: ['--api-key', KEY],
      env: { SECURITY_LOG_FILE: file, MCPO_DATA_DIR: dataDir, MCPO_AUDIT_KEY: AUDIT_KEY },
    });
  const verify = (file: string, dataDir: string) =>
    runCommand(['audit', 'verify', file], { env: { MCPO_AUDIT_KEY: AUDIT_KEY, MCPO_DATA_DIR: dataDir } });
  const bearer = { authorization: `Bearer ${KEY}` };

  test('is missed by "audit verify" and by the next start', async () => {
    const dataDir = temporaryFolder();
    const file = join(temporaryFolder(), 'audit.jsonl');
    const first = await start(file, dataDir);
    for (let call = 0; call < 5; call++) await first.call('answers', 'float', {}, bearer);
    await first.stop();
    expect((await verify(file, dataDir)).stdout).toMatch(/^OK: \d+ entries/);

    rmSync(file);
    rmSync(`${file}.head`);
    const gone = await verify(file, dataDir);
    expect([gone.code, gone.stdout]).toEqual([
      1,
      expect.stringMatching(/NOT INTACT \(deleted\).*database knows of \d+/),
    ]);

    const second = await start(file, dataDir);
    await waitForLine(file, ({ action }) => action === 'anchor_missed', 'the finding');
    expect(second.stderr()).toContain('entries of the audit log are missing');
    await second.stop();
    const after = await verify(file, dataDir);
    expect([after.code, after.stdout]).toEqual([1, expect.stringContaining('NOT INTACT (noticed-at-start)')]);
  });

  test('is missed, too, when a log of fewer lines takes its place', async () => {
    const dataDir = temporaryFolder();
    const file = join(temporaryFolder(), 'audit.jsonl');
    const first = await start(file, dataDir);
    for (let call = 0; call < 5; call++) await first.call('answers', 'float', {}, bearer);
    await first.stop();
    rmSync(file);
    rmSync(`${file}.head`);
    // With the key, in a folder whose database knows nothing.
    await (await start(file, temporaryFolder())).stop();
    const { code, stdout } = await verify(file, dataDir);
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/NOT INTACT \((cut|edited)\).*according to the database/),
    ]);
  });
});
