import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  CallCancelledError,
  ConnectionLostError,
  CredentialsRefusedError,
  DeadlineError,
  ResultTooLargeError,
  ServerUnavailableError,
  SessionExpiredError,
  SessionOpenError,
} from '../../../src/errors.ts';
import { waitFor } from '../../wait-for.ts';
import {
  closeAll,
  type HttpFixture,
  type HttpType,
  IDLE_HTTP_SERVER,
  limits,
  open,
  openHttp,
  startHttpFixture,
  textOf,
} from './open-fixture.ts';

let server: HttpFixture;

beforeEach(async () => {
  server = await startHttpFixture();
});
afterEach(closeAll);

const MIB = 1024 * 1024;

const WAYS: { path: string; type: HttpType }[] = [
  { path: '/json', type: 'streamable-http' },
  { path: '/events', type: 'streamable-http' },
  { path: '/legacy', type: 'sse' },
];

describe.each(WAYS)('over $path', ({ path, type }) => {
  test('a session opens, lists its tools, answers calls and pings', async () => {
    const session = await openHttp(server, path, type);
    expect(session).toMatchObject({ serverInfo: { name: 'raw-http' }, transportType: type, pid: undefined });
    expect((await session.listTools(limits.signal)).tools).toEqual([{ name: 'echo', inputSchema: { type: 'object' } }]);
    const values = Array.from({ length: 100 }, (_, index) => `value ${index}`);
    const results = await Promise.all(values.map((value) => session.callTool('echo', { value }, limits)));
    expect(results.map(textOf)).toEqual(values);
    await session.ping(5_000);
  });

  test('a result keeps its digits, and so do arguments whose text is given', async () => {
    const session = await openHttp(server, path, type);
    const result = '{"content":[],"structuredContent":{"n":[12345678901234567890,1.0,-0,1e400]}}';
    expect(await session.callTool('verbatim', { result }, limits)).toMatchObject({ rawText: result, content: [] });
    const argumentsText = '{"value":"as spelt","n":1.0}';
    expect(textOf(await session.callTool('echo', { value: 'parsed' }, { ...limits, argumentsText }))).toBe('as spelt');
  });

  test('10 MB are delivered, 40 MB refused, and the session lives', async () => {
    const session = await openHttp(server, path, type);
    expect(textOf(await session.callTool('large', { bytes: 10 * MIB }, limits))).toHaveLength(10 * MIB);
    await expect(session.callTool('large', { bytes: 40 * MIB }, limits)).rejects.toThrow(ResultTooLargeError);
    expect(textOf(await session.callTool('echo', { value: 'alive' }, limits))).toBe('alive');
  });

  test('the cancellation is sent when the caller leaves and when the deadline passes', async () => {
    const session = await openHttp(server, path, type);
    const leaving = new AbortController();
    const left = session.callTool('hang', {}, { ...limits, signal: leaving.signal });
    await waitFor(async () => (await server.seen()).some(({ params }) => params?.name === 'hang'));
    leaving.abort();
    await expect(left).rejects.toThrow(CallCancelledError);
    await expect(session.callTool('hang', {}, { ...limits, deadlineMs: 100 })).rejects.toThrow(DeadlineError);
    const cancelled = await waitFor(async () => {
      const notes = (await server.seen()).filter(({ method }) => method === 'notifications/cancelled');
      return notes.length === 2 ? notes : undefined;
    });
    expect(cancelled.map(({ params }) => params?.requestId)).toEqual([1, 2]);
  });

  test('the server gets its own headers always and those of a call with that call only', async () => {
    const headers = { Authorization: 'Bearer s3cret', 'X-Name': 'Zoë ✓' };
    const session = await openHttp(server, path, type, { headers });
    const call = { ...limits, headers: { 'x-call': 'one', authorization: 'other', 'content-length': '3' } };
    await session.callTool('echo', { value: 'with' }, call);
    await session.callTool('echo', { value: 'without' }, limits);
    const seen = (await server.seen()).filter(({ path: asked }) => asked !== '/seen');
    const posts = seen.filter(({ method }) => method === 'tools/call');
    expect(posts.map((post) => post.headers['x-call'])).toEqual(['one', undefined]);
    for (const request of seen) {
      expect(request.headers.authorization).toBe('Bearer s3cret');
      expect(Buffer.from(request.headers['x-name'] ?? '', 'latin1').toString()).toBe('Zoë ✓');
    }
  });
});

describe('a session that the server has forgotten', () => {
  test.each([
    { path: '/json', tool: 'forget-me' },
    { path: '/events', tool: 'forget-me' },
  ])('fails the call as one that did not run ($path)', async ({ path, tool }) => {
    const session = await openHttp(server, path);
    await expect(session.callTool(tool, {}, limits)).rejects.toThrow(SessionExpiredError);
    expect(await session.closed).toEqual({
      reason: 'the server no longer knows the session (HTTP 404)',
      isForgotten: true,
    });
    await expect(session.callTool('echo', {}, limits)).rejects.toThrow(SessionExpiredError);
  });

  test('is understood where the server says so with a 400', async () => {
    const session = await openHttp(server, '/sloppy');
    await expect(session.callTool('forget-me', {}, limits)).rejects.toThrow(SessionExpiredError);
  });

  test('lets a call that the server still answers finish', async () => {
    const session = await openHttp(server, '/events');
    const running = session.callTool('progress', {}, limits);
    await expect(session.callTool('forget-me', {}, limits)).rejects.toThrow(SessionExpiredError);
    expect((await running).content).toEqual([]);
  });

  test('is understood over SSE', async () => {
    const session = await openHttp(server, '/legacy', 'sse');
    const forgotten = session.callTool('forget', {}, limits);
    await waitFor(async () => (await server.seen()).some(({ params }) => params?.name === 'forget'));
    await expect(session.callTool('echo', {}, limits)).rejects.toThrow(SessionExpiredError);
    await expect(forgotten).rejects.toThrow(ConnectionLostError);
  });
});

/** Until then a call goes out on the connection that there was, and may have run. */
async function noticeTheEndOf(stopped: HttpFixture): Promise<void> {
  await waitFor(() =>
    stopped.seen().then(
      () => undefined,
      () => true,
    ),
  );
}

describe('a connection that is lost', () => {
  test.each([
    { path: '/events', tool: 'cut' },
    { path: '/events', tool: 'end' },
    { path: '/events', tool: 'reset' },
    { path: '/json', tool: 'reset' },
    { path: '/json', tool: 'nothing' },
    { path: '/events', tool: 'status-500' },
  ])('during a call fails it before its deadline: $tool over $path', async ({ path, tool }) => {
    const session = await openHttp(server, path);
    const call = session.callTool(tool, {}, limits);
    await expect(call).rejects.toThrow(ConnectionLostError);
    await expect(call).rejects.toThrow(/The tool may have run\.$/);
    expect(textOf(await session.callTool('echo', { value: 'alive' }, limits))).toBe('alive');
  });

  test('over SSE ends the session', async () => {
    const session = await openHttp(server, '/legacy', 'sse');
    await expect(session.callTool('cut', {}, limits)).rejects.toThrow(ConnectionLostError);
    expect(await session.closed).toEqual({ reason: 'its event stream ended' });
    await expect(session.callTool('echo', {}, limits)).rejects.toThrow(SessionExpiredError);
    const gets = (await server.seen()).filter(({ path, verb }) => path === '/legacy' && verb === 'GET');
    expect(gets).toHaveLength(1);
  });

  test('is resumed where the server gave an event id', async () => {
    const session = await openHttp(server, '/events');
    expect(textOf(await session.callTool('resume', {}, limits))).toBe('resumed');
  });

  test('and cannot be resumed fails the call', async () => {
    const session = await openHttp(server, '/events');
    await expect(session.callTool('resume-never', {}, limits)).rejects.toThrow(ConnectionLostError);
  });

  test('because the server is gone for longer than a call waits is reported without its address, as not sent', async () => {
    const session = await openHttp(server, '/json', 'streamable-http', { reachWaitMs: 200 });
    await server.stop();
    await noticeTheEndOf(server);
    const failure = await session.callTool('echo', {}, limits).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ServerUnavailableError);
    expect((failure as Error).message).toMatch(/^Server "raw" cannot be reached: [^:]*; nothing was sent\.$/);
    expect((await session.closed).isForgotten).toBeUndefined();
  });

  test('because the server restarts waits for it: nothing was sent', async () => {
    const before = await startHttpFixture(IDLE_HTTP_SERVER);
    const session = await openHttp(before, '/mcp');
    await before.stop();
    await noticeTheEndOf(before);
    const call = session.callTool('echo', { value: 'x' }, limits);
    // A session of the one before is none of this one's.
    const expired = expect(call).rejects.toThrow(SessionExpiredError);
    await startHttpFixture(IDLE_HTTP_SERVER, Number(new URL(before.origin).port));
    await expired;
    expect((await session.closed).isForgotten).toBe(true);
  });
});

test('progress extends the deadline', async () => {
  const session = await openHttp(server, '/events');
  const result = await session.callTool('progress', {}, { ...limits, deadlineMs: 300 });
  expect(result.content).toEqual([]);
});

test('a server that is busy is reported as such', async () => {
  const session = await openHttp(server, '/json');
  const failure = await session.callTool('status-503', {}, limits).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ServerUnavailableError);
  expect(failure).toMatchObject({ retryAfterSeconds: 7 });
  await expect(session.callTool('status-401', {}, limits)).rejects.toThrow(CredentialsRefusedError);
});

test('closing terminates the session at the server', async () => {
  const session = await openHttp(server, '/json');
  await session.close();
  expect((await server.seen()).map(({ verb }) => verb)).toContain('DELETE');
});

describe('opening', () => {
  test.each([
    { path: '/json', type: 'streamable-http' },
    { path: '/legacy-only', type: 'sse' },
  ])('by a bare url finds out that $path speaks $type', async ({ path, type }) => {
    const session = await openHttp(server, path, 'auto');
    expect(session.transportType).toBe(type);
    expect(textOf(await session.callTool('echo', { value: 'x' }, limits))).toBe('x');
  });

  test('by a bare url reports both reasons when both ways fail', async () => {
    await expect(openHttp(server, '/status/404', 'auto')).rejects.toThrow(
      'streamable HTTP: the server answered HTTP 404; SSE: the server answered HTTP 404',
    );
  });

  test.each(['auto', 'streamable-http', 'sse'] as const)(
    'where credentials are refused says so and tries nothing else (%s)',
    async (type) => {
      const opening = openHttp(server, '/status/401', type, { headers: { authorization: 'Bearer s3cret' } });
      await expect(opening).rejects.toThrow(CredentialsRefusedError);
      await expect(opening).rejects.toThrow('Server "raw" refused the credentials (HTTP 401).');
      expect((await server.seen()).filter(({ path }) => path !== '/seen')).toHaveLength(1);
    },
  );

  test.each(['auto', 'streamable-http', 'sse'] as const)(
    'where nobody listens says so, without the address (%s)',
    async (type) => {
      await server.stop();
      const failure = await openHttp(server, '/json?key=s3cret', type).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(SessionOpenError);
      expect((failure as Error).message).toBe('the connection was refused');
    },
  );

  test.each(['auto', 'streamable-http', 'sse'] as const)('where nobody answers gives up in time (%s)', async (type) => {
    await expect(openHttp(server, '/silent', type, { startTimeoutMs: 400 })).rejects.toThrow(
      'it did not answer the MCP handshake within 0.4 s',
    );
  });

  test('follows a redirect within the origin only', async () => {
    expect(textOf(await (await openHttp(server, '/moved')).callTool('echo', { value: 'x' }, limits))).toBe('x');
    await expect(openHttp(server, '/moved-away')).rejects.toThrow(
      'it redirects elsewhere (HTTP 307), which is not followed',
    );
  });

  test.each([
    {
      headers: { 'X-Key': 's3cret\r\nX-Other: y' },
      message: 'one of its headers holds a line break or another control character',
    },
    { headers: { 'bad name': 'v' }, message: 'one of its configured headers has a name that HTTP does not allow' },
  ])('refuses headers that HTTP does not allow, without their values', async ({ headers, message }) => {
    const failure = await openHttp(server, '/json', 'auto', { headers: headers as Record<string, string> }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(SessionOpenError);
    expect((failure as Error).message).toBe(message);
  });

  test('refuses what is no http URL, without showing it', async () => {
    for (const url of ['s3cret', 'file:///etc/passwd', 'http://']) {
      await expect(open({ type: 'auto', url, headers: {} })).rejects.toThrow(/^its url is not an http or https URL$/);
    }
  });
});
