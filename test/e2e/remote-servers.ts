import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { freePort } from '../free-port.ts';
import { waitFor } from '../wait-for.ts';
import { fixtureFile, repositoryFolder } from './command.ts';

const programs = new Set<ChildProcess>();

afterAll(() => {
  for (const program of programs) program.kill('SIGKILL');
});

/** Starts test/fixtures/servers/http-headers.js; gives its port. */
export async function startHeadersServer(env: Readonly<Record<string, string>> = {}): Promise<number> {
  const said = await startProgram([fixtureFile('http-headers.js')], env, /Listening on port (\d+)/);
  return Number(said);
}

/** Starts test/fixtures/servers/traced.js over HTTP; gives its port. */
export async function startTracedServer(): Promise<number> {
  return Number(await startProgram([fixtureFile('traced.js'), 'http'], {}, /Listening on port (\d+)/));
}

/** Starts the published server-everything; gives its port. */
export async function startEverything(transport: 'streamableHttp' | 'sse'): Promise<number> {
  const port = await freePort();
  const program = join(repositoryFolder, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
  await startProgram([program, transport], { PORT: String(port) }, new RegExp(`port (${port})`));
  return port;
}

async function startProgram(args: string[], env: Readonly<Record<string, string>>, ready: RegExp): Promise<string> {
  const program = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  programs.add(program);
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  program.stdout.on('data', collect);
  program.stderr.on('data', collect);
  const found = await waitFor(() => ready.exec(output) ?? undefined, 15_000, `${args.join(' ')} to listen`);
  return found[1] ?? '';
}
