import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { fixtureFile, startService, temporaryFolder, test, waitFor } from './harness.ts';

test('a document is there at once after a restart, even if its server is down', async () => {
  const folder = temporaryFolder();
  const env = { MCPO_DATA_DIR: join(folder, 'data') };
  const servers = { remembered: { command: 'node', args: [fixtureFile('many.js'), '7'], cwd: folder } };

  const first = await startService({ servers, env });
  const before = await first.get('/remembered/openapi.json');
  expect(Object.keys(JSON.parse(before.text).paths)).toHaveLength(7);
  await waitFor(() => existsSync(join(folder, 'data', 'mcpo-ts.db')), 10_000, 'the database');
  expect((await first.stop()).code).toBe(0);

  // The same server by its settings, and it cannot start: its folder is gone.
  renameSync(folder, `${folder}-moved`);
  const movedEnv = { MCPO_DATA_DIR: join(`${folder}-moved`, 'data') };
  const second = await startService({ servers, env: movedEnv, waitForReady: false });
  const after = await second.get('/remembered/openapi.json');
  expect([after.status, after.text]).toEqual([200, before.text]);
  const call = await second.call('remembered', Object.keys(JSON.parse(after.text).paths)[0]?.slice(1) ?? '', {});
  expect(call.status).toBe(503);
  await second.stop();
  renameSync(`${folder}-moved`, folder);
});

test('what was kept for another server of the same name is not served', async () => {
  const env = { MCPO_DATA_DIR: temporaryFolder() };
  const first = await startService({ servers: { one: { command: 'node', args: [fixtureFile('many.js'), '7'] } }, env });
  await waitFor(() => existsSync(join(env.MCPO_DATA_DIR, 'mcpo-ts.db')), 10_000, 'the database');
  await first.stop();
  const second = await startService({
    servers: { one: { command: 'mcpo-ts-no-such-command' } },
    env,
    waitForReady: false,
  });
  await waitFor(async () => (await second.serverStates()).get('one')?.state === 'failed', 20_000, 'the state failed');
  expect((await second.get('/one/openapi.json')).status).toBe(503);
});
