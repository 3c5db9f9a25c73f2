import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, test } from '../harness.ts';
import { type Ask, visitByLogIn } from '../vault-visit.ts';

const KEY = 'key-of-the-attack-test';

/** Under names that do not sound secret. */
const canaries = {
  CANARY_REGION: 'Canary "One"/<a&b> 0815+äß',
  CANARY_PLAIN: 'canaryTwoSwordfish',
  CANARY_DATABASE: 'postgresql://bob:canary-three-pw@db.internal/app',
};
const args = ['--api-key', 'canary-four-sk', '--token=canary-five', '-k', 'canary-six'];
/** What must never stand in an answer: a part of each value in each spelling, and what only the child can have said. */
const forbidden = [
  /canary/i,
  /swordfish/i,
  /0815/,
  // "canary" in hex, with \u escapes and inside base64 at each offset.
  /63616e617279/i,
  /\\u0063\\u0061/i,
  /Y2FuYXJ5|NhbmFyeS|jYW5hcnkt|Q2FuYXJ5|NhbmFyeV|DYW5hcnk/,
  /Object\.<anonymous>|indiscreet\.js|not accepted/,
];

/** What admins may see: the child's words that are no values, and the names of variables in their own configuration. */
const childsOwn =
  /CANARY_(?:REGION|PLAIN|DATABASE)|Object\.(?:<|&lt;)anonymous(?:>|&gt;)|[^\s(]*indiscreet\.js|not accepted|\/home\/canary\/no-such-program/g;

function findings(name: string, text: string): string[] {
  return forbidden.flatMap((pattern) => {
    const found = pattern.exec(text);
    return found === null ? [] : [`${name}: ${text.slice(Math.max(0, found.index - 60), found.index + 60)}`];
  });
}

/** An HTTP server whose answers to everything quote what it was sent. */
async function startQuotingServer(): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((request, response) => {
    const status = Number(new URL(request.url ?? '', 'http://x').pathname.slice(1));
    const message = `not accepted: ${request.headers.authorization} ${request.url}`;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 0, error: { code: -32000, message } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const bad = (mode: string) => fixture('indiscreet.js', [mode, ...args], { env: canaries });

describe('what failing servers say of what they were given', () => {
  let service: Service;
  let upstream: Awaited<ReturnType<typeof startQuotingServer>>;
  const names = ['dies', 'refuses', 'lists', 'missing', 'broken', 'forbidden', 'mine'];

  beforeAll(async () => {
    upstream = await startQuotingServer();
    const remote = (status: number) => ({
      type: 'streamable-http',
      url: `${upstream.url}/${status}?plain=canary-seven`,
      headers: { 'X-Plain': 'canary-eight', Authorization: 'Bearer canary-nine' },
    });
    const config = {
      mcpServers: {
        dies: bad('dies'),
        refuses: bad('refuses'),
        lists: bad('lists'),
        missing: { command: '/home/canary/no-such-program', args },
        broken: remote(500),
        forbidden: remote(403),
        mine: { ...bad('dies'), isolation: 'user' },
      },
    };
    const settings = { MCPO_TRUST_USER_HEADERS: 'true' };
    service = await startService({ config, args: ['--api-key', KEY], env: settings });
  });
  afterAll(() => void upstream.server.close());

  test('is in no public place, with and without a key', async () => {
    const paths = ['/readyz', '/', '/docs', '/openapi.json', '/metrics'];
    const own = names.flatMap((name) => [`/${name}/openapi.json`, `/${name}/docs`, `/${name}/redoc`]);
    const requests = [...paths, ...own].flatMap((path) =>
      [{}, { authorization: `Bearer ${KEY}` }].map(async (headers) => {
        const { text } = await service.get(path, headers);
        return findings(`GET ${path}`, text);
      }),
    );
    expect((await Promise.all(requests)).flat()).toEqual([]);
  });

  test('is in no answer to a call', async () => {
    const found: string[] = [];
    for (const name of names) {
      const headers = { authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': 'ann' };
      const answer = await service.call(name, 'tool', {}, headers);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.headers['x-request-id']).toBeDefined();
      found.push(...findings(`POST /${name}/tool`, answer.text));
    }
    expect(found).toEqual([]);
  });

  test('gives way to a state and a sentence of ours', async () => {
    const states = await service.serverStates();
    expect(states.get('dies')?.reason).toBe('its process ended with code 1 before it was ready');
    expect(states.get('refuses')?.reason).toBe('it refused the MCP handshake (-32000)');
    expect(states.get('lists')).toMatchObject({ state: 'degraded', reason: 'it answered with error -32000' });
    expect(states.get('missing')?.reason).toBe('its command was not found');
    expect(states.get('broken')?.reason).toContain('the server answered HTTP 500');
    expect(states.get('forbidden')?.reason).toContain('refused the credentials (HTTP 403)');
  });

  test('is in the log, where only the values are missing', async () => {
    const log = service.stderr();
    expect(log).toContain('Object.<anonymous>');
    expect(log).toContain('no-such-program');
    expect(findings('log', log.replaceAll(childsOwn, ''))).toEqual([]);
  });
});

test('admins see it at /admin and with check --start, without the values', async () => {
  const created = await runCommand(['key', 'create', '--id', 'admin', '--scope', 'admin', '--config-entry']);
  const key = /: (\S+)\n/.exec(created.stderr)?.[1] ?? '';
  const config = { mcpServers: { dies: bad('dies') }, auth: { keys: [JSON.parse(created.stdout) as object] } };
  const service = await startService({ config });
  const { url } = service;
  const ask: Ask = (method, path, options) => service.request(method, path, options);
  const admin = await visitByLogIn(ask, url, key, 'admin');
  const pages = { '/admin': (await admin.get('/admin')).text };
  const checked = await runCommand(['check', '--start'], { config }, 60_000);
  for (const [name, text] of Object.entries({ ...pages, check: checked.stdout })) {
    expect(text).toContain('its last lines on stderr: ');
    expect(text).toContain('[redacted]');
    expect(findings(name, text.replaceAll(childsOwn, ''))).toEqual([]);
  }
});
