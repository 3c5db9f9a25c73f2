import { afterEach, describe, expect, test } from '@jest/globals';
import { ConnectionLostError, NotFoundError } from '../../../src/errors.ts';
import type { CatalogueCache } from '../../../src/servers/catalogue-cache.ts';
import { waitFor } from '../../wait-for.ts';
import { type Entries, entry, FakeServers, turn } from './fake-servers.ts';
import { thrownBy, user } from './user-servers.ts';

const started = new Set<FakeServers>();

afterEach(async () => {
  await Promise.all([...started].map(({ registry }) => registry.stop()));
  started.clear();
});

async function start(servers: Entries, options: ConstructorParameters<typeof FakeServers>[1] = {}) {
  const fakes = new FakeServers(servers, options);
  started.add(fakes);
  await fakes.registry.whenSettled();
  return fakes;
}

const isReady = (fakes: FakeServers, name = 'one') => fakes.server(name).status.state === 'ready';
const aliveArgs = ({ alive }: FakeServers) => [...alive].map((id) => id.replace(/ #\d+$/, ''));

describe('a changed configuration', () => {
  test('is not noticed by servers that it says the same of', async () => {
    const fakes = await start({ one: entry('a'), two: entry('b') });
    const server = fakes.server();
    expect(fakes.apply({ one: entry('a'), two: entry('b') })).toEqual({ added: [], changed: [], removed: [] });
    expect(fakes.apply({ two: entry('b', { timeoutMs: 5_000 }), one: entry('a'), new: entry('c') })).toEqual({
      added: ['new'],
      changed: ['two'],
      removed: [],
    });
    expect(fakes.registry.list().map(({ name }) => name)).toEqual(['two', 'one', 'new']);
    expect(fakes.server()).toBe(server);
    await waitFor(() => isReady(fakes, 'new'));
    expect(fakes.opened).toEqual(['a', 'b', 'c']);
  });

  test('holds at once, on the session that there is, where no session is made of it', async () => {
    const fakes = await start({ one: entry('a') });
    const access = { roles: ['admin'], users: [], groups: [] };
    fakes.apply({
      one: entry('a', { access, disabledTools: ['hold'], timeoutMs: 7_000, toolErrorStatus: 418, required: true }),
    });
    const { config, catalogue } = fakes.server();
    expect(config).toMatchObject({ access, timeoutMs: 7_000, toolErrorStatus: 418, required: true });
    expect([...(catalogue?.tools.keys() ?? [])]).toEqual(['args']);
    fakes.apply({ one: entry('a', { maxConcurrency: 1 }) });
    expect([...(fakes.server().catalogue?.tools.keys() ?? [])]).toEqual(['args', 'hold']);
    const calls = [fakes.call('hold'), fakes.call('hold')];
    await waitFor(() => fakes.held === 1);
    await turn();
    expect(fakes.held).toBe(1);
    fakes.apply({ one: entry('a', { maxConcurrency: 2, maxConcurrencyPerUser: 2 }) });
    await waitFor(() => fakes.held === 2);
    fakes.letGo();
    expect(await Promise.all(calls)).toEqual(['a', 'a']);
    expect(fakes.opened).toEqual(['a']);
  });

  test('starts new sessions beside the old, which serve until the new ones work and end after their last call', async () => {
    const fakes = await start({ one: entry('a') });
    const running = fakes.call('hold');
    await waitFor(() => fakes.held === 1);
    fakes.apply({ one: entry('held b more') });
    await waitFor(() => fakes.opened.length === 2);
    expect(fakes.server().status).toMatchObject({ state: 'ready', reason: 'its changed settings are starting' });
    expect(await fakes.call('args')).toBe('a');
    fakes.letOpen();
    await waitFor(() => fakes.server().status.reason === undefined);
    expect(await fakes.call('args')).toBe('held b more');
    expect(fakes.server().catalogue?.tools.has('more')).toBe(true);
    expect(fakes.log.join('')).toContain('server runs with its changed settings');
    expect(fakes.log.join('')).toContain('the list of tools has changed');
    expect(aliveArgs(fakes)).toEqual(['a', 'held b more']);
    fakes.letGo();
    expect(await running).toBe('a');
    await waitFor(() => fakes.alive.size === 1);
    expect(aliveArgs(fakes)).toEqual(['held b more']);
  });

  test('that does not work leaves the old sessions serving, is reported, and is given up when it is changed again', async () => {
    const fakes = await start({ one: entry('a') });
    fakes.apply({ one: entry('broken', { access: { roles: ['admin'], users: [], groups: [] } }) });
    await waitFor(() => fakes.server().status.reason?.includes('do not work yet') === true);
    expect(fakes.server().status).toMatchObject({
      state: 'ready',
      reason: 'its changed settings do not work yet: it is broken',
    });
    // An admin's restriction does not wait for what else is changed.
    expect(fakes.server().config.access?.roles).toEqual(['admin']);
    expect(await fakes.call('args')).toBe('a');
    expect(fakes.log.join('')).toContain('the changed settings of the server do not work yet');
    expect(fakes.apply({ one: entry('a') })).toEqual({ added: [], changed: ['one'], removed: [] });
    expect(fakes.server().status.state).toBe('ready');
    expect(fakes.server().status.reason).toBeUndefined();
    await waitFor(() => fakes.alive.size === 1);
    fakes.apply({ one: entry('broken') });
    fakes.apply({ one: entry('b') });
    await waitFor(() => fakes.server().status.reason === undefined);
    expect(await fakes.call('args')).toBe('b');
    await waitFor(() => fakes.alive.size === 1);
  });

  test('takes the place of what does not work at once, and calls that wait go on with it', async () => {
    const fakes = await start({ one: entry('broken') });
    const waiting = fakes.call('args');
    fakes.apply({ one: entry('held b') });
    expect(fakes.server().status.state).toBe('starting');
    await waitFor(() => fakes.opened.includes('held b'));
    const other = fakes.call('args');
    fakes.apply({ one: entry('c') });
    expect(await Promise.all([waiting, other])).toEqual(['c', 'c']);
    await waitFor(() => fakes.alive.size === 1);
  });

  test('that another one overtakes opens nothing: of a thousand at once only the newest is', async () => {
    const fakes = await start({ one: entry('a') });
    for (let turns = 0; turns < 1_000; turns++) fakes.apply({ one: entry(`b${turns}`), [`new${turns}`]: entry('c') });
    await waitFor(() => fakes.server().status.reason === undefined && isReady(fakes, 'new999'));
    expect(fakes.opened.sort()).toEqual(['a', 'b999', 'c']);
    await waitFor(() => fakes.alive.size === 2);
    expect(aliveArgs(fakes).sort()).toEqual(['b999', 'c']);
  });

  test('never starts a second session of a server while one is starting that serves no calls', async () => {
    const fakes = await start({ one: entry('a') });
    for (let turns = 0; turns < 300; turns++) {
      fakes.apply({ one: entry(`b${turns}`) });
      if (turns % 3 === 0) await turn();
      expect(await fakes.call('args')).toMatch(/^[ab]/);
    }
    await waitFor(() => fakes.server().status.reason === undefined);
    expect(await fakes.call('args')).toBe('b299');
    expect(fakes.mostStarting).toBe(1);
    await waitFor(() => fakes.alive.size === 1);
  });

  test('fails no call of the servers that it changes again and again', async () => {
    const fakes = await start({ one: entry('a') });
    let isOver = false;
    let answered = 0;
    const callers = Array.from({ length: 20 }, async () => {
      while (!isOver) {
        expect(await fakes.call('args')).toMatch(/^[ab]/);
        answered += 1;
        await turn();
      }
    });
    for (let turns = 0; turns < 100; turns++) {
      fakes.apply({ one: entry(`b${turns}`) });
      await waitFor(() => fakes.server().status.reason === undefined);
    }
    isOver = true;
    await Promise.all(callers);
    expect(answered).toBeGreaterThan(100);
    expect(new Set(fakes.opened).size).toBe(101);
    await waitFor(() => fakes.alive.size === 1);
  });

  test('adds a server whose cached list of tools is served until it lists its own', async () => {
    const cached = new Map<string, string>();
    const cache: CatalogueCache = {
      load: async (server) => cached.get(server),
      save: async (server, content) => {
        cached.set(server, content);
        return undefined;
      },
    };
    const first = new FakeServers({ one: entry('held a') }, { cache });
    started.add(first);
    await waitFor(() => first.opened.length === 1);
    first.letOpen();
    await waitFor(() => isReady(first));
    const second = await start({ other: entry('b') }, { cache });
    second.apply({ other: entry('b'), one: entry('held a') });
    expect((await second.server().whenCatalogue(5_000))?.tools.has('args')).toBe(true);
    expect(second.server().status.state).toBe('starting');
    // It has its lease, and goes on with the sessions that take the place of those it waits for.
    const waiting = second.call('args');
    await waitFor(() => second.opened.includes('held a'));
    second.apply({ other: entry('b'), one: entry('c') });
    expect(await waiting).toBe('c');
  });
});

describe('a server that is removed', () => {
  test('is not found any more; its running calls end first, and one that has found it before is rejected', async () => {
    const fakes = await start({ one: entry('a'), two: entry('b') });
    const server = fakes.server();
    const tool = server.catalogue?.tools.get('args');
    const running = fakes.call('hold');
    await waitFor(() => fakes.held === 1);
    expect(fakes.apply({ two: entry('b') })).toEqual({ added: [], changed: [], removed: ['one'] });
    expect(fakes.registry.servers.get('one')).toBeUndefined();
    if (tool === undefined) throw new Error('There is no tool.');
    expect(await thrownBy(fakes.send(tool, server))).toBeInstanceOf(NotFoundError);
    expect(aliveArgs(fakes)).toContain('a');
    fakes.letGo();
    expect(await running).toBe('a');
    await waitFor(() => fakes.alive.size === 1);
    expect(aliveArgs(fakes)).toEqual(['b']);
  });

  test('waits for its calls no longer than the drain time', async () => {
    const fakes = await start({ one: entry('a'), two: entry('b') }, { drainTimeMs: 50 });
    const running = thrownBy(fakes.call('hold'));
    await waitFor(() => fakes.held === 1);
    fakes.apply({ two: entry('b') });
    expect(await running).toBeInstanceOf(ConnectionLostError);
    await waitFor(() => fakes.alive.size === 1);
  });

  test('does not stand in the way of one of the same name', async () => {
    const fakes = await start({ one: entry('a'), two: entry('b') });
    const running = fakes.call('hold');
    await waitFor(() => fakes.held === 1);
    fakes.apply({ two: entry('b') });
    fakes.apply({ two: entry('b'), one: entry('c') });
    expect(await fakes.call('args')).toBe('c');
    fakes.letGo();
    expect(await running).toBe('a');
    await waitFor(() => fakes.alive.size === 2);
  });
});

describe('the end of the service', () => {
  test('ends what is starting, what is draining and what is removed', async () => {
    const fakes = await start({ one: entry('a'), two: entry('b'), three: entry('c') });
    const calls = ['one', 'two', 'three'].map((name) => thrownBy(fakes.call('hold', fakes.server(name))));
    await waitFor(() => fakes.held === 3);
    fakes.apply({ one: entry('d'), two: entry('held e') });
    await waitFor(() => fakes.server('one').status.reason === undefined && fakes.opened.includes('held e'));
    expect(fakes.alive.size).toBe(5);
    await fakes.registry.stop();
    expect(fakes.alive.size).toBe(0);
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(ConnectionLostError);
    expect(fakes.apply({ four: entry('f') })).toEqual({ added: [], changed: [], removed: [] });
    expect(fakes.registry.servers.get('four')).toBeUndefined();
  });
});

describe('the sessions of users of a changed server', () => {
  const perUser = (args: string, more: object = {}) =>
    entry(args, { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Token' } }, ...more });

  test('end after their last call; the next call opens a new one, and the tools stay known', async () => {
    const fakes = await start({ one: perUser('a') });
    const running = fakes.call('hold');
    await waitFor(() => fakes.held === 1);
    fakes.apply({ one: perUser('a', { idleTimeoutMs: 5_000 }) });
    expect(fakes.server().catalogue?.tools.has('args')).toBe(true);
    expect(await fakes.call('args')).toBe('a');
    expect(fakes.opened).toEqual(['a', 'a']);
    expect(fakes.server().generations.sessions()).toHaveLength(2);
    fakes.letGo();
    expect(await running).toBe('a');
    await waitFor(() => fakes.alive.size === 1);
  });

  test('end with what their owner has set, those with former settings too', async () => {
    const fakes = await start({ one: perUser('a'), two: perUser('b') });
    const calls = ['one', 'two'].map((name) => thrownBy(fakes.call('hold', fakes.server(name))));
    await waitFor(() => fakes.held === 2);
    fakes.apply({ one: perUser('c') });
    await fakes.registry.endOwned(user('ann'));
    expect(fakes.alive.size).toBe(0);
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(ConnectionLostError);
  });

  test('go on until the tools are listed with the changed settings, where the service lists them', async () => {
    const listed = (args: string) => perUser(args, { discovery: { TOKEN: 'token' } });
    const fakes = await start({ one: listed('a') });
    await waitFor(() => isReady(fakes));
    fakes.apply({ one: listed('held b more') });
    await waitFor(() => fakes.opened.includes('held b more'));
    expect(fakes.server().status).toMatchObject({
      state: 'ready',
      reason: 'starts for each user; its changed settings are starting',
    });
    expect(fakes.server().catalogue?.tools.has('more')).toBe(false);
    fakes.letOpen();
    await waitFor(() => fakes.server().catalogue?.tools.has('more') === true);
    expect(fakes.server().status.reason).toBe('starts for each user');
  });
});
