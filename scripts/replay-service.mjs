// Starts the built command with servers that replay recorded catalogues, for the scripts that measure it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const START_MS = 30_000;

/** Where the build is; `DIST` names another one. */
export const distFolder = resolve(process.env.DIST ?? join(root, 'dist'));

export function fixturePath(path) {
  return join(root, 'test/fixtures', path);
}

export function readFixture(path) {
  return JSON.parse(readFileSync(fixturePath(path), 'utf8'));
}

/** The modules of src/ with these paths as one, bundled as the build does it: the build itself has no module to import. */
export async function importSource(paths) {
  const outfile = join(root, 'node_modules/.cache/mcpo-ts/source.mjs');
  const contents = paths.map((path) => `export * from ${JSON.stringify(`./${path}`)};`).join('\n');
  await build({
    stdin: { contents, resolveDir: join(root, 'src') },
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
  });
  return import(pathToFileURL(outfile).href);
}

/** A TypeScript module of the tests that imports nothing itself. */
export function importTestModule(path) {
  const source = readFileSync(join(root, 'test', path), 'utf8');
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
  const { outputText } = ts.transpileModule(source, { compilerOptions: options });
  return import(`data:text/javascript;base64,${Buffer.from(outputText).toString('base64')}`);
}

/** Starts the service with a replaying server for each `{ name: file }` and waits until all are ready. */
export async function startReplayService(files) {
  const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-replay-'));
  const config = join(folder, 'servers.json');
  const entries = Object.entries(files).map(([name, file]) => [
    name,
    { command: process.execPath, args: [fixturePath('servers/replay.js'), file, '10'] },
  ]);
  writeFileSync(config, JSON.stringify({ mcpServers: Object.fromEntries(entries) }));
  const child = spawn(process.execPath, [join(distFolder, 'cli.js'), '--config', config, '--port', '0'], {
    env: { PATH: process.env.PATH, HOME: folder, MCPO_RATE_LIMIT: 'off', LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((done) => child.once('exit', done));
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const url = await Promise.race([listeningUrl(child), exited.then(() => Promise.reject(new Error('It ended.')))]);
    await waitUntilReady(url);
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function listeningUrl(child) {
  let output = '';
  return new Promise((done) => {
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
      const url = /Listening on (http:\/\/[^\s:]+:\d+)/.exec(output)?.[1];
      if (url !== undefined) done(url);
    });
  });
}

async function waitUntilReady(url) {
  const end = performance.now() + START_MS;
  for (;;) {
    const { servers } = await (await fetch(`${url}/readyz`)).json();
    const states = Object.values(servers).map(({ state }) => state);
    if (states.every((state) => state === 'ready')) return;
    if (performance.now() > end) throw new Error(`The servers are not ready after ${START_MS} ms: ${states}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
