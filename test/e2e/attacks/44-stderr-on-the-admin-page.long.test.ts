import { beforeAll, describe, expect } from '@jest/globals';
import { type Service, startService, test, waitFor } from '../harness.ts';
import { visitByLogIn } from '../vault-visit.ts';

const KEY = 'key-of-the-stderr-test-7c1e9b40';
const SECRET = 'swordfish-0815-of-the-test';
/** Markup, colours, a line that turns round, a secret, ten megabytes, and an end. */
const says = `
  const { stderr, env } = process;
  stderr.write('y'.repeat(10 * 1024 * 1024) + '\\n', () => {
    stderr.write('<script>alert(1)</script> \\x1b[31mred\\x1b[0m \\u202eturned ' + env.PLAIN + '\\n' + 'last word\\n', () => process.exit(3));
  });
`;

describe('what a failing server writes to stderr', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({
      config: { mcpServers: { loud: { command: process.execPath, args: ['-e', says], env: { PLAIN: SECRET } } } },
      env: { MCPO_API_KEY: KEY },
      waitForReady: false,
    });
  }, 60_000);

  test('is on the admin’s page, as text, bounded, without secrets, and nowhere else', async () => {
    const visit = await visitByLogIn(service.request, service.url, KEY, 'admin');
    const page = await waitFor(
      async () => {
        const { text } = await visit.get('/admin');
        return text.includes('last word') && text.includes('next try at') ? text : undefined;
      },
      30_000,
      'the last lines',
    );
    expect(page).toContain('Failing since');
    expect(page).toContain('its process ended with code 3');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt; red turned [redacted]');
    for (const word of ['<script>', '\u001b', '\u202e', SECRET]) expect(page).not.toContain(word);
    expect(page.length).toBeLessThan(100_000);
    const live = (await visit.get('/admin/live')).text;
    expect(live).toContain('last word');
    expect(live.length).toBeLessThan(50_000);
    for (const path of ['/', '/readyz', '/docs', '/openapi.json', '/loud/openapi.json']) {
      expect([path, /last word|alert\(1\)|yyyy/.test((await service.get(path)).text)]).toEqual([path, false]);
    }
    for (const path of ['/admin', '/admin/live']) {
      const answer = await service.get(path, { authorization: `Bearer ${KEY}` });
      expect([answer.status, answer.text.includes('last word')]).toEqual([401, false]);
    }
  });
});
