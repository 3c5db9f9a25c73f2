import { expect } from '@jest/globals';
import { auditFile, auditLines } from './audit-lines.ts';
import { fixture, type Service, startService, test } from './harness.ts';
import { startTracedServer } from './remote-servers.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
const tracestate = 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE';
const baggage = 'userId=alice';
const forwarding = { client_header_forwarding: { enabled: true, whitelist: ['baggage', 'traceparent'] } };

async function carried(
  service: Service,
  server: string,
  headers: Readonly<Record<string, string>>,
  body: unknown = {},
) {
  const { status, ...answer } = await service.call(server, 'carried', body, headers);
  expect(status).toBe(200);
  return answer.json() as {
    readonly args: unknown;
    readonly meta: Record<string, unknown>;
    readonly headers?: Record<string, string>;
  };
}

const logLines = (service: Service) =>
  service
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line): Record<string, unknown> => JSON.parse(line));

test("a caller's trace reaches the server in _meta on every transport, and over HTTP in headers", async () => {
  const port = await startTracedServer();
  const service = await startService({
    servers: {
      stdio: fixture('traced.js'),
      http: { type: 'streamable-http', url: `http://127.0.0.1:${port}/mcp` },
      sse: { type: 'sse', url: `http://127.0.0.1:${port}/sse` },
      open: { type: 'streamable-http', url: `http://127.0.0.1:${port}/mcp`, ...forwarding },
    },
  });
  for (const server of ['stdio', 'http', 'sse']) {
    const { meta, headers } = await carried(service, server, { traceparent, tracestate, baggage });
    expect(meta).toEqual({ progressToken: expect.any(Number), traceparent, tracestate });
    if (server === 'stdio') continue;
    expect(headers).toMatchObject({ traceparent, tracestate });
    expect(headers).not.toHaveProperty('baggage');
  }
  // Baggage is the caller's own data: it goes where the admin lets that header through.
  const open = await carried(service, 'open', { traceparent, baggage });
  expect(open.meta).toEqual({ progressToken: expect.any(Number), traceparent, baggage });
  expect(open.headers).toMatchObject({ traceparent, baggage });
  // Numbers that JavaScript cannot hold take another way.
  const exact = await carried(service, 'stdio', { traceparent }, '{"id": 12345678901234567890}');
  expect(exact.meta).toEqual({ progressToken: expect.any(Number), traceparent });
});

test('without a valid trace nothing is added', async () => {
  const port = await startTracedServer();
  const service = await startService({
    servers: { open: { type: 'streamable-http', url: `http://127.0.0.1:${port}/mcp`, ...forwarding } },
  });
  const invalid = traceparent.toUpperCase();
  for (const headers of [
    {},
    { tracestate },
    { traceparent: invalid },
    { traceparent: `${traceparent}\t${'x'.repeat(9_000)}` },
  ]) {
    const { meta, headers: sent } = await carried(service, 'open', headers);
    expect(Object.keys(meta)).toEqual(['progressToken']);
    // Not either as a header that the admin lets through: only what was validated goes on.
    expect(sent).not.toHaveProperty('traceparent');
    expect(sent).not.toHaveProperty('tracestate');
  }
  await service.stop();
  expect(service.stderr()).not.toMatch(/trace_id|4BF92F/);
});

test('log lines and audit events of a request name its trace', async () => {
  const file = auditFile();
  const service = await startService({ servers: { stdio: fixture('traced.js') }, env: { SECURITY_LOG_FILE: file } });
  await service.call('stdio', 'carried', {}, { traceparent });
  await service.call('stdio', 'absent', {}, { traceparent });
  await service.call('stdio', 'carried', {});
  await service.request('GET', '/nothing/at/all', { headers: { traceparent } });
  await service.stop();
  const ids = logLines(service)
    .filter(({ message }) => message === 'request' || message === 'request failed')
    .map(({ message, trace_id: id }) => [message, id]);
  expect(ids).toEqual([
    ['request', TRACE],
    ['request failed', TRACE],
    ['request', TRACE],
    ['request', undefined],
    ['request failed', TRACE],
    ['request', TRACE],
  ]);
  const calls = auditLines(file).filter(({ event_type: type }) => type === 'call');
  expect(calls.map(({ details }) => (details as Record<string, unknown>).trace_id)).toEqual([TRACE, TRACE, undefined]);
});
