import { afterEach, describe, expect, test } from '@jest/globals';
import { type CatalogueKeeper, NO_KEEPER } from '../../../src/bridge/kept-catalogue.ts';
import { ServerUnavailableError } from '../../../src/errors.ts';
import { never, startServers, stopAll, thrownBy, until, user, whoami } from './user-servers.ts';

afterEach(stopAll);

const ownTools = { env: { TOKEN: '${TOKEN}', TOOL_OF_OWN: '1' } };
const toolNames = ({
  catalogue,
}: {
  readonly catalogue: { readonly tools: ReadonlyMap<string, unknown> } | undefined;
}) => [...(catalogue?.tools.keys() ?? [])].filter((name) => name.startsWith('only_'));

describe('the tools of a server with a session for each user', () => {
  test('are not known before the first user, which costs nobody a wait', async () => {
    const { server, call, values } = startServers({ jira: whoami() });
    const startedAt = Date.now();
    expect(await server().whenCatalogue(8_000)).toBeUndefined();
    expect(Date.now() - startedAt).toBeLessThan(1_000);
    expect(server().awaitsUser).toBe(true);
    expect(server().status).toEqual({ state: 'ready', reason: 'starts for each user' });
    values.set(user('ann'), 'jira', { TOKEN: 'token' });
    await call(user('ann'));
    expect(server().awaitsUser).toBe(false);
    expect(server().catalogue?.tools.has('whoami')).toBe(true);
  });

  test('are merged from the sessions of users: none disappears, and no secret gets into them', async () => {
    const { server, call, values } = startServers({ jira: whoami(ownTools, { sensitive: false }) });
    values.set(user('ann'), 'jira', { TOKEN: 'ann' });
    values.set(user('bob'), 'jira', { TOKEN: 'bob' });
    await call(user('ann'));
    expect(toolNames(server())).toEqual(['only_ann']);
    await call(user('bob'));
    expect(toolNames(server())).toEqual(['only_ann', 'only_bob']);

    const secretive = startServers({ jira: whoami(ownTools) });
    secretive.values.set(user('ann'), 'jira', { TOKEN: 'canary-token' });
    await secretive.call(user('ann'));
    expect(secretive.server().catalogue?.instructions).toBe('for [redacted]');
    expect(toolNames(secretive.server())).toEqual([]);
  });

  test('are those of the last run until a user tells more, and only what this run told is kept', async () => {
    const kept: string[] = [];
    const keeper: CatalogueKeeper = {
      ...NO_KEEPER,
      keep: async (_server, content) => {
        kept.push(content);
        return undefined;
      },
    };
    const first = startServers({ jira: whoami(ownTools, { sensitive: false }) }, { keeper });
    first.values.set(user('ann'), 'jira', { TOKEN: 'ann' });
    await first.call(user('ann'));
    const second = startServers({ jira: whoami(ownTools, { sensitive: false }) }, { keeper });
    second.server().restoreCatalogue(kept[0] ?? '');
    expect(toolNames(second.server())).toEqual(['only_ann']);
    second.values.set(user('bob'), 'jira', { TOKEN: 'bob' });
    await second.call(user('bob'), 'whoami');
    expect(toolNames(second.server())).toEqual(['only_ann', 'only_bob']);
    expect(kept.at(-1)).toContain('only_bob');
    expect(kept.at(-1)).not.toContain('only_ann');
  });

  test("are listed at start with the admin's own values, on a session that ends then and that no call uses", async () => {
    const { server, call, values } = startServers({
      jira: whoami({ ...ownTools, discovery: { TOKEN: 'admins-own' } }),
    });
    expect(server().status.state).toBe('starting');
    await server().whenCatalogue(8_000);
    expect(toolNames(server())).toEqual(['only_admins-own']);
    await until(() => server().status.state === 'ready');
    expect(server().sessions()).toEqual([]);
    expect((await thrownBy(call(user('ann')))).message).toContain('jira needs your Jira token');
    values.set(user('ann'), 'jira', { TOKEN: 'ann' });
    expect(await call(user('ann'))).toMatchObject({ token: 'ann' });
    expect(toolNames(server())).toEqual(['only_admins-own']);
  });

  test('are tried again when they cannot be listed; until then the server is degraded and says why', async () => {
    const { server, values, log } = startServers({ jira: whoami({ discovery: { TOKEN: 'dies-canary' } }) });
    await until(() => log.filter((line) => line.includes('could not be listed')).length >= 2);
    expect(server().status.state).toMatch(/degraded|starting/);
    await until(() => server().status.state === 'degraded');
    expect(server().status.reason).toMatch(/^its tools could not be listed: .*\[redacted\]/s);
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
