import { afterEach, describe, expect, test } from '@jest/globals';
import {
  CallCancelledError,
  ConnectionLostError,
  DeadlineError,
  JsonRpcError,
  ResultTooLargeError,
  SessionExpiredError,
  SessionOpenError,
} from '../../../src/errors.ts';
import { waitFor } from '../../wait-for.ts';
import { closeAll, isRunning, limits, open, openStdio, textOf } from './open-fixture.ts';

afterEach(closeAll);

const MIB = 1024 * 1024;

describe('opening', () => {
  test('reports who the server is; the server sees who we are, and no capabilities', async () => {
    const session = await openStdio();
    expect(session.serverInfo).toEqual({ name: 'raw', title: 'Raw', version: '1.2.3' });
    expect(session.instructions).toBe('{}');
    expect(session.transportType).toBe('stdio');
    expect(await isRunning(session.pid ?? 0)).toBe(true);
    await session.ping(5_000);
  });

  test('gives the child its own environment and nothing else', async () => {
    const session = await openStdio();
    expect(JSON.parse(textOf(await session.callTool('environment', {}, limits)))).toEqual({ ONLY: 'this' });
  });

  test.each([
    {
      mode: 'exit-at-start',
      message: 'its process ended with code 3 before it was ready',
      detail: expect.stringMatching(/^its last lines on stderr: .*the database password is missing$/),
    },
    { mode: 'refuses', message: 'it refused the MCP handshake (-32602)', detail: 'it said: no licence' },
    {
      mode: 'future',
      message: 'it speaks a version of MCP that is not supported',
      detail: 'version 2999-01-01',
    },
    {
      mode: 'garbage-for-ever',
      message: 'its process floods its output with something other than JSON-RPC before it was ready',
      detail: 'on stdout, where only MCP messages belong, it wrote: y',
    },
  ])('of a server that is $mode fails with the reason, and what it said apart from it', async ({ mode, ...told }) => {
    const failure = await openStdio(mode, { maxResultBytes: MIB }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SessionOpenError);
    expect(failure).toMatchObject(told);
  });

  test('gives up a server that does not answer, and leaves no process', async () => {
    const lines: string[] = [];
    const opening = openStdio('hang', { startTimeoutMs: 600, onStderrLine: (line) => lines.push(line) });
    await expect(opening).rejects.toMatchObject({
      message: 'it did not answer the MCP handshake within 0.6 s',
      detail: expect.stringMatching(/^its last lines on stderr: pid \d+$/),
    });
    expect(await isRunning(Number(lines[0]?.slice('pid '.length)))).toBe(false);
  });

  test('is given up when it is no longer wanted', async () => {
    const wish = new AbortController();
    const opening = openStdio('hang', { signal: wish.signal });
    wish.abort();
    await expect(opening).rejects.toThrow(SessionOpenError);
  });

  test('of an unknown command says so', async () => {
    const settings = { type: 'stdio' as const, command: 'no-such-command', args: [], env: {}, cwd: undefined };
    await expect(open(settings)).rejects.toThrow('its command was not found');
  });
});

describe('the list of tools', () => {
  const never = new AbortController().signal;

  test('is read to its last page', async () => {
    const { tools, rejected } = await (await openStdio('paged')).listTools(never);
    expect(tools.map(({ name }) => name)).toEqual(Array.from({ length: 45 }, (_, index) => `tool${index}`));
    expect(rejected).toEqual([]);
  });

  test('loses its bad tools only, and says why', async () => {
    const { tools, rejected } = await (await openStdio('bad-tools')).listTools(never);
    expect(tools).toEqual([
      { name: 'good', title: 'Good', description: 'd', inputSchema: { type: 'object', $ref: 'https://example.com/x' } },
      { name: 'no-schema', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } },
      { name: '__proto__', inputSchema: { type: 'object' } },
    ]);
    expect(rejected).toEqual([
      { name: 'good', reason: 'another tool of this server has the same name' },
      { name: 'array-schema', reason: 'its inputSchema is not an object' },
      { name: '(no name)', reason: 'it has no name' },
      { name: '(no name)', reason: 'it is not an object' },
    ]);
  });

  test('is empty where the server has no tools', async () => {
    expect(await (await openStdio('no-tools')).listTools(never)).toEqual({ tools: [], rejected: [] });
  });

  test('is refused where its pages go in a circle', async () => {
    await expect((await openStdio('circle')).listTools(never)).rejects.toThrow('go in a circle');
  });

  test('is announced when it changes', async () => {
    const session = await openStdio();
    let changes = 0;
    session.onToolsChanged(() => {
      changes += 1;
    });
    await session.callTool('announce', {}, limits);
    expect(changes).toBe(1);
  });
});

describe('a call', () => {
  test('is answered, with many at once none crossed', async () => {
    const session = await openStdio();
    const values = Array.from({ length: 300 }, (_, index) => `value ${index}`);
    const results = await Promise.all(values.map((value) => session.callTool('echo', { value }, limits)));
    expect(results.map(textOf)).toEqual(values);
  });

  test.each(['verbatim', 'id-last'])('keeps the digits of its result (%s)', async (tool) => {
    const session = await openStdio();
    const result = '{"content":[],"structuredContent":{"n":[12345678901234567890,1.0,-0,1e400]}}';
    expect((await session.callTool(tool, { result }, limits)).rawText).toBe(result);
    const plain = await session.callTool(tool, { result: '{"content":[],"structuredContent":{"n":1.5}}' }, limits);
    expect(plain).toEqual({ content: [], structuredContent: { n: 1.5 }, isError: false, raw: expect.anything() });
  });

  test('keeps the digits of its arguments where their text is given', async () => {
    const session = await openStdio();
    const argumentsText = '{"value":\n"as spelt", "n": 12345678901234567890}';
    expect(textOf(await session.callTool('echo', { value: 'parsed' }, { ...limits, argumentsText }))).toBe('as spelt');
  });

  test.each(['{}', '{"toolResult":5}', '{"content":"text"}', '{"structuredContent":{"a":1}}'])(
    'whose result is %s has no content and does not fail',
    async (result) => {
      const session = await openStdio();
      expect((await session.callTool('verbatim', { result }, limits)).content).toEqual([]);
    },
  );

  test.each(['null', '"text"', '[]'])('whose result is %s is a protocol error', async (result) => {
    const session = await openStdio();
    await expect(session.callTool('verbatim', { result }, limits)).rejects.toThrow(JsonRpcError);
  });

  test.each([
    { error: { code: -32602, message: 'wrong city', data: { city: 'x' } }, code: -32602, message: 'wrong city' },
    { error: { code: -32001, message: 'Request timed out' }, code: -32001, message: 'Request timed out' },
    { error: { code: 'x' }, code: -32603, message: 'The server gave an error without a message.' },
  ])('that the server answers with the error $error.code is that error', async ({ error, code, message }) => {
    const session = await openStdio();
    const failure = await session.callTool('error', { error }, limits).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(JsonRpcError);
    expect(failure).toMatchObject({ rpcCode: code, message, data: error.data });
  });

  test('survives garbage and half a message on stdout', async () => {
    const session = await openStdio();
    expect(textOf(await session.callTool('garbage', {}, limits))).toBe('after garbage');
  });

  test('is answered byte by byte', async () => {
    const session = await openStdio();
    expect(textOf(await session.callTool('pieces', {}, limits))).toBe('zusammengefügt ✓');
  });

  test('survives a flood on stderr, of which bounded lines are reported', async () => {
    const lines: string[] = [];
    const session = await openStdio('normal', { onStderrLine: (line) => lines.push(line) });
    expect(textOf(await session.callTool('flood-stderr', { lines: 1_000 }, limits))).toBe('flooded');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(2_000);
  });

  test.each(['sampling/createMessage', 'elicitation/create', 'roots/list'])(
    'whose server asks for %s goes on',
    async (method) => {
      const session = await openStdio();
      const reply = JSON.parse(textOf(await session.callTool('ask', { method }, limits)));
      expect(reply.error).toEqual({ code: -32601, message: 'Method not found' });
    },
  );

  test('whose server pings us goes on', async () => {
    const session = await openStdio();
    expect(JSON.parse(textOf(await session.callTool('ask', { method: 'ping' }, limits)))).toHaveProperty('result', {});
  });
});

describe('a result', () => {
  test('of 10 MB is delivered; of 40 MB it is refused, and the session lives', async () => {
    const session = await openStdio();
    expect(textOf(await session.callTool('large', { bytes: 10 * MIB }, limits))).toHaveLength(10 * MIB);
    const refused = session.callTool('large', { bytes: 40 * MIB }, limits);
    await expect(refused).rejects.toThrow(ResultTooLargeError);
    expect(textOf(await session.callTool('echo', { value: 'alive' }, limits))).toBe('alive');
  });

  test.each([true, false])('too large is refused to the call that it answers (id at the end: %s)', async (idLast) => {
    const session = await openStdio('normal', { maxResultBytes: 10_000 });
    const waiting = session.callTool('progress', { steps: 5, everyMs: 60 }, limits);
    await expect(session.callTool('large', { bytes: 100_000, idLast }, limits)).rejects.toThrow(ResultTooLargeError);
    expect(textOf(await waiting)).toBe('done');
  });
});

describe('a call that nobody waits for any more', () => {
  const seen = async (session: Awaited<ReturnType<typeof openStdio>>) =>
    JSON.parse(textOf(await session.callTool('seen', {}, limits))) as {
      method: string;
      params: { requestId: number };
    }[];

  test('because the caller left is cancelled at the server', async () => {
    const session = await openStdio();
    const leaving = new AbortController();
    const call = session.callTool('hang', {}, { ...limits, signal: leaving.signal });
    leaving.abort();
    await expect(call).rejects.toThrow(CallCancelledError);
    expect(await seen(session)).toContainEqual(
      expect.objectContaining({ method: 'notifications/cancelled', params: expect.objectContaining({ requestId: 1 }) }),
    );
  });

  test('because its caller had left before is not sent', async () => {
    const session = await openStdio();
    await expect(session.callTool('exit', { code: 1 }, { ...limits, signal: AbortSignal.abort() })).rejects.toThrow(
      CallCancelledError,
    );
    await session.ping(5_000);
  });

  test('because its deadline passed is cancelled at the server', async () => {
    const session = await openStdio();
    const call = session.callTool('hang', {}, { ...limits, deadlineMs: 100 });
    await expect(call).rejects.toThrow(DeadlineError);
    await expect(call).rejects.toThrow(
      /^Server "raw" did not answer the call of tool "hang" within 0.1 s; the request was cancelled\.$/,
    );
    expect((await seen(session)).map(({ method }) => method)).toContain('notifications/cancelled');
  });
});

describe('progress', () => {
  test('extends the deadline', async () => {
    const session = await openStdio();
    const call = session.callTool('progress', { steps: 8, everyMs: 100 }, { ...limits, deadlineMs: 500 });
    expect(textOf(await call)).toBe('done');
  });

  test('does not extend it beyond the hard one', async () => {
    const session = await openStdio();
    const call = session.callTool(
      'progress',
      { steps: 1_000, everyMs: 50 },
      { ...limits, deadlineMs: 400, hardDeadlineMs: 700 },
    );
    await expect(call).rejects.toThrow(DeadlineError);
  });
});

describe('the end of the child', () => {
  test('by SIGKILL fails the call, before its deadline, and says that the tool may have run', async () => {
    const session = await openStdio();
    const call = session.callTool('progress', { steps: 1_000, everyMs: 50 }, limits);
    call.catch(() => {});
    // Until its first progress it may not have read the call, and then nothing ran.
    const sentAt = session.lastActivityAt;
    await waitFor(() => session.lastActivityAt > sentAt || undefined);
    process.kill(session.pid ?? 0, 'SIGKILL');
    await expect(call).rejects.toThrow(ConnectionLostError);
    await expect(call).rejects.toThrow(/its process was killed by SIGKILL\. The tool may have run\.$/);
    expect(await session.closed).toEqual({ reason: 'its process was killed by SIGKILL' });
  });

  test('by itself is reported with its last words, and later calls are refused unsent', async () => {
    const session = await openStdio();
    await expect(session.callTool('exit', { code: 4 }, limits)).rejects.toThrow(/ended with code 4\. The tool/);
    expect(await session.closed).toEqual({
      reason: 'its process ended with code 4',
      detail: 'its last lines on stderr: going down',
    });
    await expect(session.callTool('echo', {}, limits)).rejects.toThrow(SessionExpiredError);
  });

  test('right after an answer does not lose the answer', async () => {
    const session = await openStdio();
    expect(textOf(await session.callTool('answer-and-exit', {}, limits))).toBe('last words');
    expect((await session.closed).reason).toBe('its process ended with code 0');
  });

  test('of its output alone ends the session', async () => {
    const session = await openStdio();
    await expect(session.callTool('close-output', {}, limits)).rejects.toThrow(ConnectionLostError);
    expect((await session.closed).reason).toBe('its process closed its output');
    await waitFor(async () => !(await isRunning(session.pid ?? 0)));
  });
});

describe('closing', () => {
  test('ends the whole process group and fails what waits', async () => {
    const lines: string[] = [];
    const session = await openStdio('grandchild', { onStderrLine: (line) => lines.push(line) });
    const line = await waitFor(() => lines.find((text) => text.startsWith('grandchild ')));
    const grandchild = Number(line.split(' ')[1]);
    const call = session.callTool('hang', {}, limits);
    const closing = session.close();
    await expect(call).rejects.toThrow(ConnectionLostError);
    await closing;
    await session.close();
    expect(await isRunning(grandchild)).toBe(false);
    expect(await isRunning(session.pid ?? 0)).toBe(false);
  });

  test('ends a child that does not mind the end of its input', async () => {
    const session = await openStdio('ignores-end');
    await session.close();
    expect(await isRunning(session.pid ?? 0)).toBe(false);
  });
});
