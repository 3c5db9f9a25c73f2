import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { cliFile, fixtureFile, send, startService, temporaryFolder, waitFor } from '../faults/service.mjs';
import { startProxy } from '../faults/tcp-proxy.mjs';
import { Load } from './load.mjs';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const key = randomBytes(24).toString('base64url');
const DRAIN_SECONDS = 5;
const PRE_STOP_SECONDS = 1;
/** So long without a failure after a phase, and it is over. */
const QUIET_MS = 3_000;

/** Everything that runs: the upstream, PostgreSQL behind a line that can be cut, Redis, two replicas, nginx. */
export class Fleet {
  #folder = temporaryFolder();
  #database = `mcpo_replicas_${process.pid}`;
  #closers = [];
  #replicas = [];
  #ports = [];
  #redis;
  #nginx;
  /** The command that both start with. */
  #firstCli;

  static async start({ users, firstCli = cliFile }) {
    const fleet = new Fleet();
    fleet.#firstCli = firstCli;
    try {
      await fleet.#open(users);
    } catch (error) {
      await fleet.stop();
      throw error;
    }
    return fleet;
  }

  async #open(users) {
    const server = new URL(process.env.MCPO_TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres');
    await this.#sql(server, `create database ${this.#database}`);
    this.#closers.push(() => this.#sql(server, `drop database ${this.#database} (force)`));
    this.databaseLine = await startProxy(server.hostname, Number(server.port || 5432));
    this.#closers.push(() => this.databaseLine.close());
    const database = new URL(server);
    database.host = `127.0.0.1:${this.databaseLine.port}`;
    database.pathname = `/${this.#database}`;

    this.redisPort = await freePort();
    await this.startRedis();
    this.#closers.push(() => this.stopRedis());

    const upstream = await this.#startUpstream();
    this.config = {
      mcpServers: {
        mine: {
          url: `http://127.0.0.1:${upstream}/mcp`,
          type: 'streamable-http',
          headers: { Authorization: 'Bearer ${TOKEN}' },
          userVars: { TOKEN: {} },
        },
        shared: { command: process.execPath, args: [fixtureFile('answers.js')] },
      },
    };
    this.env = {
      MCPO_API_KEY: key,
      MCPO_TRUST_USER_HEADERS: 'true',
      MCPO_TRUST_PROXY: 'loopback',
      MCPO_DATABASE_URL: database.href,
      MCPO_REDIS_URL: `redis://127.0.0.1:${this.redisPort}/0`,
      MCPO_VAULT_KEY: randomBytes(32).toString('base64'),
      MCPO_AUDIT_KEY: randomBytes(32).toString('base64'),
      MCPO_RATE_LIMIT: '1000000/1m',
      MCPO_DRAIN_SECONDS: String(DRAIN_SECONDS),
      MCPO_PRE_STOP_SECONDS: String(PRE_STOP_SECONDS),
      LOG_LEVEL: 'warn',
    };
    this.#ports = [await freePort(), await freePort()];
    // Both at once on an empty database: their migrations meet.
    await Promise.all([0, 1].map((index) => this.startReplica(index, this.#firstCli)));
    await this.#startNginx();
    this.load = new Load({ port: this.port, key, users });
    await this.load.giveValues();
  }

  /** @param {number} index */
  async startReplica(index, cli = cliFile) {
    const args = ['--port', String(this.#ports[index])];
    this.#replicas[index] = await startService({ config: this.config, env: this.env, args, cli });
  }

  /** @param {number} index @param {NodeJS.Signals} signal */
  async endReplica(index, signal) {
    this.#replicas[index].kill(signal);
    await this.#replicas[index].exited;
    await this.#replicas[index].stop();
  }

  async startRedis() {
    const flags = ['--port', String(this.redisPort), '--save', '', '--dir', this.#folder.path];
    this.#redis = spawn('redis-server', flags, { stdio: 'ignore' });
    await waitFor(() => isOpen(this.redisPort), 10_000, 'Redis to listen');
  }

  async stopRedis() {
    if (this.#redis === undefined) return;
    const exited = new Promise((resolve) => this.#redis.once('exit', resolve));
    this.#redis.kill('SIGKILL');
    this.#redis = undefined;
    await exited;
  }

  async #startUpstream() {
    const child = spawn(process.execPath, [fixtureFile('user-http.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#closers.push(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    await waitFor(() => said.includes('\n'), 10_000, 'the upstream to listen');
    return Number(/\d+/.exec(said)?.[0]);
  }

  /** The configuration of deploy/proxy, with these ports and without TLS; `out`: the replica that gets no requests. */
  #writeSite(out) {
    const [first, second] = this.#ports;
    let site = readFileSync(join(repository, 'deploy/proxy/nginx.conf'), 'utf8')
      .replace('127.0.0.1:8001', `127.0.0.1:${first}`)
      .replace('127.0.0.1:8002', `127.0.0.1:${second}`)
      .replace('listen 443 ssl http2;', `listen 127.0.0.1:${this.port};`)
      .replace(/^\s*(listen \[::\]:443 |ssl_).*$/gm, '')
      // The rates are not what is tried here.
      .replace('rate=50r/s', 'rate=10000r/s');
    if (out !== undefined) site = site.replace(`:${this.#ports[out]} `, `:${this.#ports[out]} down `);
    const { path } = this.#folder;
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${path}/${name};`,
    );
    writeFileSync(
      join(path, 'nginx.conf'),
      `daemon off; pid ${path}/pid; error_log ${path}/nginx.log;\nevents { worker_connections 4096; }\nhttp { access_log off; ${temporary.join(' ')}\n${site}\n}\n`,
    );
  }

  /** Tells nginx to leave a replica out, or none; the requests that it has already are finished. */
  async leaveOut(index) {
    this.#writeSite(index);
    this.#nginx.kill('SIGHUP');
    await delay(1_000);
  }

  async #startNginx() {
    this.port = await freePort();
    this.#writeSite();
    const log = join(this.#folder.path, 'nginx.log');
    const file = join(this.#folder.path, 'nginx.conf');
    const child = spawn('nginx', ['-e', log, '-c', file], { stdio: 'inherit' });
    this.#nginx = child;
    this.#closers.push(() => child.kill('SIGTERM'));
    const isUp = async () => (await send(this.port, 'GET', '/healthz').catch(() => undefined))?.status === 200;
    await waitFor(isUp, 10_000, 'nginx to pass requests on');
  }

  /** Runs the phase under load, and then until nothing fails any more. */
  async observe(phase, ms) {
    const seen = this.load.begin();
    await delay(1_000);
    const startedAt = performance.now();
    const from = seen.now();
    await phase.run(this, ms);
    const outageMs = performance.now() - startedAt;
    seen.beginQuiet();
    const giveUpAt = performance.now() + (phase.settleMs ?? 5_000);
    while (seen.quietMs() < QUIET_MS && performance.now() < giveUpAt) await delay(100);
    await seen.end();
    const lost = await this.load.countLostValues();
    return seen.toRow(phase, { from, outageMs, lost });
  }

  async #sql(url, statement) {
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  }

  async stop() {
    await Promise.all(this.#replicas.map((replica) => replica.stop()));
    for (const close of this.#closers.reverse()) await close();
    this.#folder.remove();
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** @param {number} port */
async function isOpen(port) {
  return (await send(port, 'GET', '/').catch((error) => error.code !== 'ECONNREFUSED')) !== false;
}
