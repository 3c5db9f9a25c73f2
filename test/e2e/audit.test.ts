import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { auditFile, auditLines, lineOf, waitForLine } from './audit-lines.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';

const key = 'key-of-the-audit-test-8e4f';
const canary = 'canary-argument-5d1b';
const auditKey = Buffer.alloc(32, 7).toString('base64');
const bearer = { authorization: `Bearer ${key}` };
const fields = [
  'timestamp',
  'event_type',
  'user_id',
  'resource',
  'action',
  'result',
  'details',
  'client_ip',
  'user_agent',
  'request_id',
];

const verify = (file: string, ...more: string[]) =>
  runCommand(['audit', 'verify', file, ...more], { env: { MCPO_AUDIT_KEY: auditKey } });

describe('the audit log', () => {
  const file = auditFile();
  const dataDir = temporaryFolder();
  const configFile = join(temporaryFolder(), 'servers.json');
  const answers = fixture('answers.js', [], { access: { tools: { float: { roles: ['admin'] } } } });
  const servers = { answers, mutating: fixture('mutating.js') };
  let service: Service;
  beforeAll(async () => {
    writeFileSync(configFile, JSON.stringify({ mcpServers: servers }));
    service = await startService({
      args: ['--config', configFile, '--hot-reload'],
      env: { MCPO_API_KEY: key, MCPO_DATA_DIR: dataDir, SECURITY_LOG_FILE: file, MCPO_AUDIT_KEY: auditKey },
    });
  });

  test('begins with the start of the process', async () => {
    const line = await waitForLine(file, ({ event_type }) => event_type === 'process_start');
    expect(line).toMatchObject({ action: 'start', result: 'success' });
    expect(Date.now() - Date.parse(line.timestamp)).toBeLessThan(60_000);
    expect(Object.keys(line)).toEqual(expect.arrayContaining(fields));
  });

  test('records who made a call and of which tool, and no value of an argument', async () => {
    const answer = await service.call('answers', 'echo', { city: canary }, { ...bearer, 'user-agent': 'curl/test' });
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining(canary)]);
    expect(await lineOf(file, answer)).toMatchObject({
      event_type: 'call',
      user_id: expect.stringMatching(/^key:/),
      resource: 'answers/echo',
      result: 'success',
      client_ip: '127.0.0.1',
      user_agent: 'curl/test',
      details: { argument_names: ['city'], argument_count: 1, argument_bytes: JSON.stringify({ city: canary }).length },
    });
    const failed = await service.call('answers', 'tool_error', { city: canary }, bearer);
    expect(await lineOf(file, failed)).toMatchObject({
      event_type: 'call',
      result: 'failure',
      details: { status: failed.status, code: 'tool_error' },
    });
    expect(readFileSync(file, 'utf8')).not.toContain(canary);
    expect(readFileSync(file, 'utf8')).not.toContain('The disk is full');
  });

  test('records failed log-ins and refusals', async () => {
    const missing = await service.call('answers', 'text', {});
    const wrong = await service.call('answers', 'text', {}, { authorization: `Bearer ${canary}` });
    for (const answer of [missing, wrong]) {
      expect(await lineOf(file, answer)).toMatchObject({
        event_type: 'log_in',
        user_id: null,
        result: 'failure',
        details: { status: answer.status },
      });
    }
    const refused = await service.call('answers', 'float', {}, bearer);
    expect(refused.status).toBe(403);
    expect(await lineOf(file, refused)).toMatchObject({
      event_type: 'refusal',
      user_id: expect.stringMatching(/^key:/),
      resource: 'answers/float',
      result: 'refused',
    });
    expect(readFileSync(file, 'utf8')).not.toContain(canary);
  });

  test('records changed keys, though another process changed them', async () => {
    const env = { MCPO_DATA_DIR: dataDir };
    expect((await runCommand(['key', 'create', '--id', 'extra'], { env })).code).toBe(0);
    await waitForLine(file, ({ event_type, action }) => event_type === 'key_change' && action === 'create');
    expect((await runCommand(['key', 'revoke', 'extra'], { env })).code).toBe(0);
    const line = await waitForLine(
      file,
      ({ event_type, action }) => event_type === 'key_change' && action === 'revoke',
    );
    expect(line).toMatchObject({ resource: 'key/extra', result: 'success' });

    // Another key under the same name, made before anybody looked.
    const made = () => auditLines(file).filter((one) => one.event_type === 'key_change' && one.action === 'create');
    expect((await runCommand(['key', 'create', '--id', 'extra'], { env })).code).toBe(0);
    await waitFor(() => made().length === 2, 5_000, 'the line of the second key');
    for (const args of [
      ['revoke', 'extra'],
      ['create', '--id', 'extra'],
    ]) {
      expect((await runCommand(['key', ...args], { env })).code).toBe(0);
    }
    await waitFor(() => made().length === 3, 5_000, 'the line of the third key');
  });

  test('records changed tool definitions and a reload', async () => {
    expect((await service.call('mutating', 'add_tool', { name: 'later' }, bearer)).status).toBe(200);
    const change = await waitForLine(file, ({ event_type }) => event_type === 'tool_definition_change');
    expect(change).toMatchObject({ resource: 'mutating', result: 'success', details: { tools: 3 } });

    writeFileSync(configFile, JSON.stringify({ mcpServers: { ...servers, added: fixture('env.js') } }));
    const reload = await waitFor(
      () => auditLines(file).find(({ event_type }) => event_type === 'reload'),
      10_000,
      'the line of the reload',
    );
    expect(reload).toMatchObject({ result: 'success' });
    expect(JSON.stringify(reload.details)).toContain('added');
  });

  test('continues in a new file when it was moved, and both are one chain', async () => {
    const moved = `${file}.1`;
    renameSync(file, moved);
    service.kill('SIGUSR2');
    const answer = await waitFor(
      async () => {
        const one = await service.call('answers', 'text', {}, bearer);
        const id = one.headers['x-request-id'];
        const here = () => auditLines(file).some(({ request_id }) => request_id === id);
        const there = () => auditLines(moved).some(({ request_id }) => request_id === id);
        return (await waitFor(() => here() || there())) && here() && one;
      },
      5_000,
      'a line in the new file',
    );
    expect(answer.status).toBe(200);
    await service.stop();
    const { code, stdout } = await verify(moved, file);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/OK: \d+ entries .* in 2 files/)]);
  });
});

test('with "audit": {"required": true} no call is made that cannot be recorded, and the service lives', async () => {
  const config = { mcpServers: { answers: fixture('answers.js') }, audit: { required: true } };
  const service = await startService({ config, env: { SECURITY_LOG_FILE: '/dev/full' } });
  await waitFor(async () => (await service.call('answers', 'text', {})).status === 503, 5_000, 'calls to be refused');
  const [child] = service.children();
  const refused = await service.call('answers', 'die', {});
  expect([refused.status, refused.json()]).toEqual([
    503,
    { detail: { code: 'audit_unavailable', message: expect.stringContaining('audit log') } },
  ]);
  // "die" was not called: the child is the one that it was.
  expect(service.children().map(({ pid }) => pid)).toContain(child?.pid);
  expect((await service.get('/healthz')).status).toBe(200);
  expect((await service.get('/answers/openapi.json')).status).toBe(200);
  expect(service.stderr()).not.toMatch(/unhandled|at file:/i);
});

test('without it calls go on, and the log of the service says what is wrong', async () => {
  const service = await startService({
    servers: { answers: fixture('answers.js') },
    env: { SECURITY_LOG_FILE: '/dev/full' },
  });
  expect((await service.call('answers', 'text', {})).status).toBe(200);
  await waitFor(() => /audit/.test(service.stderr()) && /ENOSPC/.test(service.stderr()), 5_000, 'a line in the log');
  expect((await service.call('answers', 'text', {})).status).toBe(200);
});

test('with "audit": {"pseudonymise": true} neither user nor address is recorded, and the same user stays the same', async () => {
  const file = auditFile();
  const config = { mcpServers: { answers: fixture('answers.js') }, audit: { pseudonymise: true } };
  const env = { MCPO_API_KEY: key, SECURITY_LOG_FILE: file, MCPO_AUDIT_KEY: auditKey };
  const service = await startService({ config, env });
  const [first, second, stranger] = [
    await lineOf(file, await service.call('answers', 'text', {}, bearer)),
    await lineOf(file, await service.call('answers', 'text', {}, bearer)),
    await lineOf(file, await service.request('POST', '/answers/text', { localAddress: '127.0.0.2' })),
  ];
  expect(first.user_id).toMatch(/^p:/);
  expect([second.user_id, second.client_ip]).toEqual([first.user_id, first.client_ip]);
  expect(stranger.client_ip).not.toBe(first.client_ip);
  expect(readFileSync(file, 'utf8')).not.toMatch(/127\.0\.0\.|"key:/);
});
