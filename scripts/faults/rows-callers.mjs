// The rows of the fault table about callers who overdo it, leave, or come at the wrong moment.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { Agent, createServer, request as startRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fixture, waitFor } from './service.mjs';
import { worker } from './workers.mjs';

/** @typedef {import('./run.mjs').Run} Run */

const KEY = 'key-of-the-fault-table-0123456789';
const MiB = 1024 * 1024;

/** @param {string} user */
const as = (user) => ({ headers: { authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': user } });

/** @param {Run} run */
async function hangingCalls(run) {
  const maxConcurrency = 8;
  const service = await run.service({
    config: { mcpServers: { w: worker(run, [], { maxConcurrency }) } },
    env: { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true' },
  });
  await service.call('w', 'echo', {}, as('bob'));
  await run.warm(service);
  const agent = new Agent();
  const hanging = Array.from({ length: 4 * maxConcurrency }, () =>
    service.call('w', 'slow', { ms: 60_000 }, { ...as('ann'), agent }).catch(() => undefined),
  );
  const share = maxConcurrency - maxConcurrency / 4;
  const begunOfAll = run.notes().filter(({ what }) => what === 'began').length;
  await run.begun(begunOfAll + share);
  run.times = run.options.times ?? 20;
  for (let index = 0; index < run.times; index += 1) run.judge(await service.call('w', 'echo', {}, as('bob')));
  agent.destroy();
  await Promise.all(hanging);
  const leftAt = performance.now();
  await waitFor(
    async () => (await service.call('w', 'echo', {}, as('ann'))).status === 200,
    5_000,
    'room for her again',
  );
  run.recoveriesMs.push(performance.now() - leftAt);
}

/** @param {Run} run */
async function compressedBodies(run) {
  const service = await run.service({ config: { mcpServers: { w: worker(run) } }, env: { MCPO_API_KEY: KEY } });
  await run.warm(service);
  const bodies = [`[${'1,'.repeat(4 * MiB)}1]`, 'x'.repeat(200 * MiB), '['.repeat(4 * MiB)].map((text) =>
    gzipSync(text),
  );
  const before = peakMiB(service.pid);
  const sent = Array.from({ length: 30 }, (_, n) =>
    postGzip(service.port, bodies[n % bodies.length] ?? Buffer.alloc(0)),
  );
  const health = await Promise.all(Array.from({ length: 10 }, () => service.get('/healthz')));
  run.check(
    health.every(({ status }) => status === 200),
    '/healthz did not answer meanwhile',
  );
  for (const status of await Promise.all(sent)) {
    run.times += 1;
    run.check([413, 422, 503].includes(status), `a body that is too much got ${status}`);
  }
  const grown = peakMiB(service.pid) - before;
  run.check(grown < 400, `the service took ${Math.round(grown)} MiB more`);
  run.judge(await service.call('w', 'echo', {}, { headers: { authorization: `Bearer ${KEY}` } }));
}

/** @param {number} port @param {Buffer} body @returns {Promise<number>} */
function postGzip(port, body) {
  const headers = {
    authorization: `Bearer ${KEY}`,
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    'content-length': body.length,
  };
  return new Promise((resolve, reject) => {
    const outgoing = startRequest({ port, host: '127.0.0.1', method: 'POST', path: '/w/echo', agent: false, headers });
    outgoing.on('error', reject);
    outgoing.on('response', (answer) => answer.resume().on('end', () => resolve(answer.statusCode ?? 0)));
    outgoing.end(body);
  });
}

/** The most memory that a process has had (proc(5), VmHWM). @param {number} pid */
function peakMiB(pid) {
  if (!existsSync(`/proc/${pid}/status`)) return 0;
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** @param {Run} run */
async function leavesDuringAuthentication(run) {
  /** @type {import('node:http').ServerResponse[]} */
  const waiting = [];
  const directory = createServer((_request, response) => void waiting.push(response)).listen(0, '127.0.0.1');
  run.cleanUp(() => directory.closeAllConnections());
  run.cleanUp(() => directory.close());
  await once(directory, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (directory.address());
  const service = await run.service({
    config: { mcpServers: { w: worker(run) } },
    env: { MCPO_OPENWEBUI_URL: `http://127.0.0.1:${port}` },
  });
  run.see(service);
  run.times = run.options.times ?? 5;
  for (let index = 1; index <= run.times; index += 1) {
    const socket = connect(service.port, '127.0.0.1');
    const head = `POST /w/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-of-caller-${index}\r\n`;
    socket.write(`${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
    await waitFor(() => waiting.length === index, 5_000, 'the question who calls');
    socket.destroy();
  }
  for (let round = 0; round < 2; round += 1) await service.get('/healthz');
  for (const response of waiting) response.writeHead(200).end('{"id":"ada","role":"user","name":"Ada"}');
  for (let round = 0; round < 2; round += 1) await service.get('/healthz');
  run.check(run.notes().length === 0, 'the call of a caller who had left was run');
  const askedAt = performance.now();
  service.kill('SIGTERM');
  const { code } = await service.exited;
  run.recoveriesMs.push(performance.now() - askedAt);
  run.check(code === 0, `exit code ${code}`);
  run.check(!service.stderr().includes('drain time'), 'the drain waited for a call that nobody waits for');
}

/** @param {Run} run */
async function announcements(run) {
  const listsFile = join(run.folder, 'lists');
  const lists = () => (existsSync(listsFile) ? readFileSync(listsFile, 'utf8').trim().split('\n').length : 0);
  const one = fixture('announcing.js', [], { env: { LISTS_FILE: listsFile } });
  const service = await run.service({ config: { mcpServers: { one, w: worker(run) } } });
  await run.warm(service);
  const before = lists();
  await service.call('one', 'flood', { times: 1_000 });
  run.times = 1_000;
  for (let index = 0; index < 20; index += 1) run.judge(await service.call('w', 'echo'));
  await waitFor(() => lists() > before, 5_000, 'the list to be read again');
  run.check(lists() - before < 20, `the list was read ${lists() - before} times`);
}

export const callerRows = [
  { name: 'calls of one user that hang', expected: 'other users are answered', run: hangingCalls },
  {
    name: '30 small bodies of 200 MB',
    expected: '413, 422 or 503; memory bounded; others answered',
    run: compressedBodies,
  },
  {
    name: 'caller leaves while it is asked who they are',
    expected: 'no call; the end waits for nothing',
    run: leavesDuringAuthentication,
  },
  { name: '1,000 announcements of a new list', expected: 'a handful of lists; others unaffected', run: announcements },
];
