// Times a start: port open, every server ready, resident memory; beside as many SDK clients connected in parallel.
// node scripts/bench-start.mjs [servers=20] [runs=5]; build first.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const count = Number(process.argv[2] ?? 20);
const runs = Number(process.argv[3] ?? 5);
const fixture = 'test/fixtures/servers/answers.js';
const folder = mkdtempSync(join(tmpdir(), 'bench-start-'));
const config = join(folder, 'servers.json');
const servers = Array.from({ length: count }, (_, i) => [`s${i}`, { command: 'node', args: [fixture] }]);
writeFileSync(config, JSON.stringify({ mcpServers: Object.fromEntries(servers) }));

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function startService() {
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const url = `http://127.0.0.1:${port}`;
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['dist/cli.js', '--config', config, '--port', String(port)], {
    stdio: 'ignore',
  });
  // Asked seldom, since the asking takes processor time from the start.
  const when = async (check, everyMs) => {
    for (;;) {
      if (await check().catch(() => false)) return performance.now() - startedAt;
      await pause(everyMs);
    }
  };
  const openMs = await when(async () => (await fetch(`${url}/healthz`)).ok, 20);
  const readyMs = await when(async () => {
    const { servers } = await (await fetch(`${url}/readyz`)).json();
    return Object.values(servers).every(({ state }) => state === 'ready');
  }, 100);
  await pause(2_000);
  const residentMib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const stoppingAt = performance.now();
  child.kill('SIGTERM');
  await exited;
  return { openMs, readyMs, residentMib, stopMs: performance.now() - stoppingAt };
}

/** In a process of its own, so that loading the SDK counts for both. */
async function connectClients() {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [process.argv[1], 'clients', String(count)], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('exit', resolve));
  return performance.now() - startedAt;
}

if (process.argv[2] === 'clients') {
  const clients = await Promise.all(
    Array.from({ length: Number(process.argv[3]) }, async () => {
      const client = new Client({ name: 'bench', version: '1' });
      await client.connect(new StdioClientTransport({ command: 'node', args: [fixture], stderr: 'ignore' }));
      await client.listTools();
      return client;
    }),
  );
  if (clients.length > 0) process.kill(process.pid, 'SIGKILL');
}

const services = [];
const clients = [];
for (let run = 0; run < runs; run++) {
  services.push(await startService());
  clients.push(await connectClients());
}
rmSync(folder, { recursive: true });
const of = (key) => median(services.map((service) => service[key]));
const clientsMs = median(clients);
console.log(`${count} servers, medians of ${runs} runs`);
console.log(`port open and answering   ${of('openMs').toFixed(0)} ms`);
console.log(`all servers ready         ${of('readyMs').toFixed(0)} ms`);
console.log(
  `${count} SDK clients connected  ${clientsMs.toFixed(0)} ms, ratio ${(of('readyMs') / clientsMs).toFixed(2)}`,
);
console.log(`resident memory           ${of('residentMib').toFixed(0)} MiB`);
console.log(`SIGTERM to exit           ${of('stopMs').toFixed(0)} ms`);
