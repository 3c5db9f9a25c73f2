// Which files of src/ one warm call, one saved value and one reload run, by V8's coverage of a running service, and how
// long those files are: what a reader opens to follow it. Prints a table, and with --files the files.
// node scripts/call-path.mjs [--root DIR] [--files]; --root names another checkout.
import { existsSync, readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PROBE_PORT_FILE } from './call-path/probe-file.mjs';
import { buildUnbundled } from './unbundled.mjs';

const { values } = parseArgs({
  options: {
    root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    files: { type: 'boolean', default: false },
  },
});
const root = resolve(values.root);
/** Background work, a timer say, is not in every round. */
const ROUNDS = 5;
const API_KEY = 'key-of-the-call-path';
const KEY = { authorization: `Bearer ${API_KEY}` };
/** As clients of tools do: many calls on one connection. */
const agent = new Agent({ keepAlive: true });
const USER = { ...KEY, 'x-openwebui-user-id': 'user' };

const built = buildUnbundled(root, 'call-path');
process.env.CLI_UNDER_TEST = join(built, 'cli.js');
const { fixture, send, startService, waitFor } = await import('./faults/service.mjs');

const configOf = (generation) => ({
  mcpServers: {
    shared: fixture('fault-worker.js'),
    changing: fixture('fault-worker.js', [], { env: { GENERATION: String(generation) } }),
    personal: fixture('fault-worker.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Token' } } }),
  },
});

const service = await startService({
  config: configOf(0),
  nodeArgs: ['--import', new URL('call-path/probe.mjs', import.meta.url).href],
  env: { MCPO_API_KEY: API_KEY, MCPO_TRUST_USER_HEADERS: 'true', LOG_LEVEL: 'info' },
});
try {
  const probePort = Number(readFileSync(join(service.folder, PROBE_PORT_FILE), 'utf8'));
  const probe = async (path) => JSON.parse((await send(probePort, 'GET', path)).text);
  for (const [name, act] of Object.entries(actions())) {
    await act();
    await act();
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await probe('/start');
      await probe('/take');
      await act();
      rounds.push(functionsOf(await probe('/take')));
    }
    print(name, commonTo(rounds));
  }
} finally {
  agent.destroy();
  await service.stop();
}

/** Each resolves once what it started is done. */
function actions() {
  let generation = 0;
  const expectStatus = (answer, status) => {
    if (answer.status !== status) throw new Error(`${answer.status} ${answer.text}`);
  };
  return {
    'warm shared stdio call': async () =>
      expectStatus(await service.call('shared', 'echo', {}, { headers: KEY, agent }), 200),
    'saved value': async () => {
      const path = '/vault/api/servers/personal/variables/TOKEN';
      expectStatus(
        await send(service.port, 'PUT', path, { headers: USER, body: { value: `value-${generation}` } }),
        204,
      );
    },
    reload: async () => {
      generation += 1;
      const countReloads = () => service.stderr().split('configuration reloaded').length;
      const before = countReloads();
      service.writeConfig(configOf(generation));
      service.kill('SIGHUP');
      await waitFor(() => countReloads() > before, 10_000, 'the reload');
    },
  };
}

/** @returns {Set<string>} `file functionName start` of each function that ran */
function functionsOf(scripts) {
  const found = new Set();
  for (const { url, functions } of scripts) {
    const file = fileURLToPath(url);
    if (!file.startsWith(`${built}/`)) continue;
    // A module's own body has no name and begins at 0: it ran when the module was loaded.
    for (const { ranges } of functions) {
      const [{ count, startOffset, endOffset }] = ranges;
      if (count > 0 && startOffset > 0) found.add(`${relative(built, file)}\t${startOffset}\t${endOffset}`);
    }
  }
  return found;
}

function commonTo(rounds) {
  const [first, ...others] = rounds;
  return [...first].filter((entry) => others.every((round) => round.has(entry)));
}

function print(name, functions) {
  const byFile = new Map();
  for (const entry of functions) {
    const [file] = entry.split('\t');
    byFile.set(file, (byFile.get(file) ?? 0) + 1);
  }
  const files = [...byFile].map(([file, count]) => {
    const source = join('src', file.replace(/\.js$/, '.ts'));
    return { source, count, lines: linesOf(join(root, source)) };
  });
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  process.stdout.write(`${name}: ${files.length} files, ${lines} lines, ${functions.length} functions\n`);
  if (!values.files) return;
  for (const { source, count, lines: length } of files.sort((a, b) => a.source.localeCompare(b.source)))
    process.stdout.write(`  ${String(length).padStart(4)} lines, ${String(count).padStart(3)} functions  ${source}\n`);
}

function linesOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}
