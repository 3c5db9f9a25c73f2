import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { State } from '../../../src/doctor/check.ts';
import { checks } from '../../../src/doctor/checks.ts';
import { KEY, type Surroundings, stateOf } from './examined.ts';

/** Surroundings, the state that the check finds there, and words of what it says. */
type Case = readonly [surroundings: Surroundings, state: State, words?: RegExp];

const authenticated = { MCPO_API_KEY: KEY };
const stdio = (more: object = {}) => ({ servers: { tools: { command: 'node', args: ['x.js'], ...more } } });
const stdioFile = { mcpServers: stdio().servers };
const command = (...words: string[]) => ({ servers: { tools: { command: words[0], args: words.slice(1) } } });
const remote = (url: string, more: object = {}) => ({ servers: { tools: { url, ...more } } });
const issuer = { issuer: 'https://id.example.org', jwksUri: 'https://id.example.org/keys' };
const HASH = 'b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78';

const cases: Readonly<Record<string, readonly Case[]>> = {
  authentication: [
    [{ env: authenticated }, 'ok'],
    [{}, 'warning', /on this machine/],
    [{ options: { host: '0.0.0.0', allowUnauthenticated: true } }, 'problem', /0\.0\.0\.0 may call every tool/],
  ],
  'weak-secrets': [
    [{ env: { ...authenticated, JWT_SECRET: 'c81e728d9d4c2f636f067f89cc14862c4a1b' } }, 'ok'],
    [{ env: { API_KEY: 'changeme' } }, 'problem', /^API_KEY has fewer than 16 characters\. → Replace/],
    [{ env: { MCPO_API_KEY: 'my-secret-api-key-changeme' } }, 'problem', /well-known words/],
    [{ env: { ...authenticated, JWT_SECRET: 'password' } }, 'problem', /^JWT_SECRET/],
    [{ env: { API_KEY: 'changeme' }, options: { allowWeakSecrets: true } }, 'problem', /^API_KEY/],
    [{ env: { MCPO_REDIS_URL: 'redis://redis.example.org:1' } }, 'warning', /MCPO_REDIS_URL has no password/],
    [{ env: { MCPO_REDIS_URL: 'redis://u:hunter22@127.0.0.1:1' } }, 'warning', /password in MCPO_REDIS_URL has fewer/],
  ],
  'key-on-command-line': [
    [{ env: authenticated }, 'ok'],
    [{ options: { apiKey: KEY } }, 'warning', /MCPO_API_KEY_FILE/],
  ],
  'documents-open': [
    [{ env: authenticated }, 'warning', /--strict-auth/],
    [{ env: authenticated, options: { strictAuth: true } }, 'ok'],
    [{}, 'not-applicable'],
  ],
  cors: [
    [{ env: authenticated }, 'warning', /every origin/],
    [{ env: authenticated, options: { corsAllowOrigins: ['https://chat.example.org'] } }, 'ok', /chat\.example\.org/],
    [{}, 'ok', /none/],
  ],
  'token-audience': [
    [{}, 'not-applicable'],
    [{ env: { JWT_SECRET: 'c81e728d9d4c2f636f067f89cc14862c4a1b' } }, 'ok'],
    [{ config: { ...stdioFile, auth: { issuers: [{ ...issuer, audience: 'mcpo' }] } } }, 'ok'],
    [{ config: { ...stdioFile, auth: { issuers: [{ ...issuer, audience: '*' }] } } }, 'warning', /whatever service/],
  ],
  'user-headers': [
    [{ env: authenticated }, 'ok'],
    [{ env: { ...authenticated, MCPO_TRUST_USER_HEADERS: 'true' } }, 'warning', /as any user.*USER_JWT_SECRET/],
  ],
  'rate-limit': [
    [{ env: authenticated }, 'ok'],
    [{ env: { ...authenticated, MCPO_RATE_LIMIT: 'off' } }, 'warning', /MCPO_RATE_LIMIT is off/],
  ],
  'log-in-limit': [
    [{ env: authenticated }, 'ok'],
    [{ env: { ...authenticated, MCPO_AUTH_FAILURE_LIMIT: 'off' } }, 'problem', /guessed/],
    [{ env: { ...authenticated, MCPO_AUTH_FAILURE_LIMIT: 'off' }, options: { host: '127.0.0.1' } }, 'warning'],
  ],
  'admin-edits': [
    [{ env: { ...authenticated, MCPO_ADMIN_EDITS: 'remote' } }, 'ok'],
    [{ env: { ...authenticated, MCPO_ADMIN_EDITS: 'commands' } }, 'problem', /unencrypted/],
    [{ env: { ...authenticated, MCPO_ADMIN_EDITS: 'commands' }, options: { host: '127.0.0.1' } }, 'warning'],
  ],
  'key-expiry': [
    [{}, 'not-applicable'],
    [
      { config: { ...stdioFile, auth: { keys: [{ id: 'n8n', hash: HASH, scopes: ['call'] }] } } },
      'warning',
      /n8n does not expire/,
    ],
    [
      {
        config: {
          mcpServers: {},
          auth: { keys: [{ id: 'n8n', hash: HASH, scopes: ['call'], expires: '2999-01-01' }] },
        },
      },
      'not-applicable',
    ],
  ],
  'key-age': [
    [{}, 'not-applicable'],
    [{ env: authenticated }, 'unknown', /MCPO_API_KEY is not known/],
  ],
  'host-binding': [
    [{}, 'ok', /Only this machine/],
    [{ env: authenticated }, 'warning', /without TLS, and no proxy/],
    [{ env: { ...authenticated, MCPO_TRUST_PROXY: '10.0.0.7' } }, 'warning', /go round the proxy/],
    [{ env: { ...authenticated, MCPO_TRUST_PROXY: '10.0.0.7' }, system: { isContainer: true } }, 'ok'],
  ],
  'trust-proxy': [
    [{ env: authenticated }, 'ok'],
    [{ env: { ...authenticated, MCPO_TRUST_PROXY: 'loopback,10.0.3.7' } }, 'ok'],
    [{ env: { ...authenticated, MCPO_TRUST_PROXY: 'uniquelocal' } }, 'warning', /10\.0\.0\.0\/8/],
    [
      { env: { ...authenticated, MCPO_TRUST_PROXY: 'uniquelocal' }, system: { hasPublicAddress: true } },
      'problem',
      /public address/,
    ],
    [{ env: { ...authenticated, MCPO_TRUST_PROXY: 'uniquelocal' }, options: { host: '127.0.0.1' } }, 'ok'],
  ],
  'data-folder': [
    [{ prepare: ({ data }) => chmodSync(data, 0o700) }, 'ok', /0700/],
    [{ prepare: ({ data }) => chmodSync(data, 0o755) }, 'problem', /chmod 700/],
    [{ env: { MCPO_DATA_DIR: '/nowhere/at/all' } }, 'not-applicable'],
  ],
  'secret-files': [
    [{ prepare: ({ data }) => writeFileSync(join(data, 'vault.key'), 'x', { mode: 0o600 }) }, 'ok', /One file/],
    [
      { prepare: ({ data }) => writeFileSync(join(data, 'vault.key'), 'x', { mode: 0o644 }) },
      'problem',
      /vault\.key is open to every user/,
    ],
    [{ prepare: ({ data }) => writeFileSync(join(data, 'audit.key'), 'x', { mode: 0o640 }) }, 'warning', /its group/],
    [
      {
        prepare: ({ data }) => writeFileSync(join(data, 'audit.key'), 'x', { mode: 0o644 }),
        system: { isContainer: true },
      },
      'ok',
    ],
  ],
  'servers-file': [
    [stdio(), 'ok', /0600/],
    [{ ...stdio(), prepare: ({ config }) => chmodSync(join(config, 'servers.json'), 0o666) }, 'problem', /every user/],
    [{ ...stdio(), prepare: ({ config }) => chmodSync(join(config, 'servers.json'), 0o664) }, 'warning', /its group/],
    [{ ...stdio(), prepare: ({ config }) => chmodSync(config, 0o777) }, 'problem', /replace the servers file/],
    [{ ...stdio(), prepare: ({ config }) => chmodSync(config, 0o1777) }, 'ok'],
    [{}, 'not-applicable'],
  ],
  'literal-secrets': [
    [stdio({ env: { TRACKER_TOKEN: '${env:PATH}', LEVEL: 'info' } }), 'ok'],
    [stdio({ env: { TRACKER_TOKEN: 'ghp_0123456789abcdef' } }), 'warning', /values of TRACKER_TOKEN\./],
    [
      remote('https://x.example.org/mcp', { headers: { Authorization: 'Bearer 0123456789abcdef' } }),
      'warning',
      /Authorization/,
    ],
  ],
  'audit-log-file': [
    [{}, 'not-applicable'],
    [{ env: { SECURITY_LOG_FILE: '/etc/passwd' } }, 'warning', /chmod 640/],
  ],
  'data-volume': [
    [{}, 'not-applicable', /not a container/],
    [{ system: { isContainer: true, mountInfo: '1 0 0:1 / / rw - overlay overlay rw' } }, 'problem', /docker run -v/],
    [
      {
        system: { isContainer: true, mountInfo: '1 0 0:1 / / rw - overlay o rw\n2 1 0:2 / /tmp rw - ext4 /dev/sda rw' },
      },
      'ok',
    ],
  ],
  'server-sandbox': [
    [stdio({ sandbox: true }), 'ok'],
    [stdio(), 'warning', /^tools: may read everything/],
    [remote('https://x.example.org/mcp'), 'not-applicable'],
    [command('docker', 'run', '-i', 'mcp/time:1.0'), 'not-applicable'],
  ],
  'server-limits': [
    [stdio({ limits: { memoryMb: 512 } }), 'ok'],
    [stdio(), 'warning', /"limits"/],
  ],
  'inherited-environment': [
    [{ ...stdio(), env: { SOMETHING_ELSE: 'x' } }, 'ok'],
    [{ ...stdio({ inheritEnv: ['SOMETHING_ELSE'] }), env: { SOMETHING_ELSE: 'x', ANOTHER: 'y' } }, 'ok'],
    [{ ...stdio({ inheritEnv: '*' }), env: { SOMETHING_ELSE: 'x' } }, 'warning', /^tools: gets every variable/],
  ],
  'arguments-with-values': [
    [stdio(), 'ok'],
    [
      stdio({ args: ['--token', '${TOKEN}'], userVars: { TOKEN: {} }, allowUserPlaceholdersInArgs: true }),
      'warning',
      /process list/,
    ],
  ],
  'open-urls': [
    [remote('https://x.example.org/${user.id}'), 'ok'],
    [remote('https://x.example.org/${user.id}', { allowPrivateAddresses: true }), 'warning', /inner network/],
  ],
  'container-engine': [
    [stdio(), 'ok'],
    [command('docker', 'run', '-i', 'mcp/time:1.0'), 'warning', /rootless/],
    [command('docker', 'run', '-v', '/var/run/docker.sock:/var/run/docker.sock', 'x:1'), 'problem', /socket/],
    [command('docker', 'run', '-v', '/:/host', 'x:1'), 'problem', /rights of the machine/],
    [command('podman', 'run', '--privileged', 'x:1'), 'problem'],
    [stdio({ env: { DOCKER_HOST: 'unix:///run/podman/podman.sock' } }), 'problem', /socket/],
  ],
  'plain-http': [
    [remote('https://x.example.org/mcp', { headers: { Authorization: 'Bearer x' } }), 'ok'],
    [remote('http://127.0.0.1:9/mcp', { headers: { Authorization: 'Bearer x' } }), 'ok'],
    [remote('http://x.example.org/mcp'), 'warning'],
    [remote('http://tracker:8080/mcp', { headers: { Authorization: 'Bearer x' } }), 'warning', /network of containers/],
    [
      remote('http://x.example.org/mcp', { headers: { Authorization: 'Bearer 0123456789abcdef' } }),
      'problem',
      /without TLS/,
    ],
    [remote('http://user:passw@x.example.org/mcp'), 'problem'],
  ],
  'known-holes': [
    [command('npx', '-y', 'mcp-remote@0.1.16', 'https://x.example.org'), 'ok'],
    [command('npx', '-y', 'mcp-remote@0.1.9', 'https://x.example.org'), 'problem', /CVE-2025-6514.*0\.1\.16/],
    [command('uvx', 'mcp-server-git==2025.12.18'), 'problem', /2026\.1\.14/],
    [command('uvx', 'mcp-server-git==2026.1.14'), 'ok'],
  ],
  'redis-tls': [
    [{}, 'not-applicable'],
    [{ env: { MCPO_REDIS_URL: `redis://u:${KEY}@127.0.0.1:1` } }, 'ok'],
    [{ env: { MCPO_REDIS_URL: `rediss://u:${KEY}@redis.invalid:1` } }, 'ok'],
    [{ env: { MCPO_REDIS_URL: `redis://u:${KEY}@redis.invalid:1` } }, 'warning', /redis\.invalid without TLS/],
  ],
  redis: [
    [{}, 'not-applicable'],
    [{ env: { MCPO_REDIS_URL: `redis://u:${KEY}@127.0.0.1:1` } }, 'problem', /ECONNREFUSED/],
  ],
  'disk-space': [
    [{}, 'ok'],
    [{ env: { MCPO_DATA_DIR: '/nowhere/at/all' } }, 'not-applicable'],
    // Nothing is ever free there.
    [{ env: { MCPO_DATA_DIR: '/proc' } }, 'problem', /0 MiB left/],
  ],
  clock: [[{}, 'not-applicable']],
  'audit-log': [
    [{}, 'warning', /SECURITY_LOG_FILE/],
    [{ env: { SECURITY_LOG_FILE: '/tmp/audit.log' } }, 'ok'],
  ],
  'audit-required': [
    [{}, 'not-applicable'],
    [{ env: { SECURITY_LOG_FILE: '/tmp/audit.log' } }, 'warning', /full disk/],
    [{ config: { ...stdioFile, audit: { required: true } }, env: { SECURITY_LOG_FILE: '/tmp/audit.log' } }, 'ok'],
  ],
  'audit-retention': [
    [{}, 'not-applicable'],
    [{ env: { SECURITY_LOG_FILE: '/tmp/audit.log' } }, 'warning'],
    [
      { config: { ...stdioFile, audit: { retentionDays: 90 } }, env: { SECURITY_LOG_FILE: '/tmp/audit.log' } },
      'ok',
      /90 days/,
    ],
  ],
  configuration: [
    [stdio(), 'ok'],
    [{}, 'unknown', /--config/],
    [{ config: '{ "mcpServers": {' }, 'problem', /servers\.json:1/],
    [stdio({ colour: 'red' }), 'warning', /colour/],
  ],
  'node-version': [
    [{ system: { nodeVersion: '24.1.0' }, now: Date.parse('2028-04-01') }, 'ok'],
    [{ system: { nodeVersion: '24.1.0' }, now: Date.parse('2028-05-01') }, 'warning', /no fixes/],
    [{ system: { nodeVersion: '99.0.0' } }, 'ok'],
  ],
  'log-level': [
    [{}, 'ok'],
    [{ env: { LOG_LEVEL: 'debug' } }, 'warning', /LOG_LEVEL=info/],
  ],
  root: [
    [stdio(), 'ok', /1000/],
    [{ ...stdio(), system: { uid: 0 } }, 'problem', /so are its servers: tools/],
    [{ ...stdio({ runAs: 'auto' }), system: { uid: 0 } }, 'ok'],
    [{ ...remote('https://x.example.org/mcp'), system: { uid: 0 } }, 'warning'],
  ],
};

for (const [id, list] of Object.entries(cases)) {
  for (const [index, [surroundings, state, words = /./]] of list.entries()) {
    test(`${id}, case ${index + 1}: ${state}`, async () => {
      expect(await stateOf(id, surroundings)).toEqual({ state, text: expect.stringMatching(words) });
    });
  }
}

/** Those that need a database, a certificate or a running service. */
const ELSEWHERE: ReadonlySet<string> = new Set(
  'unused-keys certificate public-url response-headers vault-key-place database database-tls migrations backup audit-chain running unpinned-packages'.split(
    ' ',
  ),
);

test('every check has a case here or in another file, ids are unique, and nothing finds worse than it says', () => {
  const ids = checks.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !(id in cases) && !ELSEWHERE.has(id))).toEqual([]);
  for (const { id, worst } of checks) {
    const found = (cases[id] ?? []).map(([, state]) => state);
    if (worst === 'warning') expect(found).not.toContain('problem');
    else if (found.length > 1) expect([id, found]).toEqual([id, expect.arrayContaining(['problem'])]);
  }
});

test('a folder that is a file is not known, and nothing throws', async () => {
  const prepare = ({ data }: { data: string }) => mkdirSync(join(data, 'mcpo-ts.db'));
  expect((await stateOf('database', { prepare })).state).toBe('unknown');
});
