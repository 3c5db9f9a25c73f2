import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';

const servers = { answers: fixture('answers.js') };
const single = 'single-key-of-the-test-71c2';
const statusOf = async (service: Service, key?: string): Promise<number> =>
  (await service.call('answers', 'text', {}, key === undefined ? undefined : { authorization: `Bearer ${key}` }))
    .status;

async function keyEntry(id: string): Promise<{ entry: object; key: string }> {
  const { stdout, stderr } = await runCommand(['key', 'create', '--id', id, '--config-entry']);
  return { entry: JSON.parse(stdout) as object, key: /: (\S+)\n/.exec(stderr)?.[1] ?? '' };
}

test('keys of the servers file count after a hot reload, and the last one taken out opens nothing', async () => {
  const [first, second] = [await keyEntry('first'), await keyEntry('second')];
  const file = join(temporaryFolder(), 'servers.json');
  const write = (...keys: object[]) => {
    writeFileSync(`${file}.new`, JSON.stringify({ mcpServers: servers, auth: { keys } }));
    renameSync(`${file}.new`, file);
  };
  write(first.entry);
  const service = await startService({ args: ['--config', file, '--hot-reload'] });
  expect([await statusOf(service, first.key), await statusOf(service, second.key)]).toEqual([200, 403]);
  write(first.entry, second.entry);
  await waitFor(async () => (await statusOf(service, second.key)) === 200, 10_000, 'the second key to count');
  expect(await statusOf(service, first.key)).toBe(200);
  write();
  await waitFor(async () => (await statusOf(service, second.key)) === 403, 10_000, 'the keys to be gone');
  expect(await statusOf(service)).toBe(401);
});

test('a data folder that cannot be used stops neither an open service nor one with its own key', async () => {
  const env = { MCPO_DATA_DIR: '/dev/null/data' };
  const open = await startService({ servers, env });
  const closed = await startService({ servers, env: { ...env, MCPO_API_KEY: single } });
  // The folder is looked at a second after the start.
  await waitFor(
    () => /database/i.test(open.stderr()) && /database/i.test(closed.stderr()),
    10_000,
    'a line in the logs',
  );
  expect(await statusOf(closed, single)).toBe(200);
  expect(await statusOf(closed)).toBe(401);
  expect(await statusOf(open)).toBe(200);
});

test('while the keys in the database cannot be read, no caller is let in without one', async () => {
  const dataDir = temporaryFolder();
  const env = { MCPO_DATA_DIR: dataDir };
  const stored = (await runCommand(['key', 'create', '--id', 'stored'], { env })).stdout.trim();
  for (const name of readdirSync(dataDir)) writeFileSync(join(dataDir, name), Buffer.alloc(40_000, 'no database '));
  // Whether it starts or says that it cannot: it must not be open.
  const attempt = await startService({ servers, env, waitForReady: false }).catch((error: Error) => error);
  if (attempt instanceof Error) {
    expect(attempt.message).toMatch(/database/i);
    return;
  }
  for (const key of [undefined, stored, 'other']) {
    expect([key, [401, 403, 503].includes(await statusOf(attempt, key))]).toEqual([key, true]);
  }
});
