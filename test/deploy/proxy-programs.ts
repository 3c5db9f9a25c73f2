import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { repositoryFolder, temporaryFolder, waitFor } from '../e2e/harness.ts';

const programs = new Set<ChildProcess>();
afterAll(() => {
  for (const program of programs) program.kill('SIGKILL');
});

const certificate = (part: string) => join(repositoryFolder, `test/fixtures/tls/first-${part}.pem`);

/** deploy/proxy/nginx.conf for this machine: its ports and certificate are replaced, and nothing else. */
export function nginxSite(port: number, [first, second]: readonly [number, number]): string {
  return readFileSync(join(repositoryFolder, 'deploy/proxy/nginx.conf'), 'utf8')
    .replaceAll('127.0.0.1:8001', `127.0.0.1:${first}`)
    .replaceAll('127.0.0.1:8002', `127.0.0.1:${second}`)
    .replace('listen 443 ', `listen 127.0.0.1:${port} `)
    .replace('listen [::]:443 ssl http2;', '')
    .replace(/\/etc\/ssl\/\S+\/fullchain\.pem/, certificate('cert'))
    .replace(/\/etc\/ssl\/\S+\/privkey\.pem/, certificate('key'));
}

/** Writes a whole configuration around the site, for any user; returns the arguments of `nginx`. */
export function writeNginx(site: string): string[] {
  const folder = temporaryFolder();
  const file = join(folder, 'nginx.conf');
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    file,
    `daemon off; pid ${folder}/pid;\nevents {}\nhttp { access_log off; ${paths.join(' ')}\n${site}\n}\n`,
  );
  return ['-e', join(folder, 'error.log'), '-c', file];
}

/** Starts a proxy, and waits until it listens. */
export async function startProxy(command: string, args: readonly string[], port: number): Promise<void> {
  const program = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env } });
  programs.add(program);
  let said = '';
  program.stderr?.on('data', (text) => {
    said += text;
  });
  program.on('error', (error) => {
    said += error.message;
  });
  await waitFor(() => isOpen(port), 10_000, `${command} to listen`).catch((error: Error) => {
    throw new Error(`${error.message}\n${said}`);
  });
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

export interface TlsAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A request to the proxy as tools.example.org, over TLS. */
export function ask(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | undefined = method === 'POST' ? '{}' : undefined,
): Promise<TlsAnswer> {
  const ownHeaders = { host: 'tools.example.org', ...(body && { 'content-type': 'application/json' }), ...headers };
  const options = { host: '127.0.0.1', port, method, path, rejectUnauthorized: false, agent: false as const };
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...options, headers: ownHeaders }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }));
    });
    outgoing.on('error', reject).end(body);
  });
}
