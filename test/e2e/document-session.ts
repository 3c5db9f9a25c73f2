import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Block, blocksOf, fileNameOf, isNotRun } from '../document-blocks.ts';
import { freePort } from '../free-port.ts';
import { waitFor } from '../wait-for.ts';
import { repositoryFolder, temporaryFolder } from './command.ts';

/** Where examples call the service; the tests put the port of a real one in their place. */
const OWN_ADDRESS = /https:\/\/tools\.example\.org|http:\/\/(?:127\.0\.0\.1|localhost):8000/g;
const EXIT_CODE = /^exit code (\d+)$/;

/** Those that `npm test` runs; the others take longer. */
export const quickDocuments: readonly string[] = ['README.md', 'docs/troubleshooting.md'];

/** What a document's commands printed. */
export interface DocumentRun {
  /** Of each `sh` block that ran, by its place. */
  readonly outputs: ReadonlyMap<string, string>;
  /** Expected lines that no command printed, with the place of the block that shows them. */
  readonly missing: readonly string[];
}

/**
 * Runs the `sh` blocks of a document in order, in one shell and an empty home folder, as a reader would type them. A
 * `json` block that begins with `// NAME` is that file from there on. `mcpo-ts` is the built command: one that serves goes
 * on in the background, on a port of the test's own, until the next one. `npx` runs the packages of node_modules without
 * the network. A `text` block after an `sh` block is what it prints, with `…` for any characters.
 * Rejects if a command fails, unless the block is marked with another exit code.
 */
export async function runDocument(document: string): Promise<DocumentRun> {
  const blocks = blocksOf(document).filter((block) => !isNotRun(block));
  const folder = temporaryFolder();
  const port = await freePort();
  writeCommands(folder, port);
  const script = blocks.map((block, index) => toScript(block, index, port)).join('\n');
  writeFileSync(join(folder, 'script.sh'), `set -euo pipefail\n${script}`);
  try {
    const { code, output } = await runShell(folder);
    const parts = new Map(
      output.split(/^@@ /m).map((part) => {
        const [, index = '', text = ''] = /^(\d+)\n(.*)/s.exec(part) ?? [];
        return [Number(index), text] as const;
      }),
    );
    if (code !== 0) {
      const last = Math.max(...parts.keys());
      const log = existsSync(join(folder, 'serve.log')) ? readFileSync(join(folder, 'serve.log'), 'utf8') : '';
      throw new Error(`${blocks[last]?.place} ended with exit code ${code}:\n${parts.get(last)}\n${log.slice(-3_000)}`);
    }
    return judge(blocks, parts, port);
  } finally {
    await stopService(folder);
  }
}

function judge(blocks: readonly Block[], parts: ReadonlyMap<number, string>, port: number): DocumentRun {
  const outputs = new Map<string, string>();
  const missing: string[] = [];
  for (const [index, { language, place, text }] of blocks.entries()) {
    const output = parts.get(index);
    if (language === 'sh') outputs.set(place, output ?? '');
    if (language !== 'text') continue;
    const printed = (parts.get(index - 1) ?? '').split('\n');
    for (const line of text
      .trimEnd()
      .split('\n')
      .filter((one) => one !== '')) {
      const pattern = patternOf(ownAddress(line, port));
      if (!printed.some((one) => pattern.test(one.trimEnd()))) missing.push(`${place}: ${line}`);
    }
  }
  return { outputs, missing };
}

/** `…` stands for any characters. */
export function patternOf(line: string): RegExp {
  const escaped = line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`);
}

function toScript(block: Block, index: number, port: number): string {
  const { language, text, mark = '' } = block;
  const file = fileNameOf(block);
  if (file !== undefined) return `cat > ${file} <<'END_OF_FILE'\n${text}END_OF_FILE\n`;
  if (language !== 'sh') return '';
  const commands = ownAddress(text, port);
  const expected = EXIT_CODE.exec(mark)?.[1];
  // A command may have left its line open.
  const begin = `printf '\\n@@ ${index}\\n'`;
  if (expected === undefined) return `${begin}\n${commands}`;
  return `${begin}\nset +e; (${commands}); [ $? = ${expected} ] || exit 99; set -e\n`;
}

function ownAddress(text: string, port: number): string {
  return text.replace(OWN_ADDRESS, `http://127.0.0.1:${port}`);
}

function writeCommands(folder: string, port: number): void {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const write = (name: string, text: string) => {
    writeFileSync(join(bin, name), `#!/usr/bin/env bash\n${text}`);
    chmodSync(join(bin, name), 0o755);
  };
  const cli = `'${process.execPath}' '${join(repositoryFolder, 'dist/cli.js')}'`;
  write(
    'mcpo-ts',
    `case "\${1-}" in --version | --help | [a-z]*) exec ${cli} "$@" ;; esac
cd '${folder}/work'
if [ -f ../serve.pid ]; then
  kill "$(cat ../serve.pid)"
  while kill -0 "$(cat ../serve.pid)" 2>/dev/null; do sleep 0.1; done
fi
${cli} --port ${port} "$@" >../serve.log 2>&1 </dev/null &
echo $! >../serve.pid
for _ in $(seq 300); do
  if grep -q '^Listening on' ../serve.log; then cat ../serve.log; exit 0; fi
  kill -0 $! 2>/dev/null || { cat ../serve.log; exit 1; }
  sleep 0.1
done
exit 1
`,
  );
  write(
    'npx',
    `[ "\${1-}" = -y ] && shift
package="$1"; shift
case "$package" in
  mcpo-ts) exec mcpo-ts "$@" ;;
  @modelcontextprotocol/server-*) package="mcp-server-\${package#@modelcontextprotocol/server-}" ;;
esac
program='${join(repositoryFolder, 'node_modules/.bin')}'/"$package"
[ -x "$program" ] || { echo "npx: $package is not in node_modules" >&2; exit 127; }
exec "$program" "$@"
`,
  );
}

function runShell(folder: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const cwd = join(folder, 'work');
  mkdirSync(cwd);
  const child = spawn('bash', ['-c', `exec 2>&1; . '${join(folder, 'script.sh')}'`], {
    cwd,
    env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}`, HOME: folder, LOG_FORMAT: 'pretty' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  return new Promise((resolve) => {
    child.on('exit', (code) => setImmediate(() => resolve({ code, output })));
  });
}

async function stopService(folder: string): Promise<void> {
  const file = join(folder, 'serve.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8'));
  const isRunning = (signal: 0 | 'SIGTERM') => {
    try {
      return process.kill(pid, signal);
    } catch {
      return false;
    }
  };
  isRunning('SIGTERM');
  await waitFor(() => !isRunning(0), 20_000, 'the service of the document to end');
}
