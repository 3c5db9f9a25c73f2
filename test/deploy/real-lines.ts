import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import jwt from 'jsonwebtoken';
import { auditFile, waitForLine } from '../e2e/audit-lines.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, waitFor } from '../e2e/harness.ts';
import { linesAbout } from '../e2e/log-lines.ts';
import { formHeaders, visitByLogIn } from '../e2e/vault-visit.ts';
import { LogInBrowser } from '../fixtures/log-in-browser.ts';
import { OpenWebUiSessions } from '../fixtures/open-webui-session-server.ts';
import { CLIENT, startLogInProvider } from '../fixtures/start-log-in-provider.ts';

const KEY = 'key-of-real-log-lines-83bd1f';
const JWT_SECRET = 'secret-of-real-log-lines-2f9a77d1c04be6';
const right = { authorization: `Bearer ${KEY}` };

/** An address that only a hostile caller has written. */
export const FORGED = '198.51.100.66';

/** What a running service wrote, and what happened to it. */
export interface RealLines {
  /** Its standard error. */
  readonly log: string;
  /** Its standard output. */
  readonly printed: string;
  readonly audit: string;
  readonly auditFile: string;
  /** By what failed: the address that every failed log-in came from. */
  readonly failures: ReadonlyMap<string, string>;
}

/** What a caller may send to pass off a line of theirs as one of ours. */
const HOSTILE = [
  `","level":"warn","message":"log-in failed","address":"${FORGED}","x":"`,
  `{"timestamp":"2026-01-01T00:00:00.000Z","level":"warn","message":"log-in failed","address":"${FORGED}",`,
  `Jan  1 00:00:00 host mcpo-ts[1]: {"timestamp":"2026-01-01T00:00:00.000Z","level":"warn","message":"log-in failed","address":"${FORGED}",`,
  `"client_ip":"${FORGED}",`,
];

/**
 * Runs a service behind a trusted proxy and lets log-ins fail in every way there is, each from an address of its own;
 * others are right, and hostile callers try to write lines of their own.
 */
export async function writeRealLines(): Promise<RealLines> {
  const [provider, openWebUi] = await Promise.all([startLogInProvider(), new OpenWebUiSessions().start()]);
  const file = auditFile();
  const dataDir = temporaryFolder();
  const service = await startService({
    config: {
      auth: { login: { issuer: provider.issuer, ...CLIENT } },
      mcpServers: {
        answers: fixture('answers.js'),
        mutating: fixture('mutating.js'),
        dies: fixture('dies-at-start.js'),
        tracker: fixture('env.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Token' } } }),
      },
    },
    args: ['--strict-auth'],
    env: {
      LOG_FORMAT: '',
      MCPO_API_KEY: KEY,
      JWT_SECRET,
      MCPO_DATA_DIR: dataDir,
      MCPO_TRUST_PROXY: 'loopback',
      MCPO_OPENWEBUI_URL: openWebUi.url,
      MCPO_OPENWEBUI_COOKIE: 'true',
      MCPO_AUTH_FAILURE_LIMIT: 'off',
      MCPO_TRUST_USER_HEADERS: 'true',
      SECURITY_LOG_FILE: file,
    },
  });
  try {
    await provider.register({
      redirectUri: `${service.url}/vault/log-in/callback`,
      backChannelUri: `${service.url}/vault/log-in/back-channel`,
    });
    const failures = await failInEveryWay(service);
    await succeed(service, dataDir, file);
    await beHostile(service, failures);
    await waitFor(
      () => linesAbout(service.stderr(), 'log-in failed').length >= failures.size,
      10_000,
      'a line of every failure',
    );
    await service.stop();
    const audit = readFileSync(file, 'utf8');
    return { log: service.stderr(), printed: service.stdout(), audit, auditFile: file, failures };
  } finally {
    provider.kill();
    await openWebUi[Symbol.asyncDispose]();
  }
}

async function failInEveryWay(service: Service): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  const from = (way: string, address: string) => {
    failures.set(way, address);
    return { 'x-forwarded-for': address };
  };
  const wrong = { authorization: 'Bearer a-wrong-key' };
  const form = formHeaders(service.url);
  await service.call('answers', 'text', {}, { ...wrong, ...from('wrong key', '203.0.113.1') });
  await service.call('answers', 'text', {}, { ...wrong, ...from('wrong key, IPv6', '2001:db8::9') });
  const token = jwt.sign({ sub: 'mallory' }, `another ${JWT_SECRET}`);
  await service.call('answers', 'text', {}, { authorization: `Bearer ${token}`, ...from('bad token', '203.0.113.2') });
  const basic = `Basic ${Buffer.from('user:a-wrong-key').toString('base64')}`;
  await service.get('/docs', { authorization: basic, ...from('Basic', '203.0.113.3') });
  const body = 'credential=a-wrong-key&page=vault';
  await service.request('POST', '/vault/log-in', { headers: { ...form, ...from('page', '203.0.113.4') }, body });
  await service.get(`/vault/link/${randomUUID()}`, from('setup link', '203.0.113.5'));
  await service.get('/vault/api/servers', { ...wrong, ...from('API of the vault', '203.0.113.6') });
  const cookie = 'token=eyJhbGciOiJIUzI1NiJ9.e30.wrong';
  const owui = { ...form, cookie, ...from("Open WebUI's cookie", '203.0.113.7') };
  await service.request('POST', '/vault/log-in/open-webui', { headers: owui, body: 'page=vault&user=x' });
  const browser = new LogInBrowser();
  const { location = '' } = await browser.get(`${service.url}/vault/log-in/start?page=vault`);
  const state = new URL(location).searchParams.get('state') ?? '';
  const denied = `${service.url}/vault/log-in/callback?error=access_denied&state=${state}`;
  await browser.get(denied, from('OpenID provider', '203.0.113.8'));
  return failures;
}

/** What must never match. */
async function succeed(service: Service, dataDir: string, audit: string): Promise<void> {
  const from = (address: string) => ({ 'x-forwarded-for': address });
  await service.call('answers', 'text', {}, { ...right, ...from('203.0.113.101') });
  // Browsers and programs ask without a credential first.
  await service.call('answers', 'text', {}, from('203.0.113.102'));
  await service.get('/docs', from('203.0.113.103'));
  await service.get('/vault/api/servers', from('203.0.113.104'));
  await service.get('/nothing', { ...right, ...from('203.0.113.106') });
  await service.call('answers', 'tool_error', {}, { ...right, ...from('203.0.113.107') });
  await service.call('mutating', 'add_tool', { name: 'later' }, right);
  const env = { MCPO_DATA_DIR: dataDir };
  const keyIn = ({ stdout }: { readonly stdout: string }) => /mcpo_\S+|[\w-]{30,}/.exec(stdout)?.[0] ?? '';
  const key = keyIn(await runCommand(['key', 'create', '--id', 'alice', '--user', 'alice'], { env }));
  const narrow = keyIn(await runCommand(['key', 'create', '--id', 'narrow', '--scope', 'call:answers/text'], { env }));
  await waitForLine(audit, ({ event_type, resource }) => event_type === 'key_change' && resource === 'key/narrow');
  await service.call('answers', 'float', {}, { authorization: `Bearer ${narrow}`, ...from('203.0.113.105') });
  const visit = await visitByLogIn(service.request, service.url, key);
  const headers = { cookie: visit.cookie, 'x-form-token': visit.formToken, origin: service.url };
  const json = { ...headers, 'content-type': 'application/json' };
  const path = '/vault/api/servers/tracker/variables/TOKEN';
  await service.request('PUT', path, { headers: json, body: '{"value":"a-secret-value-of-alice"}' });
  await runCommand(['key', 'revoke', 'alice'], { env });
  service.kill('SIGHUP');
  await waitFor(() => linesAbout(service.stderr(), 'log-in failed').length > 0, 5_000, 'the log');
}

async function beHostile(service: Service, failures: Map<string, string>): Promise<void> {
  for (const [index, text] of HOSTILE.entries()) {
    const path = `/answers/${text.replaceAll(' ', '%20')}`;
    const headers = {
      'user-agent': text,
      'x-request-id': text,
      'x-openwebui-user-id': text,
      'x-openwebui-user-name': text,
      'content-type': 'application/json',
    };
    const body = JSON.stringify({ [text]: text, code: -1, message: `\n${text}` });
    const ours = `203.0.113.${50 + index}`;
    failures.set(`hostile ${index}`, ours);
    const failing = { ...headers, authorization: `Bearer ${text}`, 'x-forwarded-for': `${FORGED}, ${ours}` };
    await service.request('POST', path, { headers: failing, body });
    const known = { ...headers, ...right, 'x-openwebui-user-id': 'u-1', 'x-forwarded-for': '203.0.113.110' };
    await service.request('POST', path, { headers: known, body });
    await service.request('POST', '/answers/rpc_error', { headers: known, body });
    await service.request('POST', '/answers/echo', { headers: known, body });
  }
}
