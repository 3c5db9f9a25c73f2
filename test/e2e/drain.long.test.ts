import { Agent, type RequestOptions, request } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { fixture, repositoryFolder, type Service, startService, test, waitFor } from './harness.ts';

const servers = { answers: fixture('answers.js') };

describe('before the drain', () => {
  test('/readyz is 503 at once, and calls are still accepted for MCPO_PRE_STOP_SECONDS', async () => {
    const service = await startService({ servers, env: { MCPO_PRE_STOP_SECONDS: '2', MCPO_DRAIN_SECONDS: '5' } });
    expect((await service.get('/readyz')).status).toBe(200);
    service.kill('SIGTERM');
    await waitForLeaving(service);
    const accepted = await service.call('answers', 'text', {});
    const isAlive = await service.get('/healthz');
    // Runs over the end of that time, into the drain.
    const long = await service.call('answers', 'slow', { ms: 2_500 });
    expect([accepted.status, isAlive.status, long.status, long.text]).toEqual([200, 200, 200, '"slept"']);
    expect(await service.exited).toMatchObject({ code: 0, signal: null });
  });

  test('then the port is closed, and kept connections are told to close with their next answer', async () => {
    const service = await startService({ servers, env: { MCPO_PRE_STOP_SECONDS: '1', MCPO_DRAIN_SECONDS: '5' } });
    const agent = () => new Agent({ keepAlive: true, maxSockets: 1 });
    const [first, second, third] = [agent(), agent(), agent()];
    for (const each of [first, second, third]) {
      expect((await keepingAlive(service, { agent: each })).headers.connection).toBe('keep-alive');
    }
    // Keeps the service from ending before it was looked at.
    const running = service.call('answers', 'slow', { ms: 3_000 });
    await waitForRunningCalls(service, 1);
    service.kill('SIGTERM');
    await waitForLeaving(service);
    expect((await keepingAlive(service, { agent: first })).headers.connection).toBe('keep-alive');
    await waitFor(() => isRefused(service.port), 5_000, 'the port to be closed');
    const call = await keepingAlive(service, { agent: first });
    const document = await keepingAlive(service, { agent: second, method: 'GET', path: '/answers/openapi.json' });
    const unknown = await keepingAlive(service, { agent: third, path: '/answers/unknown' });
    expect([call, document, unknown].map(({ status, headers }) => [status, headers.connection])).toEqual([
      [200, 'close'],
      [200, 'close'],
      [404, 'close'],
    ]);
    expect((await running).status).toBe(200);
    expect((await service.exited).code).toBe(0);
  });
});

describe('the drain', () => {
  test('refuses new calls with 503, Retry-After and Connection: close, and closes idle connections', async () => {
    const service = await startService({ servers });
    const agent = new Agent({ keepAlive: true });
    const idle = await keepingAlive(service, { agent });
    const running = service.call('answers', 'slow', { ms: 1_500 });
    await waitForRunningCalls(service, 1);
    service.kill('SIGTERM');
    await waitForLeaving(service);
    await waitFor(() => idle.socket.destroyed, 1_000, 'the idle connection to be closed');
    const refused = await keepingAlive(service);
    expect([refused.status, refused.headers['retry-after'], refused.headers.connection]).toEqual([503, '5', 'close']);
    expect(refused.text).toContain('The service is ending');
    const document = await service.get('/answers/openapi.json');
    expect([document.status, (await running).status]).toEqual([200, 200]);
    expect((await service.exited).code).toBe(0);
    agent.destroy();
  });

  test('answers a call that it cuts off with 502, which says that the tool may have run', async () => {
    const service = await startService({ servers, env: { MCPO_DRAIN_SECONDS: '1' } });
    const calls = Promise.all([1, 2, 3].map(() => service.call('answers', 'slow', { ms: 60_000 })));
    await waitForRunningCalls(service, 3);
    service.kill('SIGTERM');
    for (const { status, text } of await calls) {
      expect([status, JSON.parse(text).detail]).toEqual([
        502,
        {
          message: 'The connection with server "answers" was lost: the service closed it. The tool may have run.',
          code: 'connection_lost',
        },
      ]);
    }
    expect((await service.exited).code).toBe(0);
    expect(service.stderr()).toContain('were cut off');
  });

  test('says of a call that waited for its turn, and has not run, that it is to come back', async () => {
    const one = fixture('answers.js', [], { maxConcurrency: 1 });
    const env = { MCPO_DRAIN_SECONDS: '1', LOG_LEVEL: 'debug' };
    const service = await startService({ servers: { answers: one }, env });
    const calls = [1, 2].map(() => service.call('answers', 'slow', { ms: 60_000 }));
    // Logged right before a call takes its turn.
    await waitFor(() => service.stderr().split('"arguments"').length > 2, 5_000, 'both calls');
    service.kill('SIGTERM');
    const answers = await Promise.all(calls);
    expect(answers.map(({ status }) => status).sort()).toEqual([502, 503]);
    expect(answers.find(({ status }) => status === 503)?.headers['retry-after']).toBeDefined();
    expect((await service.exited).code).toBe(0);
  });

  test('answers a call whose body has not come whole with 503', async () => {
    const service = await startService({ servers, env: { MCPO_DRAIN_SECONDS: '1' } });
    const socket = connect(service.port, '127.0.0.1');
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk;
    });
    socket.write('POST /answers/text HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n');
    socket.write('Expect: 100-continue\r\nContent-Length: 100\r\n\r\n{');
    await waitFor(() => said.includes('100 Continue'), 5_000, 'the call to begin');
    service.kill('SIGTERM');
    await waitFor(() => said.includes('HTTP/1.1 503 '), 5_000, 'the answer');
    expect(said).toContain('Connection: close');
    expect((await service.exited).code).toBe(0);
    socket.destroy();
  });

  test('does not wait for servers that still start', async () => {
    const slow = fixture('slow-start.js', ['600000']);
    const service = await startService({
      servers: { ...servers, slow },
      waitForReady: false,
      env: { MCPO_DRAIN_SECONDS: '30' },
    });
    const waiting = service.call('slow', 'text', {});
    await waitFor(() => service.children().some(({ command }) => command.includes('slow-start')));
    service.kill('SIGTERM');
    // The call waits for the server for eight seconds, and is told to come back.
    expect((await waiting).status).toBe(503);
    expect((await service.exited).code).toBe(0);
  });

  test('is the same with TLS', async () => {
    const tls = join(repositoryFolder, 'test/fixtures/tls');
    const service = await startService({
      servers,
      args: ['-t', join(tls, 'first-cert.pem'), '-K', join(tls, 'first-key.pem')],
      env: { MCPO_DRAIN_SECONDS: '1' },
      waitForReady: false,
    });
    const agent = new TlsAgent({ keepAlive: true, rejectUnauthorized: false });
    await waitFor(async () => (await keepingAlive(service, { agent })).status === 200, 10_000, 'the server');
    const idle = await keepingAlive(service, { agent });
    expect(idle.headers.connection).toBe('keep-alive');
    const own = new TlsAgent({ keepAlive: true, rejectUnauthorized: false });
    const running = keepingAlive(service, { agent: own, path: '/answers/slow', body: { ms: 60_000 } });
    await waitFor(async () => {
      const { text } = await keepingAlive(service, { agent, path: '/answers/slow_counts' });
      return JSON.parse(text).started === 1;
    });
    service.kill('SIGTERM');
    await waitFor(() => idle.socket.destroyed, 1_000, 'the idle connection to be closed');
    const cut = await running;
    expect([cut.status, cut.headers.connection]).toEqual([502, 'close']);
    expect((await service.exited).code).toBe(0);
  });
});

describe('the settings', () => {
  test('that are not seconds are refused', async () => {
    const service = startService({ servers, env: { MCPO_DRAIN_SECONDS: '10s' } });
    await expect(service).rejects.toThrow(/MCPO_DRAIN_SECONDS.*must be a whole number of seconds, 0 to 3600/);
  });
});

interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly socket: Socket;
}

interface Kept {
  readonly method?: string;
  readonly path?: string;
  readonly body?: object;
  readonly agent?: Agent | TlsAgent;
}

/** A request that asks to keep its connection, as proxies do. */
function keepingAlive(
  { port }: Service,
  { method = 'POST', path = '/answers/text', body = {}, agent = new Agent({ keepAlive: true }) }: Kept = {},
): Promise<KeptAnswer> {
  const headers = { 'content-type': 'application/json' };
  const options: RequestOptions = { host: '127.0.0.1', port, method, path, headers, agent };
  return new Promise((resolve, reject) => {
    const outgoing = (agent instanceof TlsAgent ? requestTls : request)(options, (incoming) => {
      const { socket } = incoming;
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, socket }));
    });
    outgoing.on('error', reject);
    outgoing.end(method === 'POST' ? JSON.stringify(body) : undefined);
  });
}

async function waitForRunningCalls(service: Service, count: number): Promise<void> {
  await waitFor(async () => {
    const counts = (await service.call('answers', 'slow_counts', {})).json() as { started: number };
    return counts.started === count;
  });
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

/** What a load balancer reads. */
async function waitForLeaving(service: Service): Promise<void> {
  await waitFor(
    async () => {
      const { status, text } = await service.get('/readyz');
      return status === 503 && JSON.parse(text).status === 'draining';
    },
    5_000,
    '/readyz to say that the service ends',
  );
}
