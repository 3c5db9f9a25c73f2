import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { fixture, type Service, startService, temporaryFolder, test, waitFor } from '../harness.ts';

const key = 'key-of-the-test-of-lists-out-of-order';
const headers = { authorization: `Bearer ${key}`, 'x-openwebui-user-id': 'ann' };
const user = { isolation: 'user', env: { WHO: '${user.id}' } };

async function start(more: object, listsFile = join(temporaryFolder(), 'lists')): Promise<Service> {
  const { env, ...rest } = { env: {}, ...more };
  const one = fixture('announcing.js', [], { ...rest, env: { ...env, LISTS_FILE: listsFile } });
  const args = ['--api-key', key];
  return startService({
    servers: { one },
    args,
    env: { MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: temporaryFolder() },
  });
}

async function call(service: Service, tool: string, args: object = {}) {
  const answer = await service.call('one', tool, args, headers);
  if (answer.status !== 200) throw new Error(`${tool} answered ${answer.status}: ${answer.text}`);
  return answer.json() as { version: number; asked: number; answered: number };
}

async function versionOf(service: Service): Promise<string | undefined> {
  const { paths } = (await service.get('/one/openapi.json')).json() as { paths: object };
  return Object.keys(paths).find((path) => path.startsWith('/version_'));
}

describe('an older list of tools', () => {
  for (const [kind, more] of [
    ['a shared session', {}],
    ["a user's session", user],
  ] as const) {
    test(`never comes after a newer one: ${kind}`, async () => {
      const service = await start(more);
      const { asked } = await call(service, 'status');
      await call(service, 'change');
      await waitFor(async () => (await call(service, 'status')).asked > asked, 10_000, 'the list to be asked for');
      // The server announces a newer list while it owes the older one, and gives that last.
      await call(service, 'change');
      await call(service, 'change');
      await call(service, 'let_go');
      await waitFor(async () => (await versionOf(service)) === '/version_3', 10_000, 'the newest list');
      const done = await waitFor(
        async () => {
          const status = await call(service, 'status');
          return status.answered === status.asked && status;
        },
        10_000,
        'every list to be answered',
      );
      expect(done.version).toBe(3);
      expect(await versionOf(service)).toBe('/version_3');
      expect((await service.call('one', 'version_3', {}, headers)).status).toBe(200);
      expect((await service.call('one', 'version_1', {}, headers)).status).toBe(404);
    });
  }
});

describe('a thousand announcements', () => {
  for (const [kind, more] of [
    ['on a shared session', {}],
    ["on a user's session", user],
    ['where the service lists the tools by itself', { ...user, discovery: {} }],
  ] as const) {
    test(`cause a handful of lists, and the last of them counts: ${kind}`, async () => {
      const listsFile = join(temporaryFolder(), 'lists');
      const service = await start(more, listsFile);
      const lists = () => readFileSync(listsFile, 'utf8').trim().split('\n').length;
      await call(service, 'status');
      const before = lists();
      for (let times = 0; times < 10; times++) await call(service, 'flood', { times: 100 });
      await waitFor(
        async () => (await service.call('one', 'version_7', {}, headers)).status === 200,
        10_000,
        'the newest list',
      );
      const { asked, answered } = await call(service, 'status');
      expect(answered).toBe(asked);
      expect(lists() - before).toBeLessThanOrEqual(8);
    });
  }
});
