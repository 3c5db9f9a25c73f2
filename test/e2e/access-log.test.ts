import { connect } from 'node:net';
import { describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test, waitFor } from './harness.ts';
import { type LogLine, linesAbout, logLines } from './log-lines.ts';

const KEY = 'key-of-the-test-of-the-access-log-4c1d';
const servers = { answers: fixture('answers.js') };
const env = { MCPO_API_KEY: KEY };
const authorization = `Bearer ${KEY}`;

/** What a request with this id left in the log. */
const lineOf = (service: Service, id: string): Promise<LogLine> =>
  waitFor(
    () => linesAbout(service.stderr(), 'request').find((line) => line.request === id),
    5_000,
    `the line of ${id}`,
  );

/** Sends bytes as they are; resolves to what came back until the connection was closed. */
function sendBytes(port: number, bytes: Buffer | string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer)).on('error', reject);
  });
}

describe('one line for each request', () => {
  test('says from where, what, how it ended, how long, how much, and by which key', async () => {
    const service = await startService({ servers, env });
    const called = await service.call('answers', 'text', {}, { authorization, 'x-request-id': 'call-1' });
    expect(await lineOf(service, 'call-1')).toEqual({
      timestamp: expect.any(String),
      level: 'info',
      message: 'request',
      address: '127.0.0.1',
      request: 'call-1',
      method: 'POST',
      path: '/answers/text',
      status: 200,
      ms: expect.any(Number),
      bytes: called.bytes.length,
      server: 'answers',
      tool: 'text',
      key: 'default',
    });
    const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    const rows = [
      ['document', 'GET', '/answers/openapi.json', 200, {}],
      ['page', 'GET', '/docs', 200, {}],
      ['absent', 'GET', '/nothing', 404, {}],
      ['tool', 'POST', '/answers/absent', 404, { key: 'default', code: 'not_found' }],
      ['traced', 'POST', '/answers/text', 200, { trace_id: '0af7651916cd43dd8448eb211c80319c' }],
    ] as const;
    for (const [id, method, path, status, more] of rows) {
      const headers = { authorization, 'content-type': 'application/json', 'x-request-id': id, ...trace };
      const answer = await service.request(method, path, { headers, ...(method === 'POST' ? { body: '{}' } : {}) });
      expect(await lineOf(service, id)).toMatchObject({ method, path, status, bytes: answer.bytes.length, ...more });
    }
    expect(linesAbout(service.stderr(), 'request')).toHaveLength(1 + rows.length);
  });

  test('probes and assets are in the log at debug only', async () => {
    const service = await startService({ servers, env });
    for (const path of ['/healthz', '/readyz', '/docs']) await service.get(path);
    await waitFor(() => linesAbout(service.stderr(), 'request').length > 0, 5_000, 'a line');
    expect(linesAbout(service.stderr(), 'request').map(({ path }) => path)).toEqual(['/docs']);
    const verbose = await startService({ servers, env, args: ['--log-level', 'debug'] });
    await verbose.get('/healthz');
    await waitFor(() => linesAbout(verbose.stderr(), 'request').some(({ path }) => path === '/healthz'), 5_000, 'it');
  });

  test('MCPO_ACCESS_LOG=off leaves it out, and failures stay in the log', async () => {
    const service = await startService({ servers, env: { ...env, MCPO_ACCESS_LOG: 'off' } });
    await service.call('answers', 'text', {}, { authorization });
    await service.call('answers', 'absent', {}, { authorization });
    await service.call('answers', 'text', {}, { authorization: 'Bearer wrong' });
    await waitFor(() => linesAbout(service.stderr(), 'log-in failed').length === 1, 5_000, 'the failed log-in');
    expect(linesAbout(service.stderr(), 'request failed')).toHaveLength(1);
    expect(linesAbout(service.stderr(), 'request')).toEqual([]);
  });

  test('a caller who leaves before the answer is 499 and aborted', async () => {
    const service = await startService({ servers, env });
    const leaving = new AbortController();
    const headers = { authorization, 'content-type': 'application/json', 'x-request-id': 'left' };
    const { signal } = leaving;
    const call = service
      .request('POST', '/answers/slow', { headers, body: '{"ms":20000}', signal })
      .catch(() => 'left');
    await waitFor(() => service.stderr() !== '', 5_000, 'the log');
    setTimeout(() => leaving.abort(), 200);
    expect(await call).toBe('left');
    const line = await lineOf(service, 'left');
    expect(line).toMatchObject({ status: 499, aborted: true, server: 'answers', tool: 'slow' });
    expect(line).not.toHaveProperty('bytes');
  });

  test('what Node refuses by itself is answered as before, and logged', async () => {
    const service = await startService({ servers, env });
    expect(await sendBytes(service.port, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    const large = `GET / HTTP/1.1\r\nHost: a\r\nX-Large: ${'a'.repeat(40_000)}\r\n\r\n`;
    expect(await sendBytes(service.port, large)).toMatch(/^HTTP\/1\.1 431 /);
    await waitFor(() => linesAbout(service.stderr(), 'request').length === 2, 5_000, 'both lines');
    expect(linesAbout(service.stderr(), 'request')).toEqual([
      expect.objectContaining({ address: '127.0.0.1', status: 400, code: expect.stringMatching(/^HPE_/) }),
      expect.objectContaining({ address: '127.0.0.1', status: 431, code: 'HPE_HEADER_OVERFLOW' }),
    ]);
  });

  test('with audit.pseudonymise it names neither who called nor from where', async () => {
    const config = { mcpServers: servers, audit: { pseudonymise: true } };
    const service = await startService({ config, env });
    await service.call('answers', 'text', {}, { authorization, 'x-request-id': 'hidden' });
    const line = await lineOf(service, 'hidden');
    expect(line).toMatchObject({ path: '/answers/text', status: 200 });
    for (const name of ['address', 'user', 'name', 'key']) expect(line).not.toHaveProperty(name);
  });
});

describe('what a caller sends', () => {
  test('a path stays one bounded string on one line, without its query and the id of a setup link', async () => {
    const service = await startService({ servers, env });
    const bytes = (path: string) =>
      Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 'latin1');
    const paths = [
      '/x","level":"info","address":"203.0.113.9',
      '/\u0085\u009b2Jx',
      `/${'long'.repeat(3_000)}`,
      '/docs?token=secret-in-the-query',
      '/vault/link/the-id-of-a-setup-link',
    ];
    for (const path of paths) await sendBytes(service.port, bytes(path));
    await waitFor(() => linesAbout(service.stderr(), 'request').length === paths.length, 5_000, 'all lines');
    const log = service.stderr();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(log).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/);
    expect(log).not.toMatch(/secret-in-the-query|the-id-of-a-setup-link/);
    const lines = linesAbout(log, 'request');
    expect(lines.every(({ address }) => address === '127.0.0.1')).toBe(true);
    expect(lines.map(({ path }) => String(path).length).every((length) => length <= 4_000)).toBe(true);
    expect(lines[0]?.path).toBe(paths[0]);
    // Node refuses what is not ASCII by itself.
    expect(lines[1]).toMatchObject({ status: 400, code: 'HPE_INVALID_URL' });
    expect(logLines(log).length).toBeGreaterThanOrEqual(paths.length);
  });
});
