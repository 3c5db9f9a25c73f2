import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import { auditFile, lineOf } from './audit-lines.ts';
import { filesBelow } from './canaries.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';

const servers = { answers: fixture('answers.js'), env: fixture('env.js') };
/** What is promised; the look at the database, the call and a busy machine take their share of the tolerance. */
const COUNTS_WITHIN_MS = 2_000;

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

async function createKey(dataDir: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(['key', 'create', ...args], { env: { MCPO_DATA_DIR: dataDir } });
  expect([code, stderr]).toEqual([0, expect.stringContaining('shown only now')]);
  expect(stdout).toMatch(/^\S{20,}\n$/);
  return stdout.trim();
}

async function revokeKey(dataDir: string, id: string): Promise<void> {
  const { code } = await runCommand(['key', 'revoke', id], { env: { MCPO_DATA_DIR: dataDir } });
  expect(code).toBe(0);
}

const statusOf = async (service: Service, key?: string): Promise<number> =>
  (await service.call('answers', 'text', {}, key === undefined ? undefined : bearer(key))).status;

/** Waits for the status, and no longer than a change of the keys may take to count. */
async function expectSoon(status: number, service: Service, key?: string): Promise<void> {
  let last = 0;
  await waitFor(
    async () => {
      last = await statusOf(service, key);
      return last === status;
    },
    COUNTS_WITHIN_MS,
    `status ${status}`,
  ).catch((error: Error) => {
    throw new Error(`${error.message} The last was ${last}.`);
  });
}

test('a service that was started without any key asks for one as soon as there is one', async () => {
  const dataDir = temporaryFolder();
  const service = await startService({ servers, env: { MCPO_DATA_DIR: dataDir } });
  expect(await statusOf(service)).toBe(200);
  const first = await createKey(dataDir, '--id', 'first');
  await expectSoon(401, service);
  expect(await statusOf(service, first)).toBe(200);
  expect(await statusOf(service, `${first}x`)).toBe(403);

  // The last one taken away does not open the service again.
  await revokeKey(dataDir, 'first');
  await expectSoon(403, service, first);
  expect(await statusOf(service)).toBe(401);
});

test('a key is rotated without a restart, with both valid for a while', async () => {
  const dataDir = temporaryFolder();
  const old = await createKey(dataDir, '--id', 'old');
  const service = await startService({ servers, env: { MCPO_DATA_DIR: dataDir } });
  expect([await statusOf(service), await statusOf(service, old)]).toEqual([401, 200]);

  const next = await createKey(dataDir, '--id', 'next');
  await expectSoon(200, service, next);
  expect(await statusOf(service, old)).toBe(200);

  await revokeKey(dataDir, 'old');
  await expectSoon(403, service, old);
  expect(await statusOf(service, next)).toBe(200);
  const { stdout } = await runCommand(['key', 'list'], { env: { MCPO_DATA_DIR: dataDir } });
  expect(stdout).toMatch(/^next\b/m);
  expect(stdout).not.toMatch(/^old\b/m);
});

test('a key of the database counts from the first request on, beside the single one', async () => {
  const dataDir = temporaryFolder();
  const stored = await createKey(dataDir, '--id', 'stored');
  const service = await startService({
    servers,
    env: { MCPO_DATA_DIR: dataDir, MCPO_API_KEY: 'single-key-of-the-test-71c2' },
    waitForReady: false,
  });
  const answers = [
    await statusOf(service),
    await statusOf(service, stored),
    await statusOf(service, 'single-key-of-the-test-71c2'),
  ];
  expect(answers).toEqual([401, 200, 200]);
});

test('scopes bound a key to servers and tools, and the refusal names what it lacks', async () => {
  const dataDir = temporaryFolder();
  const [tool, pattern, docs] = [
    await createKey(dataDir, '--id', 'tool', '--scope', 'call:answers/text'),
    await createKey(dataDir, '--id', 'pattern', '--scope', 'call:answers/e*', '--scope', 'call:env'),
    await createKey(dataDir, '--id', 'reader', '--scope', 'docs'),
  ];
  const service = await startService({ servers, env: { MCPO_DATA_DIR: dataDir } });
  const rows: [string, string, string, number][] = [
    [tool, 'answers', 'text', 200],
    [tool, 'answers', 'echo', 403],
    [tool, 'env', 'environment', 403],
    [pattern, 'answers', 'echo', 200],
    [pattern, 'answers', 'text', 403],
    [pattern, 'env', 'environment', 200],
    [docs, 'answers', 'text', 403],
  ];
  for (const [key, server, name, status] of rows) {
    const answer = await service.call(server, name, {}, bearer(key));
    expect([server, name, answer.status]).toEqual([server, name, status]);
    if (status === 403) expect(JSON.stringify(answer.json())).toContain(`call:${server}/${name}`);
  }
});

test('under strict authentication a page asks for "docs", or for the calls that it documents, as Basic or Bearer', async () => {
  const dataDir = temporaryFolder();
  const docs = await createKey(dataDir, '--id', 'reader', '--scope', 'docs');
  const call = await createKey(dataDir, '--id', 'caller', '--scope', 'call');
  const other = await createKey(dataDir, '--id', 'other', '--scope', 'call:env');
  const service = await startService({ servers, args: ['--strict-auth'], env: { MCPO_DATA_DIR: dataDir } });
  const basic = (key: string) => ({ authorization: `Basic ${btoa(`anyone:${key}`)}` });
  for (const path of ['/answers/docs', '/answers/openapi.json', '/openapi.json']) {
    for (const scheme of [basic, bearer]) {
      expect([path, (await service.get(path, scheme(docs))).status]).toEqual([path, 200]);
      expect([path, (await service.get(path, scheme(call))).status]).toEqual([path, 200]);
      const refused = await service.get(path, scheme(other));
      expect([path, refused.status]).toEqual([path, 403]);
      expect(refused.text).toContain('docs');
    }
  }
  expect((await service.get('/env/docs', bearer(other))).status).toBe(200);
  expect((await service.call('answers', 'text', {}, bearer(docs))).status).toBe(403);
  expect((await service.call('answers', 'text', {}, basic(call))).status).toBe(401);
});

test('a key of the servers file: made by the command, with a user of its own, and one that has expired', async () => {
  const made = await runCommand(['key', 'create', '--id', 'ada', '--user', 'ada-1', '--config-entry']);
  expect(made.code).toBe(0);
  const entry = JSON.parse(made.stdout) as { hash: string };
  const key = /: (\S+)\n/.exec(made.stderr)?.[1] ?? '';
  expect(made.stdout).not.toContain(key);
  const expired = { ...entry, id: 'gone', expires: '2020-01-31T00:00:00Z' };
  const start = (keys: object[], file: string) =>
    startService({ config: { mcpServers: servers, auth: { keys } }, env: { SECURITY_LOG_FILE: file } });

  const file = auditFile();
  const service = await start([entry], file);
  expect(await statusOf(service)).toBe(401);
  const answer = await service.call('answers', 'text', {}, bearer(key));
  expect(answer.status).toBe(200);
  expect(await lineOf(file, answer)).toMatchObject({ user_id: 'user:10:open-webui:ada-1', details: { key: 'ada' } });
  await service.stop();

  const later = await start([expired], auditFile());
  expect([await statusOf(later), await statusOf(later, key)]).toEqual([401, 403]);
});

test('a key that expires while the service runs is refused from then on', async () => {
  const made = await runCommand(['key', 'create', '--id', 'brief', '--config-entry']);
  const key = /: (\S+)\n/.exec(made.stderr)?.[1] ?? '';
  const end = Date.now() + 6_000;
  const entry = { ...(JSON.parse(made.stdout) as object), expires: new Date(end).toISOString() };
  const service = await startService({ config: { mcpServers: servers, auth: { keys: [entry] } } });
  const whileValid = await statusOf(service, key);
  expect([whileValid, Date.now() < end]).toEqual([200, true]);
  await waitFor(async () => (await statusOf(service, key)) === 403, 10_000, 'the key to expire');
  expect(Date.now()).toBeGreaterThanOrEqual(end);
});

test('keys stand in no log, no answer and no file of the data folder', async () => {
  const dataDir = temporaryFolder();
  const key = await createKey(dataDir, '--id', 'canary', '--scope', 'call:answers/text');
  const file = auditFile();
  const service = await startService({
    servers,
    env: { MCPO_DATA_DIR: dataDir, LOG_LEVEL: 'debug', SECURITY_LOG_FILE: file },
  });
  const wrong = `${key}wrong`;
  const told = [
    await service.call('answers', 'text', {}, bearer(key)),
    await service.call('answers', 'echo', { key: 1 }, bearer(key)),
    await service.call('answers', 'text', {}, bearer(wrong)),
    await service.call('answers', 'text', {}, { authorization: `Basic ${btoa(`a:${key}`)}` }),
  ];
  expect(told.map(({ status }) => status)).toEqual([200, 403, 403, 401]);
  const list = await runCommand(['key', 'list'], { env: { MCPO_DATA_DIR: dataDir } });
  await service.stop();
  const files = filesBelow(dataDir).map((file) => readFileSync(file, 'latin1'));
  expect(files.length).toBeGreaterThan(0);
  const everything = [
    service.stdout(),
    service.stderr(),
    list.stdout,
    list.stderr,
    ...told.map(({ text }) => text),
    ...files,
    readFileSync(file, 'utf8'),
  ].join('\n');
  expect(everything).not.toContain(key);
});
