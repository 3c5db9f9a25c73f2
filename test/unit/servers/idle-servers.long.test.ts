import { afterEach, describe, expect, test } from '@jest/globals';
import { openSession } from '../../../src/mcp/open-session.ts';
import type { SessionSettings } from '../../../src/mcp/session.ts';
import { type SessionState, SharedSession } from '../../../src/servers/shared-session.ts';
import { waitFor } from '../../wait-for.ts';
import {
  closeAll,
  IDLE_HTTP_SERVER,
  IDLE_STDIO_SERVER,
  isRunning,
  limits,
  silent,
  startHttpFixture,
  textOf,
} from '../mcp/open-fixture.ts';

const never = limits.signal;
const sharedSessions: SharedSession[] = [];

afterEach(async () => {
  await Promise.all(sharedSessions.splice(0).map((shared) => shared.stop()));
  await closeAll();
});

function supervise(settings: SessionSettings) {
  const states: SessionState[] = [];
  const shared = new SharedSession({
    server: 'idle',
    open: (signal) =>
      openSession({
        server: 'idle',
        settings,
        startTimeoutMs: 10_000,
        maxResultBytes: 100_000,
        signal,
        redact: (text) => text,
        logger: silent,
      }),
    prepare: async (session, signal) => void (await session.listTools(signal)),
    tools: { current: undefined },
    onStateChange: (state) => void states.push(state),
    logger: { error: () => undefined },
    redact: (text) => text,
    pingTimes: { idleMs: 150, timeoutMs: 500 },
  });
  sharedSessions.push(shared);
  shared.start();
  return { shared, states };
}

const stdio: SessionSettings = {
  type: 'stdio',
  command: process.execPath,
  args: [IDLE_STDIO_SERVER],
  env: {},
  cwd: undefined,
};

async function call(shared: SharedSession, value: string): Promise<string> {
  return textOf(await (await shared.whenOpen(never, 8_000)).callTool('echo', { value }, limits));
}

describe('a child process', () => {
  test('that hangs between calls is found, killed and started anew before the next call', async () => {
    const { shared, states } = supervise(stdio);
    const { pid = 0 } = await shared.whenOpen(never, 8_000);
    process.kill(pid, 'SIGSTOP');
    await waitFor(() => states.filter((state) => state === 'ready').length === 2);
    expect(states).toEqual(['starting', 'ready', 'backing off', 'starting', 'ready']);
    expect(await isRunning(pid)).toBe(false);
    expect(await call(shared, 'again')).toBe('again');
  });

  test('that is busy with a call for longer than a ping may take is left alone', async () => {
    const { shared, states } = supervise(stdio);
    const session = await shared.whenOpen(never, 8_000);
    expect(textOf(await session.callTool('block', { value: 'late', ms: 2_000 }, limits))).toBe('late');
    expect([shared.session === session, states]).toEqual([true, ['starting', 'ready']]);
  });
});

describe.each([
  { type: 'streamable-http', path: '/mcp' },
  { type: 'sse', path: '/sse' },
] as const)('over $type', ({ type, path }) => {
  async function startServer() {
    const server = await startHttpFixture(IDLE_HTTP_SERVER);
    const control = async (order: object) => {
      const answer = await fetch(`${server.origin}/control`, { method: 'POST', body: JSON.stringify(order) });
      return (await answer.json()) as Record<string, number>;
    };
    const { shared, states } = supervise({ type, url: `${server.origin}${path}`, headers: {} });
    const session = await shared.whenOpen(never, 8_000);
    return { server, control, shared, states, session };
  }

  test.each(['answer', 'unknown', 'status'])('a server that answers pings with %s keeps its session', async (ping) => {
    const { control, shared, states, session } = await startServer();
    await control({ ping });
    const before = (await control({})).ping ?? 0;
    await waitFor(async () => ((await control({})).ping ?? 0) >= before + 3);
    expect([shared.session === session, states]).toEqual([true, ['starting', 'ready']]);
  });

  test.each(['nothing', 'reset'])('a server from which a ping gets %s is given a new session', async (ping) => {
    const { control, shared, states, session } = await startServer();
    await control({ ping });
    await waitFor(() => shared.session !== session);
    await control({ ping: 'answer' });
    await waitFor(() => shared.session !== undefined && shared.state === 'ready');
    expect(states.slice(0, 3)).toEqual(['starting', 'ready', 'backing off']);
    expect(await call(shared, 'again')).toBe('again');
  });

  test('a server that refuses the credentials on a ping is reported as such, without a loop', async () => {
    const { control, shared, states, session } = await startServer();
    await control({ ping: 'refuse' });
    await waitFor(() => shared.state === 'degraded');
    expect(shared.why?.reason).toBe('Server "idle" refused the credentials (HTTP 401)');
    const { ping = 0, initialize } = await control({});
    await waitFor(async () => ((await control({})).ping ?? 0) >= ping + 2);
    await control({ ping: 'answer' });
    await waitFor(() => shared.state === 'ready');
    expect((await control({})).initialize).toBe(initialize);
    expect([shared.session === session, states]).toEqual([true, ['starting', 'ready', 'degraded', 'ready']]);
  });
});

test('a session that a ping finds forgotten is replaced quietly', async () => {
  const server = await startHttpFixture(IDLE_HTTP_SERVER);
  const { shared, states } = supervise({ type: 'streamable-http', url: `${server.origin}/mcp`, headers: {} });
  const session = await shared.whenOpen(never, 8_000);
  await fetch(`${server.origin}/control`, { method: 'POST', body: '{"forget":true}' });
  await waitFor(() => shared.session !== undefined && shared.session !== session);
  expect(states).toEqual(['starting', 'ready', 'starting', 'ready']);
});
