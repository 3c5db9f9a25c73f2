import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { auditFile, auditLines, waitForLine } from '../audit-lines.ts';
import { fixture, type Service, startService, temporaryFolder, test, waitFor } from '../harness.ts';

const CUT_OFF = 'calls still running at the end of the drain time';

/** A key of an Open WebUI user. */
const bearerOf = (name: string) => `Bearer sk-${name}-of-the-test`;

/** Two whole requests after a connection was closed the service has noticed it. */
async function settle(service: Service): Promise<void> {
  for (let round = 0; round < 2; round += 1) expect((await service.get('/healthz')).status).toBe(200);
}

/** An Open WebUI that answers who a caller is only once it is told to. */
class SlowDirectory {
  readonly #server: Server;
  readonly #waiting: ServerResponse[] = [];

  constructor() {
    this.#server = createServer((_request, response) => void this.#waiting.push(response));
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get asked(): number {
    return this.#waiting.length;
  }

  answerAll(status: number): void {
    for (const response of this.#waiting.splice(0)) {
      response.writeHead(status).end(JSON.stringify({ id: 'ada', role: 'user', name: 'Ada' }));
    }
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe('a caller who leaves while it is asked who they are', () => {
  const directory = new SlowDirectory();
  let url: string;
  beforeAll(async () => {
    url = await directory.open();
  });
  afterAll(() => directory.close());

  async function start() {
    const ledger = join(temporaryFolder(), 'ledger');
    const audit = auditFile();
    const service = await startService({
      servers: { ledger: fixture('ledger.js', [ledger]) },
      env: { MCPO_OPENWEBUI_URL: url, SECURITY_LOG_FILE: audit, MCPO_AUTH_FAILURE_LIMIT: 'off' },
    });
    return { service, audit, notes: () => (existsSync(ledger) ? readFileSync(ledger, 'utf8') : '') };
  }

  /** Sends calls, and leaves as soon as the directory was asked about each of them. */
  async function leave(service: Service, count: number, id: string): Promise<void> {
    const leaving = new AbortController();
    const gone = Array.from({ length: count }, (_, index) =>
      service
        .request('POST', '/ledger/note', {
          headers: {
            authorization: bearerOf(`${id}-${index}`),
            'content-type': 'application/json',
            'x-request-id': `${id}-${index}`,
          },
          body: '{"name":"left"}',
          signal: leaving.signal,
          // Questions about callers whom nobody knows are bounded by address.
          localAddress: `127.0.0.${index + 2}`,
        })
        .catch(() => 'left'),
    );
    await waitFor(() => directory.asked === count, 5_000, 'the directory to be asked');
    leaving.abort();
    expect(new Set(await Promise.all(gone))).toEqual(new Set(['left']));
    await settle(service);
  }

  test('never begins a call, is logged and audited, and does not hold up the drain', async () => {
    const { service, audit, notes } = await start();
    await leave(service, 6, 'early');
    directory.answerAll(200);
    const line = await waitForLine(audit, ({ request_id }) => request_id === 'early-0');
    expect(line).toEqual(
      expect.objectContaining({
        event_type: 'call',
        result: 'failure',
        resource: 'ledger/note',
        user_id: 'user:10:open-webui:ada',
        details: expect.objectContaining({ code: 'call_cancelled' }),
      }),
    );
    await waitFor(() => auditLines(audit).filter(({ result }) => result === 'failure').length === 6);
    await waitFor(() => service.stderr().split('"code":"call_cancelled"').length > 6, 5_000, 'six lines in the log');
    expect((await service.stop()).code).toBe(0);
    expect(service.stderr()).not.toContain(CUT_OFF);
    expect(notes()).toBe('');
  });

  test('holds up no drain when the answer is no, or does not come at all', async () => {
    const { service, notes } = await start();
    await leave(service, 3, 'refused');
    directory.answerAll(401);
    await leave(service, 3, 'broken');
    directory.answerAll(500);
    await leave(service, 3, 'silent');
    expect((await service.stop()).code).toBe(0);
    expect(service.stderr()).not.toContain(CUT_OFF);
    expect(notes()).toBe('');
    directory.answerAll(200);
  });

  test('who stays is called for', async () => {
    const { service, notes } = await start();
    const answer = service.call('ledger', 'note', { name: 'stayed' }, { authorization: bearerOf('stays') });
    await waitFor(() => directory.asked === 1);
    directory.answerAll(200);
    expect((await answer).status).toBe(200);
    expect(notes()).toBe('stayed\n');
  });
});

test('a call that was given up in the queue never runs, and its place goes to the next', async () => {
  const folder = temporaryFolder();
  const [ledger, until] = [join(folder, 'ledger'), join(folder, 'until')];
  const service = await startService({
    servers: { ledger: fixture('ledger.js', [ledger], { maxConcurrency: 1 }) },
    env: { LOG_LEVEL: 'debug' },
  });
  const first = service.call('ledger', 'hold', { name: 'first', until });
  await waitFor(() => existsSync(ledger), 5_000, 'the first call to run');
  const leaving = new AbortController();
  const post = (name: string, signal?: AbortSignal) =>
    service.request('POST', '/ledger/note', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
      signal,
    });
  const given = Array.from({ length: 5 }, () => post('given up', leaving.signal).catch(() => 'left'));
  const next = post('next');
  await waitFor(() => service.stderr().split('"arguments":').length > 6, 5_000, 'all of them to be read');
  leaving.abort();
  expect(await Promise.all(given)).toEqual(Array.from({ length: 5 }, () => 'left'));
  await settle(service);
  writeFileSync(until, '');
  expect([(await first).status, (await next).status]).toEqual([200, 200]);
  expect((await service.stop()).code).toBe(0);
  expect(readFileSync(ledger, 'utf8')).toBe('first\nnext\n');
  expect(service.stderr()).not.toContain(CUT_OFF);
});
