import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request as startRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The built command, unless another copy of it is named. */
export const cliFile = process.env.CLI_UNDER_TEST ?? join(repository, 'dist/cli.js');

/** @typedef {{ status: number, headers: import('node:http').IncomingHttpHeaders, text: string, ms: number }} Answer */
/** @typedef {Awaited<ReturnType<typeof startService>>} Service */

/**
 * A configured server whose program is one of test/fixtures/servers.
 * @param {string} program
 * @param {readonly string[]} [args]
 * @param {object} [more]
 */
export function fixture(program, args = [], more = {}) {
  return { command: process.execPath, args: [fixtureFile(program), ...args], ...more };
}

/** @param {string} program */
export function fixtureFile(program) {
  return join(repository, 'test/fixtures/servers', program);
}

/**
 * Polls until `condition` gives something other than `undefined` or `false`.
 * @template T
 * @param {() => T | Promise<T>} condition
 * @param {number} timeoutMs
 * @param {string} what
 * @returns {Promise<NonNullable<T>>}
 */
export async function waitFor(condition, timeoutMs, what) {
  for (const giveUpAt = performance.now() + timeoutMs; ; await delay(10)) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false) return value;
    if (performance.now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
  }
}

export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'mcpo-ts-faults-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/**
 * One request on a connection of its own; rejects when the connection breaks.
 * @param {number} port
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, headers?: Record<string, string>, agent?: import('node:http').Agent }} [options]
 * @returns {Promise<Answer>}
 */
export function send(port, method, path, { body, headers = {}, agent } = {}) {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = startRequest(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: agent ?? false,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      },
      (incoming) => {
        const chunks = [];
        incoming.on('data', (chunk) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text,
            ms: performance.now() - startedAt,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/**
 * Starts the command on a free port with a data folder of its own and waits until no server is starting any more.
 * @param {{
 *   config: object, args?: readonly string[], nodeArgs?: readonly string[], env?: Record<string, string>,
 *   waitForReady?: boolean, ownGroup?: boolean, cli?: string
 * }} options
 */
export async function startService({
  config,
  args = [],
  nodeArgs = [],
  env = {},
  waitForReady = true,
  ownGroup = false,
  cli = cliFile,
}) {
  const folder = temporaryFolder();
  const configFile = join(folder.path, 'servers.json');
  writeFileSync(configFile, JSON.stringify(config));
  const dataDir = join(folder.path, 'data');
  const child = spawn(process.execPath, [...nodeArgs, cli, '--config', configFile, '--port', '0', ...args], {
    cwd: folder.path,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: folder.path,
      LOG_FORMAT: 'json',
      MCPO_DATA_DIR: dataDir,
      MCPO_RATE_LIMIT: 'off',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: ownGroup,
  });
  let stdout = '';
  let stderr = '';
  let exit;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    // What a run of minutes says need not be kept whole.
    stderr = (stderr + text).slice(-4_000_000);
  });
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
  });
  const fail = (error) => {
    child.kill('SIGKILL');
    folder.remove();
    throw new Error(`${error.message}\n${stderr.slice(-2_000)}`);
  };
  const port = await waitFor(
    () => {
      if (exit !== undefined) throw new Error('the command ended before it listened');
      const found = /Listening on https?:\/\/[^\s:]+:(\d+)/.exec(stdout);
      return found === null ? undefined : Number(found[1]);
    },
    15_000,
    'the line "Listening on …"',
  ).catch(fail);

  const service = {
    port,
    pid: child.pid ?? 0,
    configFile,
    dataDir,
    folder: folder.path,
    /** @type {Promise<{ code: number | null, signal: NodeJS.Signals | null }>} */
    exited,
    hasExited: () => exit !== undefined,
    stderr: () => stderr,
    /** @param {NodeJS.Signals} signal */
    kill: (signal) => child.kill(signal),
    /** Replaces the servers file as editors do: written beside it, then renamed. @param {object | string} changed */
    writeConfig: (changed) => {
      writeFileSync(`${configFile}.new`, typeof changed === 'string' ? changed : JSON.stringify(changed));
      renameSync(`${configFile}.new`, configFile);
    },
    /** @param {string} path @param {Record<string, string>} [headers] */
    get: (path, headers) => send(port, 'GET', path, { headers }),
    /**
     * A call whose answer can be told from every other's.
     * @param {string} server @param {string} tool @param {object} [args]
     * @param {{ headers?: Record<string, string>, agent?: import('node:http').Agent }} [options]
     */
    call: async (server, tool, args = {}, options = {}) => {
      const token = randomUUID();
      const answer = await send(port, 'POST', `/${server}/${tool}`, { ...options, body: { ...args, token } });
      return { ...answer, token };
    },
    /** What `/readyz` says of each server. @returns {Promise<Record<string, { state: string, reason?: string }>>} */
    states: async () => JSON.parse((await send(port, 'GET', '/readyz')).text).servers,
    /** Ends the service, and by force if it does not leave. */
    stop: async () => {
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      if (exit === undefined) child.kill('SIGTERM');
      const end = await exited;
      clearTimeout(timer);
      folder.remove();
      return end;
    },
  };
  if (waitForReady) {
    await waitFor(
      async () => Object.values(await service.states()).every(({ state }) => state !== 'starting'),
      30_000,
      'no server to be starting',
    ).catch(fail);
  }
  return service;
}

/**
 * Starts a program of test/fixtures/servers that prints its port.
 * @param {string} program @param {number} [port]
 */
export async function startUpstream(program, port = 0) {
  const child = spawn(process.execPath, [fixtureFile(program), String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await waitFor(() => said.includes('\n'), 10_000, `${program} to listen`);
  const openPort = Number(said.trim());
  return {
    port: openPort,
    url: `http://127.0.0.1:${openPort}`,
    /** @param {object} [command] */
    control: async (command) => JSON.parse((await send(openPort, 'POST', '/control', { body: command ?? {} })).text),
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
