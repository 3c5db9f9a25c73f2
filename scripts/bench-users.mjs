// Times what a session per user costs: warm calls on a user's own session beside those on a shared one, over the same
// servers, and the memory of sessions that wait. Build first, or name a build with DIST.
// node scripts/bench-users.mjs [milliseconds each=1000] [rounds=5] [sessions=500]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { distFolder, fixturePath } from './replay-service.mjs';

const sliceMs = Number(process.argv[2] ?? 1_000);
const rounds = Number(process.argv[3] ?? 5);
const sessions = Number(process.argv[4] ?? 500);
const FEW = 50;
const CONNECTIONS = 32;
const SETTLED_MIB = 0.5;
const SETTLED_MS = 5_000;
const API_KEY = 'key-of-the-bench-of-users';

const upstream = spawn(process.execPath, [fixturePath('servers/user-http.js')], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const upstreamUrl = await new Promise((resolve) => {
  upstream.stdout.once('data', (said) => resolve(`http://127.0.0.1:${/port (\d+)/.exec(said)[1]}/mcp`));
});
const folder = mkdtempSync(join(tmpdir(), 'bench-users-'));
try {
  await measureCalls();
  await measureMemory();
} finally {
  upstream.kill();
  rmSync(folder, { recursive: true });
}

async function measureCalls() {
  const stdio = { command: process.execPath, args: [fixturePath('servers/whoami.js')] };
  const http = { type: 'streamable-http', url: upstreamUrl };
  const service = await start({
    'stdio-shared': { ...stdio, env: { TOKEN: 'of all' } },
    'stdio-user': { ...stdio, env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: {} } },
    'http-shared': { ...http, headers: { Authorization: 'Bearer of all' } },
    'http-user': { ...http, headers: { Authorization: 'Bearer ${TOKEN}' }, userVars: { TOKEN: {} } },
  });
  try {
    const tools = { stdio: 'whoami', http: 'show' };
    for (const kind of ['stdio', 'http']) await service.save('ann', `${kind}-user`, 'of ann');
    console.log(`medians of ${rounds} rounds in turns`);
    for (const [kind, tool] of Object.entries(tools)) {
      const rows = await compare(service, kind, tool);
      for (const [name, { shared, user, unit, digits }] of Object.entries(rows)) {
        const numbers = `shared ${shared.toFixed(digits).padStart(7)}   user ${user.toFixed(digits).padStart(7)} ${unit}`;
        console.log(`  ${kind.padEnd(5)} ${name.padEnd(26)} ${numbers.padEnd(40)} ${(user / shared).toFixed(2)} ×`);
      }
    }
  } finally {
    await service.stop();
  }
}

async function compare(service, kind, tool) {
  const samples = { shared: [], user: [] };
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const turns = round % 2 === 0 ? ['shared', 'user'] : ['user', 'shared'];
    for (const who of turns) {
      const call = () => service.call('ann', `${kind}-${who}`, tool);
      const one = await drive(call, 1);
      const many = await drive(call, CONNECTIONS);
      if (round > 0)
        samples[who].push({ median: at(one, 0.5), p95: at(one, 0.95), rate: many.length / (sliceMs / 1_000) });
    }
  }
  const row = (key, unit, digits) => {
    const of = (who) =>
      at(
        samples[who].map((sample) => sample[key]),
        0.5,
      );
    return { shared: of('shared'), user: of('user'), unit, digits };
  };
  return {
    'median, 1 connection': row('median', 'ms', 3),
    'p95, 1 connection': row('p95', 'ms', 3),
    [`calls, ${CONNECTIONS} connections`]: row('rate', '/s', 0),
  };
}

/** Milliseconds of each call that so many loops made in their time. */
async function drive(call, loops) {
  const times = [];
  const end = performance.now() + sliceMs;
  await Promise.all(
    Array.from({ length: loops }, async () => {
      for (let begun = performance.now(); begun < end; begun = performance.now()) {
        await call();
        times.push(performance.now() - begun);
      }
    }),
  );
  return times;
}

async function measureMemory() {
  const headers = { Authorization: 'Bearer ${TOKEN}' };
  const service = await start(
    { remote: { type: 'streamable-http', url: upstreamUrl, headers, userVars: { TOKEN: {} }, maxSessions: 10_000 } },
    { MCPO_MAX_SESSIONS: '10000' },
  );
  try {
    const started = await service.settledMib();
    const users = Array.from({ length: FEW + sessions }, (_, index) => `user-${index}`);
    await inTurn(users, (user) => service.save(user, 'remote', `token-of-${user}`));
    await inTurn(users.slice(0, FEW), (user) => service.call(user, 'remote', 'show'));
    const before = await service.settledMib();
    await inTurn(users.slice(FEW), (user) => service.call(user, 'remote', 'show'));
    const after = await service.settledMib();
    const each100 = ((after - before) / sessions) * 100;
    console.log('resident memory with idle HTTP sessions of users');
    console.log(`      0 sessions ${started.toFixed(1).padStart(7)} MiB, nobody having set anything`);
    console.log(`  ${String(FEW).padStart(5)} sessions ${before.toFixed(1).padStart(7)} MiB`);
    console.log(`  ${String(FEW + sessions).padStart(5)} sessions ${after.toFixed(1).padStart(7)} MiB`);
    console.log(
      `  each 100 more  ${each100.toFixed(1).padStart(6)} MiB, so ${(each100 * 10).toFixed(0)} MiB for 1,000`,
    );
  } finally {
    await service.stop();
  }
}

/** Four at a time, so that it takes no great pile of memory itself. */
async function inTurn(items, use) {
  const queue = [...items];
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await use(item);
  };
  await Promise.all([1, 2, 3, 4].map(work));
}

async function start(mcpServers, more = {}) {
  const data = mkdtempSync(join(folder, 'data-'));
  const config = join(data, 'servers.json');
  writeFileSync(config, JSON.stringify({ mcpServers }));
  const env = {
    PATH: process.env.PATH,
    HOME: data,
    MCPO_API_KEY: API_KEY,
    MCPO_TRUST_USER_HEADERS: 'true',
    MCPO_DATA_DIR: join(data, 'data'),
    MCPO_RATE_LIMIT: 'off',
    LOG_LEVEL: 'warn',
    ...more,
  };
  const args = [join(distFolder, 'cli.js'), '--config', config, '--port', '0'];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const port = await new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('The service ended.')));
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const found = /Listening on [^\s:]+:\/\/[^\s:]+:(\d+)/.exec(said);
      if (found !== null) resolve(found[1]);
    });
  });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const send = (method, path, user, body) =>
    new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${API_KEY}`,
        'x-openwebui-user-id': user,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      };
      const outgoing = request({ host: '127.0.0.1', port, method, path, agent, headers }, (incoming) => {
        incoming.resume();
        incoming.once('end', () => {
          const { statusCode } = incoming;
          if (statusCode === 200 || statusCode === 204) resolve();
          else reject(new Error(`${method} ${path} answered ${statusCode}.`));
        });
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  return {
    call: (user, server, tool) => send('POST', `/${server}/${tool}`, user, '{}'),
    save: (user, server, value) =>
      send('PUT', `/vault/api/servers/${server}/variables/TOKEN`, user, JSON.stringify({ value })),
    /** Resident memory once it stays as it is. */
    settledMib: async () => {
      let settled = residentMib(child.pid);
      for (let since = performance.now(); performance.now() - since < SETTLED_MS; ) {
        await new Promise((resolve) => setTimeout(resolve, 250));
        const now = residentMib(child.pid);
        if (Math.abs(now - settled) < SETTLED_MIB) continue;
        settled = now;
        since = performance.now();
      }
      return settled;
    },
    stop: () =>
      new Promise((resolve) => {
        agent.destroy();
        child.removeAllListeners('exit');
        child.once('exit', resolve);
        child.kill();
      }),
  };
}

function residentMib(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

function at(values, part) {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)];
}
