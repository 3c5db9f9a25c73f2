import { statSync } from 'node:fs';
import { expect } from '@jest/globals';
import { auditFile, waitForLine } from './audit-lines.ts';
import { fixture, runCommand, startService, temporaryFolder, test } from './harness.ts';

const secrets = {
  MCPO_API_KEY: 'canary-api-key-31a7',
  JWT_SECRET: 'canary-jwt-secret-that-is-long-enough-31a7',
  MCPO_OPENWEBUI_USER_JWT_SECRET: 'canary-user-jwt-secret-long-enough-31a7',
  MCPO_OPENWEBUI_SECRET_KEY: 'canary-webui-secret-key-long-enough-31a7',
  MCPO_AUDIT_KEY: Buffer.alloc(32, 9).toString('base64'),
};
const others = { MCPO_OPENWEBUI_URL: 'http://127.0.0.1:9' };
const bearer = { authorization: `Bearer ${secrets.MCPO_API_KEY}` };
const servers = { env: fixture('env.js'), answers: fixture('answers.js') };

test('what the service authenticates with reaches no server, no log and no answer', async () => {
  const file = auditFile();
  const service = await startService({
    servers,
    env: { ...secrets, ...others, SECURITY_LOG_FILE: file, LOG_LEVEL: 'debug' },
  });
  const answers = [
    await service.call('env', 'environment', {}, bearer),
    await service.call('answers', 'text', {}, { authorization: `Bearer ${secrets.JWT_SECRET}` }),
    await service.get('/openapi.json'),
    await service.get('/readyz'),
    await service.get('/docs'),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 403, 200, 200, 200]);
  await waitForLine(file, ({ event_type }) => event_type === 'call');
  // It records who did what, which other users of a shared machine must not read.
  expect(statSync(file).mode & 0o077).toBe(0);
  const everything = [service.stdout(), service.stderr(), ...answers.map(({ text }) => text)].join('\n');
  for (const [name, value] of Object.entries(secrets))
    expect([name, everything.includes(value)]).toEqual([name, false]);
});

test('more than one Authorization header is refused, whichever is right', async () => {
  const service = await startService({ servers, env: { ...secrets, ...others } });
  const right = bearer.authorization;
  for (const authorization of [
    [right, 'Bearer wrong'],
    ['Bearer wrong', right],
    [right, right],
  ]) {
    const answer = await service.request('POST', '/answers/text', { headers: { authorization } });
    expect([authorization, answer.status]).toEqual([authorization, 401]);
  }
  expect((await service.call('answers', 'text', {}, bearer)).status).toBe(200);
});

for (const [name, env] of [
  ['JWT_ALGORITHM', { JWT_SECRET: secrets.JWT_SECRET, JWT_ALGORITHM: 'none' }],
  ['JWT_ALGORITHM', { JWT_SECRET: secrets.JWT_SECRET, JWT_ALGORITHM: 'RS256' }],
  ['JWT_AUDIENCE', { JWT_AUDIENCE: 'mcpo' }],
  ['MCPO_AUDIT_KEY', { SECURITY_LOG_FILE: 'audit.jsonl', MCPO_AUDIT_KEY: 'short' }],
  ['SECURITY_LOG_FILE', { SECURITY_LOG_FILE: '/dev/null/audit.jsonl' }],
  ['MCPO_TRUST_PROXY', { MCPO_TRUST_PROXY: 'true' }],
  ['MCPO_RATE_LIMIT', { MCPO_RATE_LIMIT: 'many' }],
] as const) {
  test(`the service does not start with ${JSON.stringify(env)}`, async () => {
    const { code, stderr } = await runCommand(['--port', '0'], { config: { mcpServers: servers }, env: { ...env } });
    expect([code, stderr]).toEqual([2, expect.stringContaining(name)]);
    expect(stderr).not.toMatch(/^ +at /m);
    if ('JWT_SECRET' in env) expect(stderr).not.toContain(env.JWT_SECRET);
  });
}

test('keys that stand in the database only are authentication for "check" and for the service alike', async () => {
  const env = { MCPO_DATA_DIR: temporaryFolder() };
  expect((await runCommand(['key', 'create', '--id', 'only'], { env })).code).toBe(0);
  const options = { config: { mcpServers: servers }, env };
  const { code, stderr } = await runCommand(['check', '--strict-auth', '--host', '0.0.0.0'], options);
  expect([code, stderr]).toEqual([0, '']);
  const service = await startService({ ...options, args: ['--strict-auth'] });
  expect((await service.get('/docs')).status).toBe(401);
});
