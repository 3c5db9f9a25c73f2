import { hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { fixture, startService, temporaryFolder, test, waitFor } from '../harness.ts';
import { type Series, scrape } from '../scrape.ts';

const key = 'asserting-5Wb8nKe2RtYv7Lq1';
const admin = { authorization: `Bearer ${key}` };
const user = (index: number) => ({ ...admin, 'x-openwebui-user-id': `user-${index}` });
const auth = {
  keys: [{ id: 'all', hash: hash('sha256', key), scopes: ['call', 'vault', 'metrics', 'docs'], assertsUser: true }],
};
const count = (series: Series, text: string) => [...series.keys()].filter((one) => one.includes(text)).length;

/** Runs `work` for each number, 32 at a time. */
async function forEach(numbers: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < numbers) await work(next++);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

test('neither made-up paths, nor users, nor a server that renames its tools make series', async () => {
  const file = join(temporaryFolder(), 'servers.json');
  const own = fixture('own-tools.js', [], { env: { OWN_TOOLS: '${OWN}' }, userVars: { OWN: { title: 'List' } } });
  const rest = { auth, rateLimit: { calls: 'off' } };
  const all = { answers: fixture('answers.js'), mutating: fixture('mutating.js'), own: { ...own, maxSessions: 40 } };
  writeFileSync(file, JSON.stringify({ ...rest, mcpServers: all }));
  const service = await startService({ args: ['--config', file], env: { MCPO_TRUST_USER_HEADERS: 'true' } });
  await service.call('answers', 'text', {}, admin);
  await scrape(service, admin);
  const before = count(await scrape(service, admin), 'mcpo_');

  await forEach(1_500, (index) => service.call('answers', `tool-${index}`, {}, admin));
  await forEach(1_500, (index) => service.call(`server-${index}`, 'text', {}, admin));
  await forEach(500, (index) => service.request('GET', `/page-${index}?x=${index}`, { headers: admin }));
  await forEach(500, (index) => service.call('answers', 'text', {}, user(index)));
  const unknown = await scrape(service, admin);
  // Of 4,000 requests: unknown servers, unknown tools, and the status code of both.
  expect(count(unknown, 'mcpo_')).toBeLessThanOrEqual(before + 3);
  expect(unknown.get('mcpo_calls_total{server="answers",tool="text",outcome="success"}')).toBe(501);

  // Each user's own server says what it is called, what its tools are called.
  await forEach(60, async (index) => {
    const value = JSON.stringify({ tools: [{ name: `tool-of-${index}`, inputSchema: { type: 'object' } }] });
    const headers = { ...user(index), 'content-type': 'application/json' };
    await service.request('PUT', '/vault/api/servers/own/variables/OWN', {
      headers,
      body: JSON.stringify({ value }),
    });
    await service.call('own', `tool-of-${index}`, {}, user(index));
  });
  const ofUsers = await scrape(service, admin);
  // The list that all see, which may be the first user's, and the calls of its one tool.
  expect(count(ofUsers, 'tool-of-')).toBeLessThanOrEqual(1);
  expect(ofUsers.get('mcpo_calls_total{server="own",tool="other",outcome="success"}')).toBeGreaterThan(20);

  for (let index = 0; index < 30; index += 1) {
    const name = `renamed-${index}`;
    await service.call('mutating', 'add_tool', { name }, admin);
    await waitFor(async () => (await service.call('mutating', name, {}, admin)).status === 200);
    await service.call('mutating', 'remove_tool', { name }, admin);
    if (index % 10 === 0) await scrape(service, admin);
  }
  await waitFor(async () => count(await scrape(service, admin), 'renamed-') === 0);
  const renamed = await scrape(service, admin);
  expect(renamed.get('mcpo_calls_total{server="mutating",tool="other",outcome="success"}')).toBe(30);

  // What is not configured any more has no series.
  writeFileSync(file, JSON.stringify({ ...rest, mcpServers: { answers: fixture('answers.js') } }));
  service.kill('SIGHUP');
  await waitFor(async () => {
    const series = await scrape(service, admin);
    return count(series, 'server="mutating"') + count(series, 'server="own"') === 0;
  });
}, 120_000);

test('many scrapes at once share one reading', async () => {
  const service = await startService({ servers: { answers: fixture('answers.js') } });
  const answers = await Promise.all(Array.from({ length: 300 }, () => service.get('/metrics')));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect((await service.call('answers', 'text')).status).toBe(200);
});
