import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** A program that stands for the service: it starts children by `spawnChild` and can be killed. */
export interface Parent {
  readonly pid: number;
  /** The parsed lines that it has printed, and what it prints from now on. */
  nextLine(): Promise<unknown>;
  readonly ended: Promise<void>;
}

/** Compiles `process/` with what it imports to a fresh folder, so that plain node can run it. */
export function compileProcessRoom(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-process-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  const names = readdirSync(join(repository, 'src/process'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('process', name));
  const redactor = ['redactor', 'secret-index', 'spellings', 'text-hash'].map((name) => `telemetry/${name}.ts`);
  for (const name of ['errors.ts', ...redactor, ...names]) {
    const { outputText } = ts.transpileModule(readFileSync(join(repository, 'src', name), 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    });
    const file = join(folder, name.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, outputText);
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Runs `program`, an ES module beside the compiled files, as the leader of a process group; it prints JSON lines. */
export function startParent(folder: string, program: string): Parent {
  const file = join(folder, `parent-${Math.random().toString(36).slice(2)}.js`);
  writeFileSync(file, program);
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  if (child.pid === undefined || child.stdout === null) throw new Error('the parent did not start');
  const lines: string[] = [];
  let unfinished = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (unfinished + text).split('\n');
    unfinished = parts.pop() ?? '';
    lines.push(...parts);
    child.emit('lines');
  });
  return {
    pid: child.pid,
    ended: once(child, 'exit').then(() => undefined),
    nextLine: async () => {
      while (lines.length === 0) await once(child, 'lines');
      return JSON.parse(lines.shift() ?? '');
    },
  };
}
