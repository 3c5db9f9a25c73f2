import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { ConnectionLostError, SessionExpiredError } from '../../../src/errors.ts';
import type { Session } from '../../../src/mcp/session.ts';
import { waitFor } from '../../wait-for.ts';
import { closeAll, IDLE_STDIO_SERVER, limits, open, openStdio, textOf } from './open-fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-unsent-'));
let logs = 0;

afterEach(closeAll);
afterAll(() => rmSync(folder, { recursive: true }));

async function openIdle(maxResultBytes = 1024 * 1024): Promise<{ session: Session; log: string }> {
  logs += 1;
  const log = join(folder, `${logs}.log`);
  const args = [IDLE_STDIO_SERVER, log];
  const session = await open(
    { type: 'stdio', command: process.execPath, args, env: {}, cwd: undefined },
    { maxResultBytes },
  );
  return { session, log };
}

/** Kills the process and gives it time to die, but not us to notice. */
function waitForDeathUnseen(pid: number): void {
  process.kill(pid, 'SIGKILL');
  // Nothing is read meanwhile, so that we cannot have noticed.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
}

describe('a call to a child that has died', () => {
  test('and is not yet known to be dead was not sent, and comes when the session is over', async () => {
    const { session } = await openIdle();
    let isClosed = false;
    void session.closed.then(() => {
      isClosed = true;
    });
    waitForDeathUnseen(session.pid ?? 0);
    const calls = [1, 2].map((value) => session.callTool('echo', { value }, limits));
    await expect(calls[0]).rejects.toThrow(SessionExpiredError);
    expect(isClosed).toBe(true);
    await expect(calls[1]).rejects.toThrow(SessionExpiredError);
    expect((await session.closed).reason).toBe('its process was killed by SIGKILL');
  });

  test('while its last output is waited for was not sent; one that it had begun may have run', async () => {
    // A grandchild holds its pipes, so that more could come.
    const session = await openStdio('grandchild');
    const running = session.callTool('hang', {}, limits).catch((error: unknown) => error);
    await session.callTool('echo', {}, limits);
    waitForDeathUnseen(session.pid ?? 0);
    // Turns of the event loop in which the death is seen.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    await expect(session.callTool('echo', {}, limits)).rejects.toThrow(SessionExpiredError);
    expect(await running).toBeInstanceOf(ConnectionLostError);
  });

  test('and is too large to have been refused whole may have run', async () => {
    const { session } = await openIdle();
    waitForDeathUnseen(session.pid ?? 0);
    await expect(session.callTool('echo', { value: 'x'.repeat(20_000) }, limits)).rejects.toThrow(ConnectionLostError);
  });
});

test('a call to a child that has closed its input was not sent, and ends the session', async () => {
  const { session, log } = await openIdle();
  await session.callTool('close_input', { value: 'first' }, limits);
  const failure = await session.callTool('echo', { value: 'second' }, limits).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SessionExpiredError);
  expect(await readFile(log, 'utf8')).not.toContain('second');
});

test.each(['flood', 'endless_line'])(
  'a child that writes a %s in place of messages is ended, with the reason',
  async (tool) => {
    const { session } = await openIdle(100_000);
    expect(textOf(await session.callTool('echo', { value: 'x' }, limits))).toBe('x');
    await expect(session.callTool(tool, {}, limits)).rejects.toThrow(/floods its output|larger than/);
    expect((await session.closed).reason).toBe('its process floods its output with something other than JSON-RPC');
    await waitFor(() => {
      try {
        process.kill(session.pid ?? 0, 0);
        return undefined;
      } catch {
        return true;
      }
    });
  },
);

/** Answers as `respond` says, on raw sockets; gives the port. */
async function listen(respond: (socket: Socket, request: string) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      const head = text.indexOf('\r\n\r\n');
      if (head === -1 || text.length < head + 4 + length) return;
      const request = text;
      text = '';
      respond(socket, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('a call on a kept connection that is reset before any answer may have run, and is not sent again', async () => {
  const seen: string[] = [];
  const port = await listen((socket, request) => {
    const method = /"method":"([^"]+)"/.exec(request)?.[1] ?? request.split(' ')[0] ?? '';
    seen.push(method);
    const id = /"id":(\d+)/.exec(request)?.[1];
    const result =
      '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"r","version":"1"}}';
    const body =
      id === undefined ? '' : `{"jsonrpc":"2.0","id":${id},"result":${method === 'initialize' ? result : '{}'}}`;
    if (method === 'tools/call') socket.resetAndDestroy();
    else if (method === 'GET') socket.end('HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n');
    else
      socket.write(
        `HTTP/1.1 ${id === undefined ? 202 : 200} OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
  });
  const session = await open({ type: 'streamable-http', url: `http://127.0.0.1:${port}/`, headers: {} });
  await session.ping(5_000);
  await expect(session.callTool('echo', {}, limits)).rejects.toThrow(/reset\. The tool may have run\.$/);
  expect(seen.filter((method) => method === 'tools/call')).toHaveLength(1);
});
