import { hash } from 'node:crypto';
import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test, waitFor } from './harness.ts';
import { scrape, seriesOf } from './scrape.ts';

const keys = {
  caller: 'caller-7Gq2vXw9TzLk4Rb8',
  scraper: 'scraper-3Hn6yPd1SfJm5Ct0',
  admin: 'admin-9Kx4uWe7QaZo2Vg6',
};
const hashOf = (key: string) => hash('sha256', key);
const auth = {
  keys: [
    { id: 'caller', hash: hashOf(keys.caller), scopes: ['call'] },
    { id: 'scraper', hash: hashOf(keys.scraper), scopes: ['metrics'] },
    { id: 'admin', hash: hashOf(keys.admin), scopes: ['admin'] },
  ],
};
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const basic = (key: string) => ({ authorization: `Basic ${Buffer.from(`prometheus:${key}`).toString('base64')}` });
const caller = bearer(keys.caller);
const scraper = bearer(keys.scraper);

const mcpServers = {
  answers: fixture('answers.js', [], { maxConcurrency: 7, limits: { memoryMb: 900, files: 300 } }),
  // Its process starts a process of its own.
  family: fixture('grandchild.js'),
};

describe('with API keys', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ config: { mcpServers, auth }, args: ['--strict-auth', '--path-prefix', '/tools'] });
  }, 60_000);

  const call = (tool: string, body: unknown = {}, headers: Readonly<Record<string, string>> = caller) =>
    service.request('POST', `/tools/answers/${tool}`, {
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  test('only callers with the scope metrics or admin read them, as Bearer or Basic', async () => {
    const statuses = await Promise.all(
      [{}, bearer('wrong'), caller, scraper, bearer(keys.admin), basic(keys.scraper), basic(keys.caller)].map(
        async (headers) => (await service.get('/metrics', headers)).status,
      ),
    );
    expect(statuses).toEqual([401, 403, 403, 200, 200, 200, 403]);
    expect((await service.get('/metrics', caller)).json()).toEqual({ detail: expect.stringContaining('"metrics"') });
    expect((await service.get('/tools/metrics', scraper)).status).toBe(200);
    const head = await service.request('HEAD', '/metrics', { headers: scraper });
    expect([head.status, head.text]).toEqual([200, '']);
  });

  test('pages of other origins cannot read them, not even with the key', async () => {
    const { status, headers } = await service.get('/metrics', { ...scraper, origin: 'https://page.example' });
    expect(status).toBe(200);
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers['cache-control']).toBe('no-store');
  });

  test('in the text of Prometheus or as OpenMetrics, as the scraper accepts', async () => {
    const [prometheus, openMetrics] = ['text/plain;version=0.0.4', 'application/openmetrics-text;version=1.0.0'];
    const read = async (accept: string) => {
      const answer = await service.get('/metrics', { ...scraper, accept });
      return [answer.headers['content-type']?.split(';')[0], answer.text.endsWith('# EOF\n')];
    };
    expect(await read(`${openMetrics},${prometheus};q=0.5,*/*;q=0.1`)).toEqual(['application/openmetrics-text', true]);
    expect(await read(`${openMetrics};q=0.1,${prometheus};q=0.5`)).toEqual(['text/plain', false]);
    expect(await read('application/openmetrics-text;version=9.0.0,*/*')).toEqual(['text/plain', false]);
    expect(await read('*/*')).toEqual(['text/plain', false]);
    // One must not change the names of the other.
    const { text } = await service.get('/metrics', { ...scraper, accept: openMetrics });
    expect(text.match(/^# TYPE mcpo_log_ins.*$|_total_total.*$/gm)).toEqual(['# TYPE mcpo_log_ins counter']);
    const again = await service.get('/metrics', scraper);
    expect(again.text.match(/^# TYPE mcpo_log_ins.*$/gm)).toEqual(['# TYPE mcpo_log_ins_total counter']);
  });

  test('counts calls by server, tool and outcome, and how long they took', async () => {
    const before = await scrape(service, scraper);
    const statuses: number[] = [];
    for (const answer of [
      await call('text'),
      await call('text'),
      await call('tool_error'),
      await call('rpc_error', { code: -32000 }),
      await call('rpc_error', {}),
      await call('no_such_tool'),
      await call('text', '{'),
      await call('text', {}, bearer('wrong')),
      await call('text', {}, {}),
      await call('text', {}, scraper),
    ]) {
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([200, 200, 500, 502, 422, 404, 422, 403, 401, 403]);
    const after = await scrape(service, scraper);
    const increase = (series: string) => (after.get(series) ?? 0) - (before.get(series) ?? 0);
    const calls = (server: string, tool: string, outcome: string) =>
      increase(`mcpo_calls_total{server="${server}",tool="${tool}",outcome="${outcome}"}`);
    expect(calls('answers', 'text', 'success')).toBe(2);
    expect(calls('answers', 'tool_error', 'tool_error')).toBe(1);
    expect(calls('answers', 'rpc_error', 'upstream_error')).toBe(1);
    expect(calls('answers', 'rpc_error', 'invalid')).toBe(1);
    expect(calls('answers', 'text', 'invalid')).toBe(1);
    expect(calls('answers', '', 'not_found')).toBe(1);
    expect(calls('answers', '', 'forbidden')).toBe(1);
    expect(calls('', '', 'forbidden')).toBe(1);
    expect(calls('', '', 'unauthenticated')).toBe(1);
    expect(increase('mcpo_call_duration_seconds_count{server="answers"}')).toBe(6);
    expect(increase('mcpo_call_duration_seconds_bucket{server="answers",le="+Inf"}')).toBe(6);
    expect(increase('mcpo_call_duration_seconds_sum{server="answers"}')).toBeGreaterThan(0);
    expect(increase('mcpo_log_ins_total{kind="key",outcome="failure"}')).toBe(1);
    expect(increase('mcpo_log_ins_total{kind="none",outcome="failure"}')).toBe(1);
    expect(increase('mcpo_http_requests_total{code="502"}')).toBe(1);
  });

  test('shows servers, sessions, processes and what they may use up', async () => {
    const series = await scrape(service, scraper);
    expect(series.get('mcpo_server_state{server="answers",state="ready"}')).toBe(1);
    expect(series.get('mcpo_server_state{server="answers",state="failed"}')).toBe(0);
    expect(series.get('mcpo_sessions{server="answers",kind="shared",state="ready"}')).toBe(1);
    expect(series.get('mcpo_session_starts_total{server="answers",outcome="success"}')).toBe(1);
    expect(series.get('mcpo_server_max_concurrency{server="answers"}')).toBe(7);
    expect(series.get('mcpo_server_limit_memory_bytes{server="answers"}')).toBe(900 * 1024 * 1024);
    expect(series.get('mcpo_server_limit_files{server="answers"}')).toBe(300);
    expect(series.get('mcpo_server_sandboxed{server="answers"}')).toBe(0);
    expect(series.get('mcpo_child_processes{server="family"}')).toBe(2);
    expect(series.get('mcpo_child_memory_bytes{server="family"}')).toBeGreaterThan(50_000_000);
    expect(series.get('mcpo_child_cpu_seconds_total{server="family"}')).toBeGreaterThan(0.01);
    expect(series.get('mcpo_draining')).toBe(0);
    expect(series.get('mcpo_database_up')).toBe(1);
    expect(seriesOf(series, 'mcpo_redis_up')).toEqual({});
    expect(series.get('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    expect([...series.values()].every(Number.isFinite)).toBe(true);
  });

  test('running calls, restarts, and the processor time of processes that have ended', async () => {
    const cpu = 'mcpo_child_cpu_seconds_total{server="answers"}';
    const before = await scrape(service, scraper);
    const slow = call('slow', { ms: 60_000 }).catch(() => undefined);
    await waitFor(async () => {
      const series = await scrape(service, scraper);
      return series.get('mcpo_calls_running{server="answers"}') === 1 && series.get('mcpo_calls_in_flight') === 1;
    });
    expect((await call('die')).status).toBe(502);
    await slow;
    const restarts = 'mcpo_server_restarts_total{server="answers"}';
    const after = await waitFor(async () => {
      const series = await scrape(service, scraper);
      return series.get('mcpo_server_state{server="answers",state="ready"}') === 1 && (series.get(restarts) ?? 0) > 0
        ? series
        : undefined;
    });
    expect(after.get(restarts)).toBe(1);
    expect(after.get('mcpo_session_ends_total{server="answers",cause="lost"}')).toBe(1);
    expect(after.get('mcpo_calls_in_flight')).toBe(0);
    expect(after.get(cpu)).toBeGreaterThanOrEqual(before.get(cpu) ?? Number.NaN);
  });
});
