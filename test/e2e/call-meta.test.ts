import { describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test } from './harness.ts';

const KEY = '8b1f0c5de2a94e7f9a63';
const env = { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true', MCPO_ALLOWED_HOSTS: 'tools.example.org' };
const callMeta = {
  user: '${user.id}',
  token: '${TOKEN}',
  mail: '${user.email}',
  'example.org/note': 'from ${user.id}',
};
const servers = { jira: fixture('call-meta.js', [], { callMeta, userVars: { TOKEN: { title: 'Jira token' } } }) };

interface Said {
  readonly args: object;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly pid: number;
  readonly env: readonly string[];
}

describe('a shared stdio server that takes the user with each call', () => {
  test('gets the values of each caller, and of no other: 50 users at once, on one process', async () => {
    const service = await startService({ servers, env });
    const users = Array.from({ length: 50 }, (_, index) => `user${index}`);
    for (const user of users) await save(service, user, tokenOf(user));
    const said = await Promise.all(
      [...users, ...users].map(async (user) => ({ user, ...((await whose(service, user)).json() as Said) })),
    );
    const crossed = said.filter(({ user, meta }) => meta.user !== user || meta.token !== tokenOf(user));
    expect(crossed).toEqual([]);
    expect(new Set(said.map(({ pid }) => pid)).size).toBe(1);
    // Nothing of a user is in what the process was started with.
    expect(said[0]?.env).not.toContain('TOKEN');
    expect(said[0]?.meta).toMatchObject({ 'example.org/note': 'from user0', progressToken: expect.any(Number) });
    // Optional and unset: left out.
    expect(said[0]?.meta).not.toHaveProperty('mail');
  });

  test('answers 428 with the place to set what is missing, and 401 where no user is known', async () => {
    const service = await startService({ servers, env });
    const missing = await whose(service, 'ann');
    expect([missing.status, missing.json()]).toMatchObject([
      428,
      { detail: { code: 'user_variables_missing', missing: ['TOKEN'], setup_url: expect.stringContaining('/vault/') } },
    ]);
    const unknown = await service.call('jira', 'whose', {}, { authorization: `Bearer ${KEY}` });
    expect(unknown.status).toBe(401);
    expect(unknown.text).toContain('is given the user of each call');
    const listed = await service.get('/vault/api/servers', headersOf('ann'));
    expect(listed.json()).toMatchObject([{ server: 'jira', status: 'missing' }]);
    // A value counts from the next call on, and no longer when it is deleted.
    await save(service, 'ann', 'first-token-of-ann');
    expect(((await whose(service, 'ann')).json() as Said).meta.token).toBe('first-token-of-ann');
    await save(service, 'ann', 'second-token-of-ann');
    expect(((await whose(service, 'ann')).json() as Said).meta.token).toBe('second-token-of-ann');
    await service.request('DELETE', '/vault/api/servers/jira/variables/TOKEN', { headers: headersOf('ann') });
    expect((await whose(service, 'ann')).status).toBe(428);
  });

  test("takes the caller's secrets out of errors and out of what the process says", async () => {
    const service = await startService({ servers, env: { ...env, LOG_LEVEL: 'debug' } });
    await save(service, 'ann', 'secret-token-of-ann');
    const answer = await service.call('jira', 'fail', {}, headersOf('ann'));
    expect(answer.status).toBe(502);
    expect(answer.text).not.toContain('secret-token-of-ann');
    await whose(service, 'ann');
    expect(service.stderr()).toContain('cannot work with');
    expect(service.stderr()).not.toContain('secret-token-of-ann');
  });

  test('keeps the trace and the digits of a call, whose own `_meta` no caller can send', async () => {
    const service = await startService({ servers, env });
    await save(service, 'ann', 'token-of-ann');
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const headers = { ...headersOf('ann'), traceparent };
    const body = '{"number":12345678901234567890,"_meta":{"user":"eve","token":"stolen"}}';
    const { meta, args } = (await service.call('jira', 'whose', body, headers)).json() as Said;
    expect(meta).toMatchObject({ user: 'ann', token: 'token-of-ann' });
    expect(String(meta.traceparent)).toContain('4bf92f3577b34da6a3ce929d0e0e4736');
    expect(args).toHaveProperty('_meta');
  });

  test('refuses names that MCP or the service keep for themselves', async () => {
    const wrong = { progressToken: 'a', traceparent: 'b', 'io.modelcontextprotocol/x': 'c', 'a b': 'd' };
    const starting = startService({ servers: { jira: fixture('call-meta.js', [], { callMeta: wrong }) } });
    await expect(starting).rejects.toThrow(
      /progressToken.*is set by the service itself[\s\S]*traceparent[\s\S]*that MCP keeps for itself[\s\S]*callMeta\.a b.*is not a name/,
    );
  });
});

function tokenOf(user: string): string {
  return `token-of-${user}-and-nobody-else`;
}

function headersOf(user: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': user, 'content-type': 'application/json' };
}

function whose(service: Service, user: string) {
  return service.call('jira', 'whose', {}, headersOf(user));
}

async function save(service: Service, user: string, value: string): Promise<void> {
  const path = '/vault/api/servers/jira/variables/TOKEN';
  const body = JSON.stringify({ value });
  const { status, text } = await service.request('PUT', path, { headers: headersOf(user), body });
  if (status !== 204) throw new Error(`The value was not saved: ${status} ${text}`);
}
