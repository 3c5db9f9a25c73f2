import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect } from '@jest/globals';
import { runCommand, spawnCommand } from '../command.ts';
import { fixture, startService, test, waitFor } from '../harness.ts';

/**
 * A database that takes the connection and then says nothing until the test ends it: meanwhile the start is under way,
 * however fast or slow the machine is.
 */
class SilentDatabase {
  readonly #sockets: Socket[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      this.#sockets.push(socket);
    });
  }

  static async open(): Promise<SilentDatabase> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new SilentDatabase(server);
  }

  get url(): string {
    return `postgres://user@127.0.0.1:${(this.#server.address() as AddressInfo).port}/none`;
  }

  /** Resolves once somebody waits for it. */
  async whenAsked(): Promise<void> {
    await waitFor(() => this.#sockets.length > 0, 15_000, 'the start to ask the database');
  }

  refuse(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

const databases: SilentDatabase[] = [];
afterEach(() => {
  for (const database of databases.splice(0)) database.refuse();
});

async function openDatabase(): Promise<SilentDatabase> {
  const database = await SilentDatabase.open();
  databases.push(database);
  return database;
}

const servers = { answers: fixture('answers.js') };

for (const signals of [['SIGHUP'], ['SIGUSR2'], ['SIGHUP', 'SIGUSR2', 'SIGHUP', 'SIGHUP']] as const) {
  test(`${signals.join(', ')} during the start: the service starts all the same`, async () => {
    const database = await openDatabase();
    const env = { MCPO_DATABASE_URL: database.url, MCPO_API_KEY: 'key-of-the-signal-test-52ce9' };
    const command = spawnCommand({ servers, env, args: ['--port', '0', '--host', '127.0.0.1'] }, []);
    try {
      await database.whenAsked();
      for (const signal of signals) command.child.kill(signal);
      database.refuse();
      await waitFor(
        () => {
          expect([command.child.exitCode, command.child.signalCode]).toEqual([null, null]);
          return command.stdout().includes('Listening on');
        },
        20_000,
        'the service to listen',
      );
      if (signals.includes('SIGHUP' as never)) {
        await waitFor(
          () => command.stderr().includes('"configuration reloaded"'),
          20_000,
          'the reload that was asked for',
        );
        expect(command.stderr().split('"configuration reloaded"')).toHaveLength(2);
      }
    } finally {
      command.child.kill('SIGTERM');
    }
    expect(await command.exited).toMatchObject({ code: 0, signal: null });
  });
}

test('a command that does not serve still ends by SIGHUP', async () => {
  const database = await openDatabase();
  const command = spawnCommand({ env: { MCPO_DATABASE_URL: database.url } }, ['key', 'list']);
  await database.whenAsked();
  command.child.kill('SIGHUP');
  expect(await command.exited).toMatchObject({ code: null, signal: 'SIGHUP' });
});

test('once it runs, the signals do what they did', async () => {
  const service = await startService({ servers });
  service.kill('SIGHUP');
  await waitFor(() => service.stderr().includes('"configuration reloaded"'), 10_000, 'the reload');
  service.kill('SIGUSR2');
  expect((await service.call('answers', 'text', {})).status).toBe(200);
  expect((await runCommand(['version'])).code).toBe(0);
});
