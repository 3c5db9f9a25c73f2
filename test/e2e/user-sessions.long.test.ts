import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, describe, expect } from '@jest/globals';
import { fixture, fixtureFile, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';

const key = 'key-of-the-sessions-test';
const programs = new Set<ChildProcess>();

afterAll(() => {
  for (const program of programs) program.kill('SIGKILL');
});

interface Who {
  readonly token: string;
  readonly pid: number;
  readonly session: string;
}

/** A child process for each user that tells whose token it has. */
const jira = {
  ...fixture('whoami.js'),
  env: { TOKEN: '${TOKEN}' },
  userVars: { TOKEN: { title: 'Jira token' } },
};

async function startWhoamiHttp(): Promise<string> {
  const program = spawn(process.execPath, [fixtureFile('whoami-http.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
  programs.add(program);
  const [said] = (await once(program.stdout, 'data')) as [Buffer];
  return `http://127.0.0.1:${/port (\d+)/.exec(String(said))?.[1]}/mcp`;
}

/** A service whose key may assert users, as Open WebUI's does. */
function startForUsers(config: object, env: Readonly<Record<string, string>> = {}): Promise<Service> {
  return startService({
    config,
    args: ['--api-key', key],
    env: { MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: temporaryFolder(), ...env },
  });
}

const as = (user: string, more: object = {}) => ({
  authorization: `Bearer ${key}`,
  'x-openwebui-user-id': user,
  ...more,
});

async function save(service: Service, user: string, server: string, value: string): Promise<void> {
  const answer = await service.request('PUT', `/vault/api/servers/${server}/variables/TOKEN`, {
    headers: { ...as(user), 'content-type': 'application/json' },
    body: JSON.stringify({ value }),
  });
  if (answer.status !== 204) throw new Error(`PUT answered ${answer.status}: ${answer.text}`);
}

async function whoami(service: Service, user: string, server = 'jira'): Promise<Who> {
  const answer = await service.call(server, 'whoami', {}, as(user));
  if (answer.status !== 200) throw new Error(`whoami answered ${answer.status}: ${answer.text}`);
  return answer.json() as Who;
}

/** The processes of servers; the service may have others. */
const childrenOf = (service: Service) => service.children().filter(({ command }) => command.includes('whoami.js'));

describe('sessions of users', () => {
  test("answer 50 users at once each with his own token, on his own session, and no one with another's", async () => {
    const url = await startWhoamiHttp();
    const remote = {
      type: 'streamable-http',
      url,
      headers: { Authorization: 'Bearer ${TOKEN}' },
      userVars: jira.userVars,
    };
    const service = await startForUsers({ mcpServers: { remote, 'remote.1': remote } });
    const places = Array.from({ length: 50 }, (_, index) => {
      const server = index % 2 === 0 ? 'remote' : 'remote.1';
      const half = Math.floor(index / 2);
      return { user: half % 2 === 0 ? `a|${half}` : `a|${half - 1}|`, server, token: `token-of-${index}` };
    });
    for (const { user, server, token } of places) await save(service, user, server, token);
    const answers = await Promise.all(
      [0, 1, 2, 3].flatMap(() =>
        places.map(async ({ user, server, token }) => ({ token, who: await whoami(service, user, server) })),
      ),
    );
    expect(answers.filter(({ token, who }) => who.token !== `Bearer ${token}`)).toEqual([]);
    expect(new Set(answers.map(({ who }) => who.session)).size).toBe(50);
  });

  test("ask for what is missing with a link, and use it from then on; a change ends only that user's process", async () => {
    const service = await startForUsers({ mcpServers: { jira } });
    const missing = await service.call('jira', 'whoami', {}, as('ann'));
    expect(missing.status).toBe(428);
    const { message, setup_url: url } = (missing.json() as { detail: { message: string; setup_url: string } }).detail;
    expect(message).toBe(`jira needs your Jira token: open ${url} to set it, then try again.`);
    await save(service, 'ann', 'jira', 'first of ann');
    await save(service, 'bob', 'jira', 'of bob');
    const [ann, bob] = [await whoami(service, 'ann'), await whoami(service, 'bob')];
    expect([ann.token, bob.token]).toEqual(['first of ann', 'of bob']);
    expect((await whoami(service, 'ann')).pid).toBe(ann.pid);
    await save(service, 'ann', 'jira', 'second of ann');
    await waitFor(
      () => (service.children().some(({ pid }) => pid === ann.pid) ? undefined : true),
      5_000,
      "the end of Ann's process",
    );
    expect((await whoami(service, 'ann')).token).toBe('second of ann');
    expect((await whoami(service, 'bob')).pid).toBe(bob.pid);
  });

  test('are not given to a caller who is no user', async () => {
    const service = await startForUsers({ mcpServers: { jira } });
    const answer = await service.call('jira', 'whoami', {}, { authorization: `Bearer ${key}` });
    expect(answer.status).toBe(401);
    expect(answer.text).toContain('does not say which user calls');
  });

  test('are no more than the cap over all servers, and an idle one makes room', async () => {
    const service = await startForUsers({ mcpServers: { jira, mail: jira } }, { MCPO_MAX_SESSIONS: '2' });
    for (const user of ['ann', 'bob', 'cid']) {
      await save(service, user, 'jira', `of ${user}`);
      expect((await whoami(service, user)).token).toBe(`of ${user}`);
    }
    expect(childrenOf(service)).toHaveLength(2);
    const tokens = await Promise.all(['ann', 'bob', 'cid', 'ann', 'cid'].map((user) => whoami(service, user)));
    expect(tokens.map(({ token }) => token)).toEqual(['of ann', 'of bob', 'of cid', 'of ann', 'of cid']);
  });

  test('report the tools: until the first one is open the document says so, and then the log does', async () => {
    const service = await startForUsers({ mcpServers: { jira } });
    const before = (await service.get('/jira/openapi.json')).json() as { info: { description: string }; paths: object };
    expect(Object.keys(before.paths)).toEqual(['/jira_connect']);
    expect(before.info.description).toContain('The tools of jira are not known yet');
    await save(service, 'ann', 'jira', 'of ann');
    await whoami(service, 'ann');
    const after = (await service.get('/jira/openapi.json')).json() as typeof before & {
      paths: { '/whoami': { post: { responses: object } } };
    };
    expect(after.info.description).not.toContain('not known yet');
    expect(Object.keys(after.paths['/whoami'].post.responses)).toContain('428');
    expect(service.stderr()).toContain('save the connection in Open WebUI again');
  });

  test('are not needed to list the tools where the admin gives values for that', async () => {
    const service = await startForUsers({
      mcpServers: { jira: { ...jira, required: true, discovery: { TOKEN: 'of the admin' } } },
    });
    const document = (await service.get('/jira/openapi.json')).json() as { paths: object };
    expect(Object.keys(document.paths)).toContain('/whoami');
    expect((await service.get('/readyz')).status).toBe(200);
    expect(childrenOf(service)).toEqual([]);
    expect((await service.call('jira', 'whoami', {}, as('ann'))).status).toBe(428);
  });

  test('leave no secret in the output, the process list and the answers of others', async () => {
    const service = await startForUsers({ mcpServers: { jira } }, { LOG_LEVEL: 'debug' });
    await save(service, 'ann', 'jira', 'canary-of-ann');
    await save(service, 'bob', 'jira', 'dies-canary-of-bob');
    await service.call('jira', 'say_on_stderr', {}, as('ann'));
    const failed = await service.call('jira', 'fail_with_token', {}, as('ann'));
    const died = await service.call('jira', 'whoami', {}, as('bob'));
    expect([failed.status, died.status]).toEqual([502, 503]);
    const ready = await service.get('/readyz');
    const commands = service.children().map((entry) => JSON.stringify(entry));
    const seen = [failed.text, died.text, ready.text, service.stdout(), service.stderr(), ...commands];
    expect(seen.filter((text) => text.includes('canary'))).toEqual([]);
    expect(service.stdout() + service.stderr()).toContain('the token is [redacted]');
  });
});
