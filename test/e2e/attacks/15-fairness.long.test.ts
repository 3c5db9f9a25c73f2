import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { fixture, runCommand, type Service, startService, test, waitFor } from '../harness.ts';

const secret = { JWT_SECRET: 'secret-of-the-fairness-test-that-is-long-5c20e1' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function tokenOf(user: string): Promise<string> {
  return (await runCommand(['token', 'issue', '--user', user], { env: secret })).stdout.trim();
}

/** Calls that never end; `leave` gives them up. Resolves once the server runs as many of them as it ever will. */
async function hang(service: Service, token: string, count: number): Promise<() => Promise<void>> {
  const leaving = new AbortController();
  const headers = { ...bearer(token), 'content-type': 'application/json' };
  const calls = Array.from({ length: count }, () =>
    service.request('POST', '/shared/hold', { headers, body: '{}', signal: leaving.signal }).catch(() => undefined),
  );
  return async () => {
    leaving.abort();
    await Promise.all(calls);
  };
}

test('64 and more hanging calls of one user leave room for everybody else', async () => {
  const service = await startService({ servers: { shared: fixture('bodies.js') }, env: secret });
  const [ada, bob, eve] = [await tokenOf('ada'), await tokenOf('bob'), await tokenOf('eve')];
  const leave = await hang(service, ada, 300);
  for (const token of [bob, eve]) {
    for (let call = 0; call < 20; call += 1) {
      const answer = await service.call('shared', 'quick', {}, bearer(token));
      expect([call, answer.status, answer.text]).toEqual([call, 200, '"quick"']);
    }
  }
  await leave();
  expect((await service.call('shared', 'quick', {}, bearer(ada))).status).toBe(200);
});

test('the cap of one user can be set, and one user alone still gets it whole', async () => {
  const one = fixture('bodies.js', [], { maxConcurrency: 8, maxConcurrencyPerUser: 2 });
  const service = await startService({ servers: { shared: one }, env: secret });
  const [ada, bob] = [await tokenOf('ada'), await tokenOf('bob')];
  const users = await Promise.all(['u1', 'u2', 'u3'].map(tokenOf));
  const leaving = await Promise.all([ada, ...users].map((token) => hang(service, token, 10)));
  // Four users hold all eight places, and their next calls wait: the one that comes takes the next turn.
  const waiting = service.call('shared', 'quick', {}, bearer(bob));
  await leaving[0]?.();
  expect((await waiting).status).toBe(200);
  await Promise.all(leaving.map((leave) => leave()));
});

/** Stands for Open WebUI. What it is asked about forged tokens it never answers. */
class OpenWebUi {
  readonly #server: Server;
  readonly open = new Set<ServerResponse>();
  most = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response: ServerResponse) => {
      const claims = jwt.decode(String(request.headers.authorization).slice(7)) as { id?: string } | null;
      if (claims?.id?.startsWith('good') === true) {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ id: claims.id, email: 'a@b.c', name: 'Ann', role: 'user' }));
        return;
      }
      this.open.add(response);
      this.most = Math.max(this.most, this.open.size);
      response.on('close', () => this.open.delete(response));
    });
  }

  static async start(): Promise<OpenWebUi> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new OpenWebUi(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const started: OpenWebUi[] = [];
afterEach(() => {
  for (const one of started.splice(0)) one.stop();
});

const sessionOf = (id: string, key = 'x'.repeat(40)) => jwt.sign({ id }, key, { expiresIn: '1h' });

test('forged tokens take a small part of the questions to Open WebUI, by address, and no one gets 503 for them', async () => {
  const openWebUi = await OpenWebUi.start();
  started.push(openWebUi);
  const service = await startService({
    servers: { shared: fixture('bodies.js') },
    env: { MCPO_OPENWEBUI_URL: openWebUi.url },
  });
  const call = (token: string, localAddress: string, signal?: AbortSignal) =>
    service.request('POST', '/shared/quick', {
      headers: { ...bearer(token), 'content-type': 'application/json' },
      body: '{}',
      localAddress,
      signal,
    });
  const leaving = new AbortController();
  const forged = Array.from({ length: 100 }, (_, index) =>
    call(sessionOf(`forged ${index}`), '127.0.0.2', leaving.signal).catch(() => undefined),
  );
  await waitFor(() => openWebUi.open.size > 0, 10_000, 'Open WebUI to be asked');
  // Users nobody has seen before, from other addresses, while the forged ones hang.
  for (let user = 0; user < 40; user += 1) {
    const answer = await call(sessionOf(`good ${user}`), `127.0.0.${3 + (user % 3)}`);
    expect([user, answer.status, answer.text]).toEqual([user, 200, '"quick"']);
  }
  // More at once than may be asked about at once: the others wait for their turn.
  const many = await Promise.all(
    Array.from({ length: 60 }, (_, user) => call(sessionOf(`good at once ${user}`), '127.0.0.9')),
  );
  expect(new Set(many.map(({ status }) => status))).toEqual(new Set([200]));
  expect(openWebUi.most).toBeLessThanOrEqual(8);
  leaving.abort();
  await Promise.all(forged);
});
