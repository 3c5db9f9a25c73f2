import { beforeAll, describe, expect } from '@jest/globals';
import { encodeToken, hs256 } from '../../fixtures/forged-tokens.ts';
import { auditFile, lineOf } from '../audit-lines.ts';
import { fixture, type Service, startService, test } from '../harness.ts';

const env = { JWT_SECRET: 'secret-of-the-test-that-is-long-enough-6b1f' };
const onlyRoot = { users: ['mcpo-ts:root'] };
const names = ['read', 'delete', 'wipe'];
const more = {
  tools: { delete: { name: 'tidy' }, wipe: { hidden: true } },
  access: { tools: { delete: onlyRoot, wipe: onlyRoot } },
};

const servers = {
  shared: fixture('named.js', names, more),
  personal: fixture('named.js', names, { ...more, env: { WHO: '${user.id}' } }),
  off: fixture('named.js', names, { tools: { delete: { name: 'tidy' } }, disabledTools: ['delete'] }),
  // The new name of one tool is the name of another one, for which there is a rule.
  swapped: fixture('named.js', names, {
    tools: { read: { name: 'delete' }, delete: { name: 'read' } },
    access: { tools: { delete: onlyRoot } },
  }),
};

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

function tokenOf(user: string, ...scopes: string[]) {
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  const claims = { sub: user, exp, ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }) };
  return bearer(encodeToken({ alg: 'HS256', typ: 'JWT' }, claims, hs256(env.JWT_SECRET)));
}

describe('no other name of a tool passes a rule about it', () => {
  const file = auditFile();
  const [eve, root] = [tokenOf('eve'), tokenOf('root')];
  let service: Service;
  beforeAll(async () => {
    service = await startService({ servers, env: { ...env, SECURITY_LOG_FILE: file } });
  }, 60_000);

  for (const server of ['shared', 'personal']) {
    test(`${server}: renamed and hidden tools are for those whom the rule names`, async () => {
      for (const [tool, own] of [
        ['tidy', 'delete'],
        ['%74idy', 'delete'],
        ['wipe', 'wipe'],
      ] as const) {
        const post = (headers: Record<string, string>) =>
          service.request('POST', `/${server}/${tool}`, {
            headers: { ...headers, 'content-type': 'application/json' },
          });
        const refused = await post(eve);
        expect([tool, refused.status]).toEqual([tool, 403]);
        const allowed = await post(root);
        expect([tool, allowed.json()]).toEqual([tool, `I am ${own}`]);
        // Recorded by its own name: a new one hides nothing from who reads the log.
        expect((await lineOf(file, allowed)).resource).toBe(`${server}/${own}`);
      }
    });

    test(`${server}: a scope is for the tool's own name`, async () => {
      const call = async (tool: string, scope: string) =>
        (await service.call(server, tool, {}, tokenOf('root', scope))).status;
      expect(await call('tidy', `call:${server}/delete`)).toBe(200);
      expect(await call('tidy', `call:${server}/tidy`)).toBe(403);
      expect(await call('wipe', `call:${server}/read`)).toBe(403);
    });
  }

  test('a disabled tool is not there under any name', async () => {
    for (const tool of ['tidy', 'delete']) {
      expect((await service.call('off', tool, {}, root)).status).toBe(404);
    }
  });

  test('exchanged names exchange no rules', async () => {
    expect((await service.call('swapped', 'delete', {}, eve)).json()).toBe('I am read');
    expect((await service.call('swapped', 'read', {}, eve)).status).toBe(403);
    expect((await service.call('swapped', 'read', {}, root)).json()).toBe('I am delete');
  });
});
