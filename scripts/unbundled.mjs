import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';

/**
 * Builds src/ as one JavaScript file for each module, with source maps, so that what runs can be attributed to files.
 * Returns the folder, which `name` tells apart; it is built anew each time.
 * @param {string} root of the checkout
 * @param {string} name
 */
export function buildUnbundled(root, name) {
  const source = join(root, 'src');
  const folder = join(root, 'node_modules/.cache', name);
  const out = join(folder, 'dist');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', version }));
  for (const file of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || file.name.endsWith('.ts')) continue;
    const path = relative(source, join(file.parentPath, file.name));
    cpSync(join(source, path), join(out, path));
  }
  // After the other files: a page's script may have the name of a module beside it, and is not needed here.
  const tsc = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
  const emit = ['--noCheck', '--sourceMap', '--outDir', out, '--rootDir', source];
  execFileSync(process.execPath, [tsc, '-p', source, ...emit], { stdio: 'inherit' });
  return out;
}
