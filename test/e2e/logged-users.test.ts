import { expect } from '@jest/globals';
import { fixture, startService, test } from './harness.ts';

const KEY = 'key-of-the-test-of-the-log-7a1c';
const env = { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true' };
const headers = {
  authorization: `Bearer ${KEY}`,
  'X-OpenWebUI-User-Id': 'u-17',
  'X-OpenWebUI-User-Email': 'alice@example.org',
  'X-OpenWebUI-User-Name': 'Alice%20Example',
};

const linesAbout = (log: string, message: string): readonly Record<string, unknown>[] =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line): Record<string, unknown> => JSON.parse(line))
    .filter((line) => line.message === message);

test('the log says who called, by id, name and e-mail address', async () => {
  const service = await startService({ servers: { answers: fixture('answers.js') }, env });
  await service.call('answers', 'text', {}, headers);
  await service.call('answers', 'absent', {}, headers);
  await service.call('answers', 'text', {}, { authorization: `Bearer ${KEY}` });
  await service.stop();
  const who = { user: 'open-webui:u-17', name: 'Alice Example (alice@example.org)' };
  const [first, second] = linesAbout(service.stderr(), 'call');
  expect(first).toMatchObject(who);
  expect(second).not.toHaveProperty('user');
  expect(linesAbout(service.stderr(), 'request failed')).toEqual([expect.objectContaining(who)]);
});

test('with audit.pseudonymise it says nothing of them', async () => {
  const config = { mcpServers: { answers: fixture('answers.js') }, audit: { pseudonymise: true } };
  const service = await startService({ config, env });
  await service.call('answers', 'text', {}, headers);
  await service.call('answers', 'absent', {}, headers);
  await service.stop();
  expect(linesAbout(service.stderr(), 'call')).toHaveLength(1);
  expect(service.stderr() + service.stdout()).not.toMatch(/u-17|alice/i);
});
