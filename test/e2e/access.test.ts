import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, test } from './harness.ts';

const secret = 'secret-of-the-test-that-is-long-enough-6b1f';
const issuer = 'tests';
const env = { JWT_SECRET: secret, JWT_ISSUER: issuer, MCPO_API_KEY: 'key-of-the-access-test-0c3d' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const servers = {
  open: fixture('answers.js'),
  staff: fixture('answers.js', [], { access: { roles: ['admin'], users: [`${issuer}:bob`], groups: ['staff'] } }),
  tools: fixture('answers.js', [], {
    access: {
      tools: { text: { roles: ['admin'] }, 'e*': { groups: ['staff'] }, echo_line: { users: [`${issuer}:bob`] } },
    },
  }),
};

/** Arguments of `token issue`, and the status of a call of each. */
const rows: readonly [args: string[], statuses: Record<string, number>][] = [
  [
    ['--user', 'eve'],
    { 'open/text': 200, 'staff/text': 403, 'tools/text': 403, 'tools/echo': 403, 'tools/float': 200 },
  ],
  [['--user', 'eve', '--role', 'admin'], { 'staff/text': 200, 'tools/text': 200, 'tools/echo': 403 }],
  [['--user', 'eve', '--role', 'user'], { 'staff/text': 403, 'tools/text': 403 }],
  [['--user', 'eve', '--role', 'staff'], { 'staff/text': 403, 'tools/echo': 403 }],
  [
    ['--user', 'eve', '--group', 'staff'],
    { 'staff/text': 200, 'tools/echo': 200, 'tools/echo_line': 403, 'tools/text': 403 },
  ],
  [['--user', 'eve', '--group', 'admin'], { 'staff/text': 403, 'tools/text': 403 }],
  [['--user', 'bob'], { 'staff/text': 200, 'tools/echo': 403, 'tools/echo_line': 403 }],
  [['--user', 'bob', '--group', 'staff'], { 'tools/echo': 200, 'tools/echo_line': 200 }],
  [['--user', 'staff:bob', '--email', 'bob'], { 'staff/text': 403 }],
  [['--user', `${issuer}:bob`], { 'staff/text': 403 }],
  [['--user', 'bob', '--scope', 'call:open'], { 'open/text': 200, 'staff/text': 403 }],
];

describe('servers and tools that are for some users only', () => {
  const tokens = new Map<string, string>();
  let service: Service;
  beforeAll(async () => {
    service = await startService({ config: { mcpServers: servers }, env });
    for (const [args] of rows) {
      const { stdout } = await runCommand(['token', 'issue', ...args], { env });
      tokens.set(args.join(' '), stdout.trim());
    }
  }, 60_000);

  for (const [args, statuses] of rows) {
    test(`a token of ${args.join(' ')}`, async () => {
      const found: Record<string, number> = {};
      for (const path of Object.keys(statuses)) {
        const [server = '', tool = ''] = path.split('/');
        const answer = await service.call(server, tool, {}, bearer(tokens.get(args.join(' ')) ?? ''));
        found[path] = answer.status;
        if (answer.status === 403) expect(answer.json()).toEqual({ detail: expect.stringMatching(/"[^"]+"/) });
      }
      expect(found).toEqual(statuses);
    });
  }

  test('the single API key is no user, so that it may not use what is for some', async () => {
    const statusOf = async (server: string, tool: string) =>
      (await service.call(server, tool, {}, bearer(env.MCPO_API_KEY))).status;
    expect(await statusOf('open', 'text')).toBe(200);
    expect(await statusOf('staff', 'text')).toBe(403);
    expect(await statusOf('tools', 'text')).toBe(403);
    expect(await statusOf('tools', 'float')).toBe(200);
  });

  test('who may use a tool is asked before its arguments are looked at, and by its decoded name', async () => {
    const eve = bearer(tokens.get('--user eve') ?? '');
    expect((await service.call('staff', 'text', '{"a":', eve)).status).toBe(403);
    expect((await service.call('staff', 'no_such_tool', {}, eve)).status).toBe(403);
    for (const path of ['/tools/%74ext', '/tools/te%78t', '/%74ools/text', '/tools/text?x=1']) {
      expect([path, (await service.request('POST', path, { headers: eve })).status]).toEqual([path, 403]);
    }
    for (const path of [
      '/open/../staff/text',
      '/open/%2e%2e/staff/text',
      '//staff/text',
      '/staff//text',
      '/staff/text/',
      '/tools/text#x',
    ]) {
      const { status } = await service.request('POST', path, { headers: eve });
      expect([path, [403, 404].includes(status)]).toEqual([path, true]);
    }
  });

  test('documents are the same for all', async () => {
    for (const path of ['/openapi.json', '/staff/openapi.json', '/tools/openapi.json']) {
      const { status, text } = await service.get(path);
      expect([path, status]).toEqual([path, 200]);
      for (const args of ['--user eve', '--user bob']) {
        expect((await service.get(path, bearer(tokens.get(args) ?? ''))).text).toBe(text);
      }
      expect(text).not.toContain('bob');
    }
  });
});

test('without any authentication a server that is for some is for nobody', async () => {
  const service = await startService({ config: { mcpServers: servers } });
  expect((await service.call('open', 'text', {})).status).toBe(200);
  expect((await service.call('staff', 'text', {})).status).toBe(403);
  expect((await service.call('tools', 'text', {})).status).toBe(403);
});

test('a misspelt restriction is an error and no restriction at all', async () => {
  for (const access of [{ role: ['admin'] }, { roles: 'admin' }, { tools: { text: { user: ['bob'] } } }]) {
    const { code, stderr } = await runCommand(['check'], {
      config: { mcpServers: { staff: fixture('answers.js', [], { access }) } },
    });
    expect([JSON.stringify(access), code]).toEqual([JSON.stringify(access), 2]);
    expect(stderr).toContain('access');
  }
});
