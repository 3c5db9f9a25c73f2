import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { parse } from 'yaml';
import { repositoryFolder, runCommand, startService, temporaryFolder, test, waitFor } from '../e2e/harness.ts';
import { freePort } from '../free-port.ts';

interface ComposeService {
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: unknown;
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly secrets?: readonly { readonly source: string }[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly mem_limit?: string;
}
interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const hosts = ['chat.example.org', 'tools.example.org'] as const;
let folder = '';
const ended: (() => void)[] = [];

beforeAll(() => {
  folder = temporaryFolder();
  cpSync(join(repositoryFolder, 'deploy/compose'), folder, { recursive: true });
  run('./prepare.sh', ...hosts);
  run('./keycloak/prepare.sh', 'login.example.org');
});

afterAll(() => {
  for (const end of ended) end();
});

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function compose(...files: readonly string[]): Compose {
  return parse(run('docker-compose', ...files.flatMap((file) => ['-f', file]), 'config')) as Compose;
}

const secretFile = (name: string) => join(folder, 'secrets', name);
const secret = (name: string) => readFileSync(secretFile(name), 'utf8').trim();

test('prepare.sh makes each secret once, for its container only', () => {
  const names = readdirSync(join(folder, 'secrets'));
  const before = new Map(names.map((name) => [name, secret(name)]));
  run('./prepare.sh', ...hosts);
  run('./keycloak/prepare.sh', 'login.example.org');
  for (const name of names) {
    expect({ name, value: secret(name) }).toEqual({ name, value: before.get(name) });
    expect({ name, others: statSync(secretFile(name)).mode & 0o077 }).toEqual({ name, others: 0 });
  }
  expect(readFileSync(join(folder, '.env'), 'utf8').match(/LOGIN_HOST/g)).toHaveLength(1);
});

test('only the proxy has ports; databases are reached from the inside only', () => {
  for (const files of [['compose.yaml'], ['compose.yaml', 'compose.keycloak.yaml']]) {
    const { services, networks, secrets } = compose(...files);
    const withPorts = Object.entries(services).filter(([, { ports }]) => ports !== undefined);
    expect(withPorts.map(([name]) => name)).toEqual(['caddy']);
    for (const name of ['postgres', 'redis']) {
      for (const network of Object.keys(services[name]?.networks ?? {})) {
        expect(networks[network]).toEqual({ internal: true });
      }
    }
    expect(Object.keys(services.redis?.networks ?? {})).toEqual(['redis']);
    const inRedis = Object.entries(services).filter(([, { networks: of }]) => of && 'redis' in of);
    expect(inRedis.map(([name]) => name).sort()).toEqual(['mcpo-ts', 'redis']);
    for (const [name, service] of Object.entries(services)) {
      expect({ name, drops: service.cap_drop, hasLimit: service.mem_limit !== undefined }).toEqual({
        name,
        drops: ['ALL'],
        hasLimit: true,
      });
    }
    expect(services['mcpo-ts']?.read_only).toBe(true);
    for (const { file } of Object.values(secrets))
      expect({ file, isThere: existsSync(file) }).toEqual({ file, isThere: true });
    expect(JSON.stringify(services)).not.toContain(`${secret('mcpo_api_key').slice(0, 20)}"`);
  }
});

test('mcpo-ts starts with the variables and secrets of the compose file, and Open WebUI has a connection that works', async () => {
  const { services } = compose('compose.yaml');
  const { environment = {} } = services['mcpo-ts'] ?? {};
  const env = Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value.replace('/run/secrets', join(folder, 'secrets'))]),
  );
  const { MCPO_DATABASE_URL_FILE: database, MCPO_REDIS_URL_FILE: redis, ...others } = env;
  expect(readFileSync(database ?? '', 'utf8')).toMatch(
    /^postgres:\/\/mcpo:[0-9a-f]{64}@postgres:5432\/mcpo\?sslmode=disable\n$/,
  );
  expect(readFileSync(redis ?? '', 'utf8')).toMatch(/^redis:\/\/:[0-9a-f]{64}@redis:6379\/0\n$/);
  const service = await startService({
    servers: {
      none: { command: 'true', disabled: true },
      answers: { command: 'node', args: [join(repositoryFolder, 'test/fixtures/servers/answers.js')] },
    },
    env: { ...others, SECURITY_LOG_FILE: join(folder, 'audit.log') },
  });
  const line =
    secret('open-webui.env')
      .split('\n')
      .find((one) => one.startsWith('TOOL_SERVER_CONNECTIONS=')) ?? '';
  const [connection] = JSON.parse(line.slice(line.indexOf('=') + 1)) as { url: string; key: string; path: string }[];
  expect(connection?.url).toBe('http://mcpo-ts:8000');
  const answer = await service.request('POST', '/answers/text', {
    headers: { authorization: `Bearer ${connection?.key}`, host: 'mcpo-ts:8000', 'content-type': 'application/json' },
    body: '{}',
  });
  expect(answer.status).toBe(200);
  expect(service.stderr()).not.toContain('"level":"error"');
  expect(secret('open-webui.env')).toContain(
    `FORWARD_USER_INFO_HEADER_JWT_SECRET=${secret('openwebui_user_jwt_secret')}`,
  );
});

test('both servers files are valid', async () => {
  const plain = await runCommand(['check', '--config', join(folder, 'config/servers.json')]);
  expect(plain).toMatchObject({ code: 0 });
  const file = join(folder, 'keycloak/config/servers.json');
  const text = readFileSync(file, 'utf8');
  expect(text).toContain('"issuer": "https://login.example.org/realms/home"');
  const local = join(folder, 'servers-with-login.json');
  writeFileSync(local, text.replace('/run/secrets', join(folder, 'secrets')));
  const withLogin = await runCommand(['check', '--config', local], {
    env: { MCPO_PUBLIC_URL: 'https://tools.example.org', MCPO_API_KEY_FILE: secretFile('mcpo_api_key') },
  });
  expect(withLogin).toMatchObject({ code: 0 });
});

test('the realm knows the addresses that the service gives its providers', () => {
  const realm = JSON.parse(readFileSync(join(folder, 'keycloak/realm.json'), 'utf8')) as {
    clients: {
      clientId: string;
      redirectUris: string[];
      attributes?: Record<string, string>;
      defaultClientScopes: string[];
    }[];
    groups: { name: string }[];
  };
  const client = realm.clients.find(({ clientId }) => clientId === 'mcpo-ts');
  expect(client?.redirectUris).toEqual(['https://${TOOLS_HOST}/vault/log-in/callback']);
  expect(client?.attributes?.['backchannel.logout.url']).toBe('https://${TOOLS_HOST}/vault/log-in/back-channel');
  for (const one of realm.clients) expect(one.defaultClientScopes).toContain('mcpo-ts');
  expect(readFileSync(join(folder, 'keycloak/servers.json'), 'utf8')).toContain(realm.groups[0]?.name ?? 'no group');
});

test('Redis asks for the password of the secret', async () => {
  const port = await freePort();
  const server = spawn('redis-server', [secretFile('redis_conf'), '--port', String(port), '--dir', folder], {
    stdio: 'ignore',
  });
  ended.push(() => server.kill('SIGKILL'));
  const cli = (...args: readonly string[]) =>
    execFileSync('redis-cli', ['-p', String(port), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  await waitFor(() => {
    try {
      return cli('ping').includes('NOAUTH');
    } catch {
      return false;
    }
  });
  expect(cli('--no-auth-warning', '-a', secret('redis_password'), 'ping')).toBe('PONG\n');
});

test('each service has a database of its own, which no other may open', () => {
  const script = readFileSync(join(folder, 'postgres/databases.sh'), 'utf8');
  const file = join(folder, 'databases-here.sh');
  // The names are this test's own, because the server is shared.
  const suffix = `_${process.pid}`;
  writeFileSync(
    file,
    script
      .replaceAll('/run/secrets', join(folder, 'secrets'))
      .replaceAll('role $name', `role \${name}${suffix}`)
      .replaceAll('database $name owner $name', `database \${name}${suffix} owner \${name}${suffix}`)
      .replaceAll('on database $name from', `on database \${name}${suffix} from`),
  );
  const env = { ...process.env, PGHOST: '127.0.0.1', PGDATABASE: 'postgres' };
  const psql = (database: string, user: string, sql: string) =>
    execFileSync('psql', ['-qtA', '-h', '127.0.0.1', '-U', user, '-d', database, '-c', sql], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  try {
    execFileSync('sh', [file], { env, stdio: 'pipe' });
    expect(psql(`mcpo${suffix}`, `mcpo${suffix}`, 'create table t (a int); select 1')).toBe('1');
    expect(() => psql(`open_webui${suffix}`, `mcpo${suffix}`, 'select 1')).toThrow(/permission denied/);
  } finally {
    for (const name of ['mcpo', 'open_webui']) {
      psql('postgres', 'postgres', `drop database if exists ${name}${suffix}`);
      psql('postgres', 'postgres', `drop role if exists ${name}${suffix}`);
    }
  }
});

test('through Caddy calls pass with the address of their caller, and metrics do not', async () => {
  const service = await startService({
    servers: { answers: { command: 'node', args: [join(repositoryFolder, 'test/fixtures/servers/answers.js')] } },
    env: {
      MCPO_API_KEY_FILE: secretFile('mcpo_api_key'),
      MCPO_TRUST_PROXY: 'loopback',
      SECURITY_LOG_FILE: join(folder, 'caddy-audit.log'),
    },
  });
  const port = await freePort();
  const text = readFileSync(join(folder, 'Caddyfile'), 'utf8').replace('mcpo-ts:8000', `127.0.0.1:${service.port}`);
  const file = join(folder, 'Caddyfile-here');
  writeFileSync(file, `{\n\tadmin off\n}\n${text}`);
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    CHAT_HOST: 'http://chat.example.org:1',
    TOOLS_HOST: `http://127.0.0.1:${port}`,
  };
  execFileSync('caddy', ['validate', '--config', file, '--adapter', 'caddyfile'], { env, stdio: 'pipe' });
  const login = { ...env, LOGIN_HOST: 'http://login.example.org:2' };
  execFileSync('caddy', ['validate', '--config', join(folder, 'keycloak/Caddyfile'), '--adapter', 'caddyfile'], {
    env: login,
    stdio: 'pipe',
  });
  const allowed = { ...env, CHAT_HOST: `http://127.0.0.2:${await freePort()}` };
  const caddy = spawn('caddy', ['run', '--config', file, '--adapter', 'caddyfile'], { env: allowed, stdio: 'ignore' });
  ended.push(() => caddy.kill('SIGKILL'));
  const base = `http://127.0.0.1:${port}`;
  await waitFor(async () => (await fetch(`${base}/healthz`).catch(() => undefined))?.status === 200);
  const called = await fetch(`${base}/answers/text`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${secret('mcpo_api_key')}`,
      'content-type': 'application/json',
      'x-forwarded-for': '203.0.113.9',
    },
    body: '{}',
  });
  expect(called.status).toBe(200);
  expect(
    (await fetch(`${base}/metrics`, { headers: { authorization: `Bearer ${secret('mcpo_api_key')}` } })).status,
  ).toBe(404);
  // Caddy believes no client's X-Forwarded-For by itself.
  await waitFor(() => readFileSync(join(folder, 'caddy-audit.log'), 'utf8').includes('"call"'));
  expect(readFileSync(join(folder, 'caddy-audit.log'), 'utf8')).not.toContain('203.0.113.9');
});
