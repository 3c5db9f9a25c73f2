import { afterEach, describe, expect, test } from '@jest/globals';
import type { UserId, UserProfile } from '../../../src/auth/user.ts';
import { NotFoundError, RateLimitedError, UserVariableTestError, UserVariableValueError } from '../../../src/errors.ts';
import type { UserVariables } from '../../../src/servers/user-variables.ts';
import { type UserVariablesOptions, VaultUserVariables } from '../../../src/servers/user-variables.ts';
import type { SecretFacts } from '../../../src/vault/vault.ts';
import { SetValues, startServers, startWhoamiHttp, stopAll, thrownBy, whoami } from './user-servers.ts';

afterEach(stopAll);

const ann: UserProfile = { issuer: 'open-webui', subject: 'ann' };

type SettingsVault = UserVariablesOptions['vault'];

/** A vault that keeps its values as they are; only what the settings ask of it. */
class PlainVault implements SettingsVault {
  readonly #values = new SetValues();
  readonly refusals = new Map<string, number>();
  unreadable = '';

  async values(owner: UserId, server: string) {
    return this.#values.get(owner, server);
  }

  async set(owner: UserId, server: string, values: ReadonlyMap<string, string>) {
    this.#values.set(owner, server, Object.fromEntries([...this.#values.get(owner, server), ...values]));
  }

  async remove(owner: UserId, server: string, name: string) {
    const { [name]: removed, ...rest } = Object.fromEntries(this.#values.get(owner, server));
    this.#values.set(owner, server, rest);
    return removed !== undefined;
  }

  async erase() {
    return 0;
  }

  async facts(owner?: UserId): Promise<readonly SecretFacts[]> {
    if (owner === undefined) return [];
    return ['jira', 'http', 'both'].flatMap((server) =>
      [...this.#values.get(owner, server).keys()].map((name) => ({
        owner,
        server,
        name,
        updatedAt: 1,
        lastUsedAt: 2,
        lastFour: undefined,
        isReadable: name !== this.unreadable,
      })),
    );
  }

  async knows(owner: UserId) {
    return (await this.facts(owner)).length > 0;
  }

  async refused() {
    return [...this.refusals].map(([server, since]) => ({ server, since }));
  }

  async recentUses() {
    return [];
  }

  noteCredentials(_owner: UserId, server: string, isRefused: boolean) {
    if (isRefused) this.refusals.set(server, 3);
    else this.refusals.delete(server);
  }
}

function open(servers: Readonly<Record<string, object>>): {
  settings: UserVariables;
  vault: PlainVault;
  log: string[];
} {
  const { registry, log } = startServers(servers);
  const vault = new PlainVault();
  const settings = new VaultUserVariables({
    vault,
    registry,
    mayUse: (_user, config) => config.name !== 'closed',
    userJwt: () => 'jwt',
  });
  return { settings, vault, log };
}

describe('user settings', () => {
  test('list the servers that ask the user for values and that they may use, with what is set', async () => {
    const { settings, vault } = open({
      jira: whoami(),
      plain: whoami({ env: {}, userVars: {}, isolation: 'user' }),
      closed: whoami(),
      both: whoami({
        env: { TOKEN: '${TOKEN}', OPTION: '${OPTION}' },
        userVars: { TOKEN: {}, OPTION: { required: false } },
      }),
    });
    await settings.save(ann, 'both', new Map([['TOKEN', 'value']]));
    const listed = await settings.list(ann);
    expect(listed.map(({ server, status }) => [server, status])).toEqual([
      ['jira', 'missing'],
      ['both', 'ready'],
    ]);
    expect(listed[1]?.variables.map(({ name, isSet, updatedAt }) => [name, isSet, updatedAt])).toEqual([
      ['TOKEN', true, 1],
      ['OPTION', false, undefined],
    ]);
    expect(JSON.stringify(listed)).not.toContain('value"');
    vault.refusals.set('both', 3);
    expect(await settings.get(ann, 'both')).toMatchObject({ status: 'failing', refusedSince: 3 });
    vault.unreadable = 'TOKEN';
    expect(await settings.get(ann, 'both')).toMatchObject({ status: 'unreadable' });
  });

  test('refuse servers and variables that are not there, or not for this user, in the same words', async () => {
    const { settings } = open({ jira: whoami(), closed: whoami() });
    const none = await thrownBy(settings.get(ann, 'none'));
    const closed = await thrownBy(settings.save(ann, 'closed', new Map([['TOKEN', 'x']])));
    expect([none, closed]).toEqual([expect.any(NotFoundError), expect.any(NotFoundError)]);
    expect(closed.message).toBe(none.message);
    expect(await thrownBy(settings.save(ann, 'jira', new Map([['__proto__', 'x']])))).toBeInstanceOf(NotFoundError);
    expect(await thrownBy(settings.remove(ann, 'jira', 'constructor'))).toBeInstanceOf(NotFoundError);
  });

  test('keep nothing of what is saved together when one value may not be', async () => {
    const { settings, vault } = open({
      both: whoami({ env: { TOKEN: '${TOKEN}', OPTION: '${OPTION}' }, userVars: { TOKEN: {}, OPTION: {} } }),
    });
    const values = new Map([
      ['TOKEN', 'fine'],
      ['OPTION', 'a\nb'],
    ]);
    expect(await thrownBy(settings.save(ann, 'both', values))).toBeInstanceOf(UserVariableValueError);
    expect((await vault.values(ann, 'both')).size).toBe(0);
  });

  test('test values on a session of their own before they are kept, and keep none that do not work', async () => {
    const { settings, vault, log } = open({ jira: whoami() });
    const save = (value: string) => settings.save(ann, 'jira', new Map([['TOKEN', value]]), { isTested: true });
    await save('works');
    expect(await settings.testConnection(ann, 'jira')).toMatchObject({ ok: true, error: undefined });
    expect((await settings.testConnection(ann, 'jira')).tools).toContain('whoami');
    const error = await thrownBy(save('dies-canary'));
    expect(error).toBeInstanceOf(UserVariableTestError);
    expect(error.message).toBe(
      'The connection test of jira failed: its process ended with code 1 before it was ready; nothing was saved.',
    );
    expect((await vault.values(ann, 'jira')).get('TOKEN')).toBe('works');
    expect(log.join('')).not.toContain('canary');
  });

  test('say plainly that a server refuses the values, and what is missing for a test', async () => {
    const url = await startWhoamiHttp();
    const { settings } = open({
      http: {
        type: 'streamable-http',
        url,
        headers: { Authorization: 'Bearer ${TOKEN}' },
        userVars: { TOKEN: { title: 'Jira token' } },
      },
    });
    expect(await settings.testConnection(ann, 'http')).toEqual({
      ok: false,
      tools: [],
      error: 'http needs your Jira token first.',
    });
    const candidates = new Map([['TOKEN', 'bad']]);
    expect((await settings.testConnection(ann, 'http', { candidates })).error).toBe(
      'http refused your Jira token (HTTP 401).',
    );
  });

  test('let two tests of a user run at once, and leave no session behind', async () => {
    const { settings } = open({ jira: whoami() });
    const candidates = new Map([['TOKEN', 'works']]);
    const tests = [1, 2, 3].map(() => settings.testConnection(ann, 'jira', { candidates }));
    const results = await Promise.allSettled(tests);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(await thrownBy(tests[2] ?? Promise.resolve())).toBeInstanceOf(RateLimitedError);
    expect((await settings.testConnection(ann, 'jira', { candidates })).ok).toBe(true);
  });
});
