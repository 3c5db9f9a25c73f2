import { afterEach, describe, expect, test } from '@jest/globals';
import { ServerUnavailableError } from '../../../src/errors.ts';
import type { CatalogueCache } from '../../../src/servers/catalogue-cache.ts';
import { waitFor } from '../../wait-for.ts';
import { fixtureFile, never, startServers, stopAll, thrownBy, user, whoami } from './user-servers.ts';

afterEach(stopAll);

const ownTools = { env: { TOKEN: '${TOKEN}', TOOL_OF_OWN: '1' } };
const toolNames = ({
  catalogue,
}: {
  readonly catalogue: { readonly tools: ReadonlyMap<string, unknown> } | undefined;
}) => [...(catalogue?.tools.keys() ?? [])].filter((name) => name.startsWith('only_'));

describe('the tools of a server with a session for each user', () => {
  test('are not known before the first user, without a wait', async () => {
    const { server, call, values } = startServers({ jira: whoami() });
    // A wait would outlast the test.
    expect(await server().whenCatalogue(600_000)).toBeUndefined();
    expect(server().awaitedSource).toBe('user');
    expect(server().status).toEqual({ state: 'ready', reason: 'starts for each user' });
    values.set(user('ann'), 'jira', { TOKEN: 'token' });
    await call(user('ann'));
    expect(server().awaitedSource).toBeUndefined();
    expect(server().catalogue?.tools.has('whoami')).toBe(true);
  });

  test("are those of the first user's session, and no secret gets into them; each user calls those of their own", async () => {
    const { server, call, values, log } = startServers({ jira: whoami(ownTools, { sensitive: false }) });
    values.set(user('ann'), 'jira', { TOKEN: 'ann' });
    values.set(user('bob'), 'jira', { TOKEN: 'bob' });
    await call(user('ann'));
    expect(toolNames(server())).toEqual(['only_ann']);
    await call(user('bob'));
    expect(toolNames(server())).toEqual(['only_ann']);
    expect(server().catalogue?.instructions).toBe('for ann');
    expect(await call(user('bob'), 'only_bob')).toBe('mine');
    expect((await thrownBy(call(user('bob'), 'only_ann'))).message).toContain('has no tool of this name');
    expect(server().tools.differences).toEqual([
      {
        id: expect.any(String),
        owner: { issuer: 'open-webui', subject: 'bob' },
        since: expect.any(Number),
        changes: { added: ['only_bob'], removed: ['only_ann'] },
        isServerTextChanged: true,
      },
    ]);
    expect(log.filter((line) => line.includes('lists other tools'))).toHaveLength(1);

    const secretive = startServers({ jira: whoami(ownTools) });
    secretive.values.set(user('ann'), 'jira', { TOKEN: 'canary-token' });
    await secretive.call(user('ann'));
    expect(secretive.server().catalogue?.instructions).toBe('for [redacted]');
    expect(toolNames(secretive.server())).toEqual([]);
  });

  test("are an admin's where the first user's are not trusted, or until an admin has a session", async () => {
    const byArgs = { ...ownTools, args: [fixtureFile('whoami.js'), '${TOKEN}'], allowUserPlaceholdersInArgs: true };
    const servers = startServers({
      trusted: whoami(ownTools, { sensitive: false }),
      own: whoami(byArgs, { sensitive: false }),
    });
    const call = async (subject: string, server: string, role = 'user') => {
      servers.values.set(user(subject), server, { TOKEN: subject });
      await servers.call(user(subject, { role }), 'whoami', { server });
      return toolNames(servers.server(server));
    };
    expect(await call('ann', 'trusted')).toEqual(['only_ann']);
    expect(await call('ann', 'own')).toEqual([]);
    expect(servers.server('own').awaitedSource).toBe('admin');
    for (const server of ['trusted', 'own']) {
      expect(await call('root', server, 'admin')).toEqual(['only_root']);
      expect(await call('other', server, 'admin')).toEqual(['only_root']);
      expect(await call('bob', server)).toEqual(['only_root']);
      const { id = '' } = servers.server(server).tools.differences.at(-1) ?? {};
      expect(servers.server(server).tools.choose('unknown')).toBe(false);
      expect(servers.server(server).tools.choose(id)).toBe(true);
      expect(toolNames(servers.server(server))).toEqual(['only_bob']);
      expect(servers.server(server).tools.origin).toBe('chosen');
    }
  });

  test("are those that were cached, whatever users list then, and an admin's again once an admin lists", async () => {
    const cached: string[] = [];
    const save = async (_server: string, content: string) => void cached.push(content) as undefined;
    const cache: CatalogueCache = { load: async () => undefined, save };
    const loading = (content = ''): CatalogueCache => ({ ...cache, load: async () => content });
    const first = startServers({ jira: whoami(ownTools, { sensitive: false }) }, { cache });
    first.values.set(user('ann'), 'jira', { TOKEN: 'ann' });
    await first.call(user('ann'));
    const second = startServers({ jira: whoami(ownTools, { sensitive: false }) }, { cache: loading(cached[0]) });
    await second.server().whenCatalogue(0);
    expect(toolNames(second.server())).toEqual(['only_ann']);
    second.values.set(user('bob'), 'jira', { TOKEN: 'bob' });
    await second.call(user('bob'));
    expect(toolNames(second.server())).toEqual(['only_ann']);
    second.values.set(user('root'), 'jira', { TOKEN: 'root' });
    await second.call(user('root', { role: 'admin' }));
    expect(toolNames(second.server())).toEqual(['only_root']);
    expect(cached.at(-1)).toContain('only_root');
    // What an earlier version merged of many users' lists is not trusted.
    const merged = cached[0]?.replace('"origin":"user",', '');
    const third = startServers({ jira: whoami(ownTools, { sensitive: false }) }, { cache: loading(merged) });
    await third.server().whenCatalogue(0);
    expect(third.server().catalogue).toBeUndefined();
  });

  test("are listed at start with the admin's own values, on a session that ends then and that no call uses", async () => {
    const { server, call, values } = startServers({
      jira: whoami({ ...ownTools, discovery: { TOKEN: 'admins-own' } }),
    });
    expect(server().status.state).toBe('starting');
    await server().whenCatalogue(8_000);
    expect(toolNames(server())).toEqual(['only_admins-own']);
    await waitFor(() => server().status.state === 'ready');
    expect(server().generations.sessions()).toEqual([]);
    expect((await thrownBy(call(user('ann')))).message).toContain('jira needs your Jira token');
    values.set(user('ann'), 'jira', { TOKEN: 'ann' });
    expect(await call(user('ann'))).toMatchObject({ token: 'ann' });
    expect(toolNames(server())).toEqual(['only_admins-own']);
  });

  test('are tried again when they cannot be listed; until then the server is degraded and says why', async () => {
    const { server, values, log } = startServers({ jira: whoami({ discovery: { TOKEN: 'dies-canary' } }) });
    await waitFor(() => log.filter((line) => line.includes('could not be listed')).length >= 2);
    expect(server().status.state).toMatch(/degraded|starting/);
    await waitFor(() => server().status.state === 'degraded');
    expect(server().status).toMatchObject({
      reason: 'its tools could not be listed: its process ended with code 1 before it was ready',
      detail: expect.stringContaining('[redacted]'),
    });
    values.set(user('ann'), 'jira', { TOKEN: 'ann' });
    const error = await thrownBy(
      server()
        .whenCatalogue(50)
        .then(() => Promise.reject(server().unavailable())),
    );
    expect(error).toBeInstanceOf(ServerUnavailableError);
    expect(log.join('')).not.toContain('canary');
    // Nobody's own session stands in for the admin's view of the tools.
    await server()
      .acquire({ principal: user('ann'), values: values.source() }, never)
      .then((lease) => lease.release());
    expect(server().catalogue).toBeUndefined();
  });
});
