import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { encodeToken, hs256 } from '../../fixtures/forged-tokens.ts';
import { fixture, runCommand, startService, temporaryFolder, test, waitFor } from '../harness.ts';

const env = { JWT_SECRET: 'secret-of-the-test-that-is-long-enough-6b1f' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const issue = (claims: object) =>
  encodeToken(
    { alg: 'HS256', typ: 'JWT' },
    { exp: Math.floor(Date.now() / 1_000) + 3_600, ...claims },
    hs256(env.JWT_SECRET),
  );
const answers = (more: object) => fixture('answers.js', [], more);

test('a list that is there and empty names nobody', async () => {
  const service = await startService({
    servers: {
      users: answers({ access: { users: [] } }),
      roles: answers({ access: { roles: [] } }),
      groups: answers({ access: { groups: [] } }),
      beside: answers({ access: { users: [], roles: ['admin'] } }),
      tools: answers({ access: { tools: { 'e*': { users: [] } } } }),
    },
    env,
  });
  const boss = bearer(issue({ sub: 'boss', role: 'admin', groups: ['staff'] }));
  const found: Record<string, number> = {};
  for (const path of ['users/text', 'roles/text', 'groups/text', 'beside/text', 'tools/echo', 'tools/text']) {
    found[path] = (await service.request('POST', `/${path}`, { headers: boss })).status;
  }
  expect(found).toEqual({
    'users/text': 403,
    'roles/text': 403,
    'groups/text': 403,
    'beside/text': 200,
    'tools/echo': 403,
    'tools/text': 200,
  });
});

/** What stands in the file in place of a restriction, and what the error must say. */
const problems: readonly [name: string, config: object, said: RegExp][] = [
  ['acess', { mcpServers: { a: answers({ acess: { users: ['ada'] } }) } }, /key "acess".*did you mean "access"/],
  ['Access', { mcpServers: { a: answers({ Access: { users: ['ada'] } }) } }, /did you mean "access"/],
  ['disabledTool', { mcpServers: { a: answers({ disabledTool: ['text'] }) } }, /did you mean "disabledTools"/],
  ['enabledTool', { mcpServers: { a: answers({ enabledTool: ['text'] }) } }, /did you mean "enabledTools"/],
  ['disable', { mcpServers: { a: answers({ disable: true }) } }, /did you mean "disabled"/],
  ['isolatoin', { mcpServers: { a: answers({ isolatoin: 'user' }) } }, /did you mean "isolation"/],
  ['user', { mcpServers: { a: answers({ access: { user: ['ada'] } }) } }, /key "access\.user".*did you mean "users"/],
  [
    'role of a tool',
    { mcpServers: { a: answers({ access: { tools: { text: { role: ['admin'] } } } }) } },
    /key "access\.tools\.text\.role".*did you mean "roles"/,
  ],
  ['an empty access', { mcpServers: { a: answers({ access: {} }) } }, /key "access".*restricts nothing/],
  ['access null', { mcpServers: { a: answers({ access: null }) } }, /key "access"/],
  ['access without rules', { mcpServers: { a: answers({ access: { tools: {} } }) } }, /restricts nothing/],
  ['an empty rule', { mcpServers: { a: answers({ access: { tools: { text: {} } } }) } }, /access\.tools\.text/],
  ['atuh', { mcpServers: { a: answers({}) }, atuh: { keys: [] } }, /key "atuh".*did you mean "auth"/],
  ['audits', { mcpServers: { a: answers({}) }, audits: { required: true } }, /did you mean "audit"/],
  [
    'scope of a key',
    { mcpServers: { a: answers({}) }, auth: { keys: [{ id: 'k', hash: '0'.repeat(64), scope: ['call:a'] }] } },
    /key "auth\.keys\[0\]\.scope".*did you mean "scopes"/,
  ],
  [
    'a scope that is none',
    { mcpServers: { a: answers({}) }, auth: { keys: [{ id: 'k', hash: '0'.repeat(64), scopes: ['cal:a'] }] } },
    /"cal:a" is not a scope/,
  ],
  [
    'blacklst',
    {
      mcpServers: {
        a: { url: 'http://127.0.0.1:9/mcp', client_header_forwarding: { enabled: true, blacklst: ['x-a'] } },
      },
    },
    /did you mean "blacklist"/,
  ],
];

describe('a restriction that is almost right is an error of the file', () => {
  for (const [name, config, said] of problems) {
    test(name, async () => {
      const { code, stderr } = await runCommand(['check'], { config });
      expect([code, stderr]).toEqual([2, expect.stringMatching(said)]);
      expect(stderr).toMatch(/servers\.json:\d+: /);
    });
  }

  test('it is refused on a reload as well, and what was before stays in use', async () => {
    const file = join(temporaryFolder(), 'servers.json');
    const write = (more: object) => writeFileSync(file, JSON.stringify({ mcpServers: { a: answers(more) } }));
    write({ access: { users: [] } });
    const service = await startService({ args: ['--config', file], env });
    const eve = bearer(issue({ sub: 'eve' }));
    expect((await service.request('POST', '/a/text', { headers: eve })).status).toBe(403);
    write({ acess: { users: [] } });
    service.kill('SIGHUP');
    await waitFor(() => /did you mean .{1,2}access/.test(service.stderr()), 10_000, 'the reload to be refused');
    expect((await service.request('POST', '/a/text', { headers: eve })).status).toBe(403);
  });

  test('any other unknown key stays a warning', async () => {
    const config = { mcpServers: { a: answers({ autoApprove: ['x'], timeOutMs: 5, description: 'x' }) }, $schema: 'x' };
    expect((await runCommand(['check'], { config })).code).toBe(0);
  });
});

describe('a rule about a tool that the server does not have', () => {
  const rules = {
    disabledTools: ['txet', 'float'],
    access: { tools: { 'delte_*': { roles: ['admin'] }, 'e*': { roles: ['admin'] } } },
  };

  test('is logged when the tools are known', async () => {
    const service = await startService({ servers: { a: answers(rules) } });
    for (const name of ['txet', 'delte_*']) {
      await waitFor(() => service.stderr().includes(`names \\"${name}\\"`), 5_000, `a warning of ${name}`);
    }
    expect(service.stderr()).not.toMatch(/names \\"(float|e\*)\\"/);
  });

  test('is a problem of check --start', async () => {
    const { code, stdout } = await runCommand(['check', '--start'], { servers: { a: answers(rules) } });
    expect([code, stdout]).toEqual([1, expect.stringContaining('names "txet"')]);
    expect(stdout).toContain('names "delte_*"');
    expect(stdout).not.toContain('names "float"');
  });
});

test('a scope for a server that is not in the file is reported at start', async () => {
  const keys = [{ id: 'k', hash: '0'.repeat(64), scopes: ['call:a', 'call:b/x', 'docs'] }];
  const config = { mcpServers: { a: answers({}) }, auth: { keys, roles: { admin: ['call:c'] } } };
  const { code, stderr } = await runCommand(['check'], { config });
  expect(code).toBe(0);
  expect(stderr).toContain('"call:b/x"');
  expect(stderr).toContain('"call:c"');
  expect(stderr).not.toContain('"call:a"');
});
