import { expect } from '@jest/globals';
import { fixture, type Service, startService, test, waitFor } from './harness.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.ts';
import { startTracedServer } from './remote-servers.ts';

const KEY = 'key-of-the-test-of-traces-91c2';
const authorization = `Bearer ${KEY}`;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const traceparent = `00-${TRACE}-${PARENT}-01`;

const envFor = (receiver: OtlpReceiver, env: Readonly<Record<string, string>> = {}) => ({
  MCPO_API_KEY: KEY,
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  OTEL_BSP_SCHEDULE_DELAY: '50',
  ...env,
});

const named = (spans: readonly ReceivedSpan[], name: string) => spans.filter((span) => span.name === name);

function spanOf(receiver: OtlpReceiver, name: string, matches: (span: ReceivedSpan) => boolean = () => true) {
  return waitFor(() => named(receiver.spans, name).find(matches), 10_000, `the span ${name}`);
}

const carriedBy = async (service: Service, server: string, headers: Readonly<Record<string, string>> = {}) =>
  (await service.call(server, 'carried', { text: 'ok' }, { authorization, ...headers })).json() as {
    readonly meta: { readonly traceparent: string; readonly tracestate?: string };
    readonly headers: Readonly<Record<string, string>>;
    readonly session: string;
    readonly request: number;
  };

test('a call is one trace from its caller to the server, over stdio and HTTP', async () => {
  const receiver = await startOtlpReceiver();
  const port = await startTracedServer();
  const service = await startService({
    servers: {
      stdio: fixture('traced.js'),
      http: { type: 'streamable-http', url: `http://127.0.0.1:${port}/mcp` },
    },
    env: envFor(receiver, {
      OTEL_SERVICE_NAME: 'tools',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.namespace=a%20b',
    }),
  });
  const overHttp = await carriedBy(service, 'http', { traceparent, tracestate: 'rojo=1' });
  const called = await spanOf(receiver, 'tools/call carried');
  const request = await spanOf(receiver, 'POST /{server}/{tool}');
  expect(request).toMatchObject({
    kind: 'server',
    traceId: TRACE,
    parentSpanId: PARENT,
    status: 'unset',
    attributes: {
      'http.request.method': 'POST',
      'http.route': '/{server}/{tool}',
      'http.response.status_code': 200,
      'url.path': '/http/carried',
      'url.scheme': 'http',
      'mcpo.server': 'http',
      'gen_ai.tool.name': 'carried',
    },
    resource: {
      'service.name': 'tools',
      'service.namespace': 'a b',
      'deployment.environment.name': 'test',
      'service.version': expect.any(String),
      'service.instance.id': expect.any(String),
      'telemetry.sdk.language': 'nodejs',
    },
  });
  expect(called).toMatchObject({
    kind: 'client',
    traceId: TRACE,
    parentSpanId: request.spanId,
    status: 'unset',
    attributes: {
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'carried',
      'mcp.session.id': overHttp.session,
      'mcp.protocol.version': '2025-11-25',
      'jsonrpc.request.id': String(overHttp.request),
      'network.transport': 'tcp',
      'network.protocol.name': 'http',
      'server.address': '127.0.0.1',
      'server.port': port,
      'mcpo.server': 'http',
    },
  });
  const expected = `00-${TRACE}-${called.spanId}-01`;
  expect(overHttp.meta).toMatchObject({ traceparent: expected, tracestate: 'rojo=1' });
  expect(overHttp.headers).toMatchObject({ traceparent: expected, tracestate: 'rojo=1' });

  // Without a caller's trace a new one begins.
  const overStdio = await carriedBy(service, 'stdio');
  const own = await spanOf(receiver, 'tools/call carried', ({ attributes }) => attributes['mcpo.server'] === 'stdio');
  expect(own.attributes).toMatchObject({ 'network.transport': 'pipe', 'mcp.protocol.version': '2025-11-25' });
  expect(own.attributes).not.toHaveProperty('server.address');
  expect(overStdio.meta.traceparent).toBe(`00-${own.traceId}-${own.spanId}-01`);
  const parent = await spanOf(receiver, 'POST /{server}/{tool}', ({ spanId }) => spanId === own.parentSpanId);
  expect(parent).toMatchObject({ traceId: own.traceId, parentSpanId: '' });

  const opened = await waitFor(() => [named(receiver.spans, 'initialize')].find(({ length }) => length === 2));
  expect(
    opened.map(({ kind, attributes }) => [kind, attributes['mcpo.server'], attributes['network.transport']]),
  ).toEqual(
    expect.arrayContaining([
      ['client', 'stdio', 'pipe'],
      ['client', 'http', 'tcp'],
    ]),
  );
  // Probes are not recorded, and log lines name the trace.
  expect(receiver.spans.filter(({ attributes }) => /readyz|healthz/.test(String(attributes['url.path'])))).toEqual([]);
  expect(service.stderr()).toContain(own.traceId);
  expect(receiver.requests[0]).toMatchObject({
    path: '/v1/traces',
    headers: { 'content-type': 'application/x-protobuf' },
  });
});

test('spans say how calls failed, and nothing of what was said', async () => {
  const receiver = await startOtlpReceiver();
  const secret = 'words-of-a-tool-7f31';
  const service = await startService({
    servers: { stdio: { ...fixture('traced.js'), timeoutMs: 1_000 } },
    env: envFor(receiver),
  });
  const call = (tool: string) => service.call('stdio', tool, { text: secret }, { authorization });
  expect([await call('fail'), await call('refuse'), await call('hang')].map(({ status }) => status)).toEqual([
    500, 502, 504,
  ]);
  await service.call('stdio', 'absent', {}, { authorization });
  await service.call('stdio', 'fail', {});
  await service.stop();
  const outcomes = receiver.spans
    .filter(({ name }) => name !== 'initialize')
    .map(({ name, status, attributes }) => [
      name,
      status,
      attributes['error.type'],
      attributes['rpc.response.status_code'] ?? attributes['http.response.status_code'],
    ]);
  expect(outcomes).toEqual([
    ['tools/call fail', 'error', 'tool_error', undefined],
    ['POST /{server}/{tool}', 'error', 'tool_error', 500],
    ['tools/call refuse', 'error', '-32050', '-32050'],
    ['POST /{server}/{tool}', 'error', 'json_rpc_error', 502],
    ['tools/call hang', 'error', 'timeout', undefined],
    ['POST /{server}/{tool}', 'error', 'deadline_exceeded', 504],
    ['POST', 'unset', undefined, 404],
    ['POST', 'unset', undefined, 401],
  ]);
  expect(receiver.raw.join()).not.toContain(secret);
  expect(receiver.spans.map(({ statusMessage }) => statusMessage).join('')).toBe('');
});

test('a session that is opened for a call is a part of its trace, and no user, value or secret is in it', async () => {
  const receiver = await startOtlpReceiver();
  const token = 'value-of-the-user-c83a';
  const headerKey = 'key-of-the-collector-55e0';
  const service = await startService({
    servers: {
      personal: {
        ...fixture('whoami.js'),
        env: { TOKEN: '${TOKEN}' },
        userVars: { TOKEN: { title: 'Token', sensitive: true } },
      },
    },
    env: envFor(receiver, {
      MCPO_TRUST_USER_HEADERS: 'true',
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${headerKey}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      LOG_LEVEL: 'debug',
    }),
  });
  const user = {
    authorization,
    'x-openwebui-user-id': 'user-of-the-trace',
    'x-openwebui-user-email': 'alice@example.org',
  };
  const path = '/vault/api/servers/personal/variables/TOKEN';
  const body = JSON.stringify({ value: token });
  const saved = await service.request('PUT', path, { headers: { ...user, 'content-type': 'application/json' }, body });
  expect(saved.status).toBe(204);
  const answer = await service.call('personal', 'whoami', { [`argument-${token}`]: token }, { ...user, traceparent });
  expect(answer.status).toBe(200);
  // A value in a path, as a careless client may send it.
  await service.get(`/${token}/docs?token=${token}`, user);
  await service.stop();
  const opened = named(receiver.spans, 'initialize').find(({ traceId }) => traceId === TRACE);
  const request = named(receiver.spans, 'POST /{server}/{tool}')[0];
  expect(opened?.parentSpanId).toBe(request?.spanId);
  expect(named(receiver.spans, 'tools/call whoami')[0]?.parentSpanId).toBe(request?.spanId);
  const sent = receiver.raw.map((text) => text.replaceAll(`"x-key":"${headerKey}"`, '')).join();
  for (const canary of [token, headerKey, KEY, 'user-of-the-trace', 'alice@example.org'])
    expect(sent).not.toContain(canary);
  expect(receiver.requests[0]?.headers).toMatchObject({ 'x-key': headerKey, 'content-type': 'application/json' });
  expect(service.stderr()).not.toContain(headerKey);
});

test('the caller decides whether a trace is recorded, unless the sampler does', async () => {
  const receiver = await startOtlpReceiver();
  const servers = { stdio: fixture('traced.js') };
  const unsampled = { traceparent: `00-${TRACE}-${PARENT}-00` };
  const service = await startService({ servers, env: envFor(receiver) });
  const { meta } = await carriedBy(service, 'stdio', unsampled);
  expect(meta.traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
  await service.stop();
  expect(named(receiver.spans, 'tools/call carried')).toEqual([]);

  const deciding = await startService({ servers, env: envFor(receiver, { OTEL_TRACES_SAMPLER: 'always_on' }) });
  await carriedBy(deciding, 'stdio', unsampled);
  await deciding.stop();
  expect(named(receiver.spans, 'tools/call carried')).toHaveLength(1);
});
