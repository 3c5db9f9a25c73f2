import { afterEach, describe, expect, test } from '@jest/globals';
import { ANONYMOUS } from '../../../src/auth/principal.ts';
import { Scopes } from '../../../src/auth/scopes.ts';
import {
  ConnectionLostError,
  CredentialsRefusedError,
  JsonRpcError,
  PlaceholderValueError,
  ServerUnavailableError,
  UnauthenticatedError,
  UserVariablesMissingError,
} from '../../../src/errors.ts';
import { waitFor } from '../../wait-for.ts';
import { isAlive, startServers, startWhoamiHttp, stopAll, thrownBy, user, whoami } from './user-servers.ts';

afterEach(stopAll);

interface Who {
  readonly token: string;
  readonly opened_with: string;
  readonly session: string;
  readonly fresh?: string;
  readonly pid: number;
  readonly user?: string;
}

describe('a server with a session for each user', () => {
  test('gives each of many users at once the answer of their own session, however alike their names are', async () => {
    const url = await startWhoamiHttp();
    const { call, values } = startServers({
      jira: { type: 'streamable-http', url, headers: { Authorization: 'Bearer ${TOKEN}' }, userVars: { TOKEN: {} } },
    });
    const users = Array.from({ length: 50 }, (_, index) => {
      const issuer = index % 2 === 0 ? 'a|b' : 'a';
      const subject = `${index % 2 === 0 ? '' : 'b|'}${Math.floor(index / 2)}`;
      values.set({ issuer, subject }, 'jira', { TOKEN: `token-${index}` });
      return { principal: user(subject, { issuer }), token: `Bearer token-${index}` };
    });
    const rounds = await Promise.all(
      [0, 1, 2].flatMap(() =>
        users.map(async ({ principal, token }) => ({ token, who: (await call(principal)) as Who })),
      ),
    );
    expect(rounds.filter(({ token, who }) => who.token !== token || who.opened_with !== token)).toEqual([]);
    expect(new Set(rounds.map(({ who }) => who.session)).size).toBe(50);
  });

  test('has one process for all calls of a user, and ends it at once when they change something, and only theirs', async () => {
    const { call, values, registry } = startServers({ jira: whoami() });
    const [ann, bob] = [user('ann'), user('bob')];
    values.set(ann, 'jira', { TOKEN: 'token of ann' });
    values.set(bob, 'jira', { TOKEN: 'token of bob' });
    const first = (await call(ann)) as Who;
    expect(await call(ann)).toEqual(first);
    const other = (await call(bob)) as Who;
    expect([first.token, other.token]).toEqual(['token of ann', 'token of bob']);
    const running = thrownBy(call(ann, 'wait', { args: { ms: 60_000 } }));
    await waitFor(
      () =>
        registry.servers
          .get('jira')
          ?.generations.sessions()
          .some(({ runningCalls }) => runningCalls > 0) === true,
    );
    values.set(ann, 'jira', { TOKEN: 'new token of ann' });
    await registry.endOwned(ann, 'jira');
    expect(await running).toBeInstanceOf(ConnectionLostError);
    expect([isAlive(first.pid), isAlive(other.pid)]).toEqual([false, true]);
    expect(((await call(ann)) as Who).token).toBe('new token of ann');
    expect(await call(bob)).toEqual(other);
  });

  test('never opens a session with values that were replaced while they were read', async () => {
    const { call, values, registry } = startServers({ jira: whoami() });
    const [ann, bob] = [user('ann'), user('bob')];
    values.set(bob, 'jira', { TOKEN: 'of bob' });
    await call(bob);
    values.set(ann, 'jira', { TOKEN: 'old' });
    let readings = 0;
    const who = (await call(ann, 'whoami', {
      source: {
        variables: async (owner, server) => {
          const read = values.get(owner, server);
          if (readings++ === 0) {
            values.set(ann, 'jira', { TOKEN: 'new' });
            await registry.endOwned(ann, 'jira');
          }
          return read;
        },
      },
    })) as Who;
    expect([who.token, readings]).toEqual(['new', 2]);
    expect(
      registry.servers
        .get('jira')
        ?.generations.sessions()
        .map(({ owner }) => owner?.subject),
    ).toEqual(['bob', 'ann']);
  });

  test('separates the chats of a user where it is configured to, and needs to know the chat then', async () => {
    const { call, values } = startServers({ jira: whoami({ isolation: 'chat' }) });
    values.set(user('ann'), 'jira', { TOKEN: 'token' });
    const [one, two] = (await Promise.all([
      call(user('ann', { chatId: '1' })),
      call(user('ann', { chatId: '2' })),
    ])) as Who[];
    expect(one?.pid).not.toBe(two?.pid);
    const error = await thrownBy(call(user('ann')));
    expect(error).toBeInstanceOf(UnauthenticatedError);
    expect(error.message).toContain('X-OpenWebUI-Chat-Id');
  });

  test('keeps a session for each user who needs no values at all, where the admin says so', async () => {
    const { call, server } = startServers({ jira: whoami({ isolation: 'user', userVars: {}, env: {} }) });
    const [ann, bob, again] = (await Promise.all([call(user('ann')), call(user('bob')), call(user('ann'))])) as Who[];
    expect(ann?.pid).toBe(again?.pid);
    expect(ann?.pid).not.toBe(bob?.pid);
    expect(server().awaitedSource).toBeUndefined();
  });

  test.each([
    ['no user is known', ANONYMOUS],
    ['a machine calls', { kind: 'api-key', keyId: 'ci', scopes: Scopes.ALL } as const],
  ])('answers 401 where %s, and says how to identify the user', async (_case, principal) => {
    const { call } = startServers({ jira: whoami() });
    const error = await thrownBy(call(principal));
    expect(error).toBeInstanceOf(UnauthenticatedError);
    expect(error.message).toMatch(/user headers or user token .* personal key, or a token of the user/);
  });

  test.each([
    [{ TOKEN: { title: 'Jira token' } }, 'Jira token', ['TOKEN']],
    [{ TOKEN: { title: 'A' }, B: { title: 'Bee\nbee' } }, 'A and Bee bee', ['TOKEN', 'B']],
    [{ TOKEN: {}, B: {}, C: { title: 'c'.repeat(300) } }, `TOKEN, B and ${'c'.repeat(99)}…`, ['TOKEN', 'B', 'C']],
  ])('names what a user has not set and where to set it: %#', async (userVars, titles, missing) => {
    const env = Object.fromEntries(Object.keys(userVars).map((name) => [name, `\${${name}}`]));
    const { call } = startServers({ jira: whoami({ userVars, env }) });
    const error = (await thrownBy(call(user('ann')))) as UserVariablesMissingError;
    expect(error).toBeInstanceOf(UserVariablesMissingError);
    expect(error.message).toBe(
      `jira needs your ${titles}: open https://tools.example/vault/link/jira to set it, then try again.`,
    );
    expect(error.missing).toEqual(missing);
    const withoutLink = await thrownBy(call(user('ann'), 'whoami', { source: { setupUrl: async () => undefined } }));
    expect(withoutLink.message).toBe(
      `jira needs your ${titles}: set it on the vault page of this service, then try again.`,
    );
  });

  test('fills in defaults, leaves out what is optional and unset, and makes no link when nothing is missing', async () => {
    const { call, values } = startServers({
      jira: whoami({
        env: { TOKEN: '${TOKEN}', OPTION: '${OPTION}', USER_ID: '${user.id}' },
        userVars: { TOKEN: { default: 'by default' }, OPTION: { required: false } },
      }),
    });
    expect(await call(user('ann'))).toEqual({ token: 'by default', user: 'ann', pid: expect.any(Number) });
    expect(values.links).toBe(0);
  });

  test('refuses a call where a part of a url or an argument would be missing, and names it', async () => {
    const { call, values } = startServers({
      jira: { url: 'http://127.0.0.1:9/${TENANT}', userVars: { TENANT: { title: 'Tenant', required: false } } },
      mail: whoami({ args: ['${user.email}'], allowUserPlaceholdersInArgs: true, userVars: {}, env: {} }),
    });
    const variable = await thrownBy(call(user('ann')));
    expect(variable).toBeInstanceOf(UserVariablesMissingError);
    expect(variable.message).toContain('jira needs your Tenant');
    const email = await thrownBy(call(user('ann'), 'whoami', { server: 'mail' }));
    expect(email).toBeInstanceOf(PlaceholderValueError);
    expect(email.message).toContain('${user.email} in its arguments');
    expect(values.links).toBe(1);
  });

  test('reports refused credentials with the link, to their user alone, once they are noted', async () => {
    const url = await startWhoamiHttp();
    const { call, values, notes, server, log } = startServers({
      jira: {
        type: 'streamable-http',
        url,
        headers: { Authorization: 'Bearer ${TOKEN}' },
        userVars: { TOKEN: { title: 'Jira token' } },
      },
    });
    values.set(user('ann'), 'jira', { TOKEN: 'bad canary-a' });
    values.set(user('bob'), 'jira', { TOKEN: 'good canary-b' });
    const error = (await thrownBy(call(user('ann')))) as CredentialsRefusedError;
    expect(error).toBeInstanceOf(CredentialsRefusedError);
    const link = 'https://tools.example/vault/link/jira';
    expect([error.message, error.setupUrl]).toEqual([
      `jira refused your Jira token: open ${link} to set it again.`,
      link,
    ]);
    expect(server().status).toEqual({ state: 'ready', reason: 'starts for each user' });
    expect(((await call(user('bob'))) as Who).token).toBe('Bearer good canary-b');
    expect(notes).toEqual(['jira refused ann', 'bob used jira/whoami', 'jira took bob']);
    expect(log.join('')).not.toContain('canary');
  });

  test('reports to a user alone that their session does not start, and to admins what it said, without the secret', async () => {
    const { call, values, server, log } = startServers({ jira: whoami() });
    values.set(user('ann'), 'jira', { TOKEN: 'dies-canary' });
    const error = await thrownBy(call(user('ann')));
    expect(error).toBeInstanceOf(ServerUnavailableError);
    expect(error).toMatchObject({
      message:
        'Your session with server "jira" could not be opened: its process ended with code 1 before it was ready. Try again later.',
      detail: expect.stringMatching(/cannot work with \[redacted\]/),
    });
    expect(server().status.reason).toBe('starts for each user');
    expect(log.join('')).not.toContain('canary');
  });

  test('writes no secret into its log or its errors while a session is alive', async () => {
    const { call, values, log } = startServers({ jira: whoami() });
    values.set(user('ann'), 'jira', { TOKEN: 'canary-token' });
    await call(user('ann'), 'say_on_stderr');
    await waitFor(() => log.some((line) => line.includes('the token is [redacted]')));
    const error = await thrownBy(call(user('ann'), 'fail_with_token'));
    expect(error).toBeInstanceOf(JsonRpcError);
    expect(error.message).toContain('bad token [redacted]');
    expect(log.join('')).not.toContain('canary');
  });

  test('opens a new session for the next call after a crash', async () => {
    const { call, values } = startServers({ jira: whoami() });
    values.set(user('ann'), 'jira', { TOKEN: 'token' });
    const first = (await call(user('ann'))) as Who;
    expect(await thrownBy(call(user('ann'), 'crash'))).toBeInstanceOf(ConnectionLostError);
    expect(((await call(user('ann'))) as Who).pid).not.toBe(first.pid);
  });

  test('opens one new session for all calls that find theirs forgotten, and repeats them', async () => {
    const url = await startWhoamiHttp();
    const { call, values } = startServers({
      jira: { type: 'streamable-http', url, headers: { Authorization: 'Bearer ${TOKEN}' }, userVars: { TOKEN: {} } },
    });
    values.set(user('ann'), 'jira', { TOKEN: 'token' });
    const first = (await call(user('ann'))) as Who;
    await call(user('ann'), 'forget');
    const found = (await Promise.all([1, 2, 3, 4].map(() => call(user('ann'))))) as Who[];
    expect(new Set(found.map(({ session }) => session)).size).toBe(1);
    expect(found[0]?.session).not.toBe(first.session);
    expect(await call(user('ann'), 'counts')).toMatchObject({ opened: 2 });
  });

  test('sends tokens that are made anew with every call, on the same session', async () => {
    const url = await startWhoamiHttp();
    const { call } = startServers({
      jira: {
        type: 'streamable-http',
        url,
        headers: { Authorization: 'Bearer ${user.jwt}', 'X-Fresh': '${user.token}' },
        forwardCallerToken: true,
      },
    });
    const callWith = (token: string, callerToken: string | undefined) =>
      call(user('ann'), 'whoami', {
        source: { userJwt: (who, audience) => `${token} ${who.subject} ${audience}`, callerToken },
      }) as Promise<Who>;
    const origin = new URL(url).origin;
    const first = await callWith('one', 'caller one');
    const second = await callWith('two', undefined);
    expect([first.token, first.fresh]).toEqual([`Bearer one ann ${origin}`, 'caller one']);
    expect([second.token, second.fresh]).toEqual([`Bearer two ann ${origin}`, undefined]);
    expect(second.session).toBe(first.session);
  });

  test('names itself as the audience of a token for a child process, which has no origin', async () => {
    const { call } = startServers({ jira: whoami({ env: { TOKEN: '${user.jwt}' }, userVars: {} }) });
    const source = { userJwt: (_user: unknown, audience: string) => `jwt for ${audience}` };
    expect(await call(user('ann'), 'whoami', { source })).toMatchObject({ token: 'jwt for mcpo-ts:jira' });
  });

  test('holds a cap over all servers: the idle session of a user is evicted for their next one', async () => {
    const { call, values, server } = startServers(
      { jira: whoami(), mail: whoami() },
      { limits: { maxSessions: 10, maxSessionsPerUser: 1 } },
    );
    for (const server of ['jira', 'mail']) values.set(user('ann'), server, { TOKEN: `token of ${server}` });
    const first = (await call(user('ann'))) as Who;
    const second = (await call(user('ann'), 'whoami', { server: 'mail' })) as Who;
    expect([second.token, isAlive(first.pid)]).toEqual(['token of mail', false]);
    expect([server('jira').generations.sessions().length, server('mail').generations.sessions().length]).toEqual([
      0, 1,
    ]);
  });

  test('is restarted with all its sessions, which the next calls open again', async () => {
    const { call, values, server } = startServers({ jira: whoami() });
    values.set(user('ann'), 'jira', { TOKEN: 'token' });
    const first = (await call(user('ann'))) as Who;
    expect(server().generations.sessions()).toEqual([
      {
        owner: { issuer: 'open-webui', subject: 'ann' },
        chatId: undefined,
        state: 'ready',
        lastUsedAt: expect.any(Number),
        runningCalls: 0,
        pid: first.pid,
      },
    ]);
    await server().generations.restart();
    expect([isAlive(first.pid), server().generations.sessions()]).toEqual([false, []]);
    expect(((await call(user('ann'))) as Who).pid).not.toBe(first.pid);
  });
});
