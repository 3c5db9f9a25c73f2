import { expect } from '@jest/globals';
import { fixture, startService, test } from './harness.ts';
import { linesAbout } from './log-lines.ts';

const KEY = 'key-of-the-test-of-the-log-7a1c';
const env = { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true' };
const headers = {
  authorization: `Bearer ${KEY}`,
  'X-OpenWebUI-User-Id': 'u-17',
  'X-OpenWebUI-User-Email': 'alice@example.org',
  'X-OpenWebUI-User-Name': 'Alice%20Example',
};

test('the log says who called, by id, name and e-mail address', async () => {
  const service = await startService({ servers: { answers: fixture('answers.js') }, env });
  await service.call('answers', 'text', {}, headers);
  await service.call('answers', 'absent', {}, headers);
  await service.call('answers', 'text', {}, { authorization: `Bearer ${KEY}` });
  await service.stop();
  const who = { user: 'open-webui:u-17', name: 'Alice Example (alice@example.org)' };
  const [called, failed, byKey] = linesAbout(service.stderr(), 'request');
  expect(called).toMatchObject({ ...who, key: 'default' });
  expect(failed).toMatchObject({ ...who, key: 'default' });
  expect(byKey).toMatchObject({ key: 'default' });
  expect(byKey).not.toHaveProperty('user');
  expect(linesAbout(service.stderr(), 'request failed')).toEqual([expect.objectContaining(who)]);
});

test('with audit.pseudonymise it says nothing of them', async () => {
  const config = { mcpServers: { answers: fixture('answers.js') }, audit: { pseudonymise: true } };
  const service = await startService({ config, env });
  await service.call('answers', 'text', {}, headers);
  await service.call('answers', 'absent', {}, headers);
  await service.stop();
  expect(linesAbout(service.stderr(), 'request')).toHaveLength(2);
  expect(service.stderr() + service.stdout()).not.toMatch(/u-17|alice/i);
});
