import { hash } from 'node:crypto';
import { createServer } from 'node:net';
import { expect } from '@jest/globals';
import { fixture, fixtureFile, runCommand, startService, test } from './harness.ts';
import { sendRequest } from './http-request.ts';
import { metricsPort, scrapePort } from './scrape.ts';

const key = 'scraper-3Hn6yPd1SfJm5Ct0';
const scraper = { authorization: `Bearer ${key}` };
const config = {
  mcpServers: { answers: fixture('answers.js') },
  auth: { keys: [{ id: 'scraper', hash: hash('sha256', key), scopes: ['metrics'] }] },
};

test('a port of their own: without a key there, and 404 on the main port', async () => {
  const service = await startService({
    config,
    env: { MCPO_METRICS_PORT: '0' },
  });
  const port = metricsPort(service);
  const answer = await scrapePort(port);
  expect(answer.status).toBe(200);
  expect(answer.text).toContain('mcpo_server_state{server="answers",state="ready"} 1\n');
  expect((await service.get('/metrics', scraper)).status).toBe(404);
  const statuses = await Promise.all([
    sendRequest(port, 'GET', '/'),
    sendRequest(port, 'POST', '/metrics'),
    sendRequest(port, 'POST', '/answers/text', { headers: scraper }),
    // A page in a browser under a name that leads here.
    scrapePort(port, { host: `evil.example:${port}` }),
    scrapePort(port, { host: `localhost:${port}` }),
  ]);
  expect(statuses.map(({ status }) => status)).toEqual([404, 405, 404, 403, 200]);
});

test('the port of the metrics is taken, or is no port', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  const refused = await runCommand(['--port', '0'], { config, env: { MCPO_METRICS_PORT: String(port) } });
  taken.close();
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('MCPO_METRICS_PORT');
  const wrong = await runCommand(['--port', '0'], { config, env: { MCPO_METRICS_PORT: '70000' } });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('MCPO_METRICS_PORT')]);
});

test('without authentication: open to this machine, closed to names and pages of others; a tool may be called metrics', async () => {
  const service = await startService({
    args: ['--', process.execPath, fixtureFile('named.js'), 'metrics'],
  });
  expect((await service.get('/metrics')).status).toBe(200);
  expect((await service.get('/metrics', { host: 'evil.example' })).status).toBe(403);
  expect((await service.get('/metrics', { origin: 'https://evil.example' })).status).toBe(403);
  expect((await service.call(undefined, 'metrics')).status).toBe(200);
});
