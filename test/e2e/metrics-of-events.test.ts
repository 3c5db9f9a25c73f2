import { hash } from 'node:crypto';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { fixture, startService, temporaryFolder, test, waitFor } from './harness.ts';
import { scrape, seriesOf } from './scrape.ts';

const keys = { caller: 'caller-7Gq2vXw9TzLk4Rb8', scraper: 'scraper-3Hn6yPd1SfJm5Ct0' };
const hashOf = (key: string) => hash('sha256', key);
const auth = {
  keys: [
    { id: 'caller', hash: hashOf(keys.caller), scopes: ['call'] },
    { id: 'scraper', hash: hashOf(keys.scraper), scopes: ['metrics'] },
  ],
};
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const caller = bearer(keys.caller);
const scraper = bearer(keys.scraper);

test('users have sessions of their own, with operations of the vault and log-ins to its pages', async () => {
  const key = 'asserting-5Wb8nKe2RtYv7Lq1';
  const user = (id: string) => ({ ...bearer(key), 'x-openwebui-user-id': id });
  const mine = { ...fixture('whoami.js'), env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Token' } } };
  const service = await startService({
    config: {
      mcpServers: { mine: { ...mine, maxSessions: 3 } },
      auth: { keys: [{ id: 'a', hash: hashOf(key), scopes: ['call', 'vault', 'metrics'], assertsUser: true }] },
    },
    env: { MCPO_TRUST_USER_HEADERS: 'true' },
  });
  expect((await service.call('mine', 'whoami', {}, user('ann'))).status).toBe(428);
  const value = { headers: { ...user('ann'), 'content-type': 'application/json' }, body: '{"value":"t-0815"}' };
  const put = '/vault/api/servers/mine/variables/TOKEN';
  expect((await service.request('PUT', put, value)).status).toBe(204);
  expect((await service.call('mine', 'whoami', {}, user('ann'))).status).toBe(200);
  expect((await service.get('/vault/api/servers', bearer('wrong'))).status).toBe(403);
  const series = await scrape(service, bearer(key));
  expect(series.get('mcpo_sessions{server="mine",kind="user",state="ready"}')).toBe(1);
  expect(series.get('mcpo_server_max_sessions{server="mine"}')).toBe(3);
  expect(series.get('mcpo_vault_operations_total{operation="set",outcome="success"}')).toBe(1);
  expect(series.get('mcpo_vault_operations_total{operation="create_link",outcome="success"}')).toBe(1);
  expect(series.get('mcpo_log_ins_total{kind="vault_api",outcome="failure"}')).toBe(1);
  expect(seriesOf(series, 'mcpo_calls_total')['{server="mine",tool="",outcome="setup_required"}']).toBe(1);
  // No series names a user, and none a value.
  expect([...series.keys()].join('\n')).not.toMatch(/ann|0815/);
});

test('reloads, the audit log and limits', async () => {
  const folder = temporaryFolder();
  const service = await startService({
    config: { mcpServers: { answers: fixture('answers.js') }, auth, rateLimit: { calls: '2/1h' } },
    env: { SECURITY_LOG_FILE: join(folder, 'audit.log') },
  });
  for (let count = 0; count < 3; count += 1) await service.call('answers', 'text', {}, caller);
  await waitFor(async () => (await scrape(service, scraper)).get('mcpo_audit_events_written_total') !== 0);
  const series = await scrape(service, scraper);
  expect(series.get('mcpo_rate_limited_total{limit="calls"}')).toBe(1);
  expect(series.get('mcpo_calls_total{server="answers",tool="",outcome="rate_limited"}')).toBe(1);
  expect(series.get('mcpo_audit_log_up')).toBe(1);
  expect(series.get('mcpo_audit_events_lost_total')).toBe(0);
  const configuredAt = series.get('mcpo_config_last_reload_success_timestamp_seconds') ?? Number.NaN;
  service.kill('SIGHUP');
  const reloaded = await waitFor(async () => {
    const found = await scrape(service, scraper);
    return found.get('mcpo_config_reloads_total{outcome="success"}') === 1 ? found : undefined;
  });
  expect(reloaded.get('mcpo_config_last_reload_successful')).toBe(1);
  expect(reloaded.get('mcpo_config_last_reload_success_timestamp_seconds')).toBeGreaterThan(configuredAt);
});
