// Times what a morning costs: so many users call a server of their own sessions in the same moment, each for the first
// time, then once more. Prints when answers came, and the memory of the processes. Build first.
// node scripts/bench-sessions.mjs [--users 60] [--kind node|python|http|shared] [--work-ms 0] [--env NAME=VALUE]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { allDescendantsOf } from './faults/process-table.mjs';
import { fixtureFile, send, startService, startUpstream } from './faults/service.mjs';
import { quantile } from './faults/table.mjs';

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '60' },
    kind: { type: 'string', default: 'node' },
    'work-ms': { type: 'string', default: '0' },
    python: { type: 'string', default: 'python3' },
    env: { type: 'string', multiple: true, default: [] },
  },
});
const users = Number(values.users);
const workMs = Number(values['work-ms']);
const API_KEY = 'd41f0a2bb7c84e6f93c5';

const upstream = await startUpstream('fault-http.js');
const env = { USER_ID: '${user.id}' };
const worker = fixtureFile('fault-worker.js');
const kinds = {
  node: { command: process.execPath, args: [worker, 'server=own'], env },
  python: { command: values.python, args: [fixtureFile('own-session.py')], env },
  http: { type: 'streamable-http', url: `${upstream.url}/mcp`, headers: { 'x-user': '${user.id}' } },
  shared: { command: process.execPath, args: [worker, 'server=own'] },
};
const service = await startService({
  config: { mcpServers: { own: kinds[values.kind] } },
  env: {
    MCPO_API_KEY: API_KEY,
    MCPO_TRUST_USER_HEADERS: 'true',
    LOG_LEVEL: 'error',
    ...Object.fromEntries(values.env.map((one) => one.split('='))),
  },
});
try {
  const before = readMemory();
  report('first', await wave());
  const after = readMemory();
  report('again', await wave());
  const grown = (name) => (after[name] - before[name]) / users;
  console.log(
    `  memory: service ${mib(after.service)} MiB (${mib(before.service)} before); children ${after.count}: ` +
      `${mib(after.children)} MiB resident, ${mib(after.own)} MiB of their own; ` +
      `a user: ${mib(grown('own'))} MiB in children, ${Math.round(grown('service') / 1024)} KiB in the service`,
  );
} finally {
  await service.stop();
  await upstream.stop();
}

/** One call of each user at once. */
async function wave() {
  const startedAt = performance.now();
  const calls = Array.from({ length: users }, async (_, index) => {
    const headers = { authorization: `Bearer ${API_KEY}`, 'x-openwebui-user-id': `user${index}` };
    const [tool, body] = workMs > 0 ? ['slow', { ms: workMs, token: `t${index}` }] : ['echo', { token: `t${index}` }];
    const answer = await send(service.port, 'POST', `/own/${tool}`, { headers, body });
    return { status: answer.status, text: answer.text, ms: performance.now() - startedAt };
  });
  return Promise.all(calls);
}

function report(name, answers) {
  const statuses = new Map();
  for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const times = answers.map(({ ms }) => ms);
  const at = [0, 0.5, 0.95, 1].map((part) =>
    ((part === 0 ? Math.min(...times) : quantile(times, part)) / 1_000).toFixed(2),
  );
  console.log(
    `  ${name}: ${[...statuses].map(([status, count]) => `${count} × ${status}`).join(', ')}; first, median, 95 %, last after ${at.join(', ')} s`,
  );
  const failed = answers.find(({ status }) => status !== 200);
  if (failed !== undefined) console.log(`    ${failed.text.slice(0, 200)}`);
}

function readMemory() {
  const children = allDescendantsOf(service.pid).filter(({ command }) => !command.includes('mcpo-ts-watchdog'));
  const sum = (field) => children.reduce((bytes, { pid }) => bytes + readField(pid, field), 0);
  return {
    service: readField(service.pid, 'VmRSS'),
    count: children.length,
    children: sum('VmRSS'),
    own: sum('RssAnon'),
  };
}

function readField(pid, field) {
  try {
    const found = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(found?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function mib(bytes) {
  return (bytes / 1024 / 1024).toFixed(bytes < 10 * 1024 * 1024 ? 1 : 0);
}
