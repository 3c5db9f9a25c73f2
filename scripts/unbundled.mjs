import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { layPageFiles } from './page-files.mjs';

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
  const tsc = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
  const emit = ['--noCheck', '--sourceMap', '--outDir', out, '--rootDir', source];
  execFileSync(process.execPath, [tsc, '-p', source, ...emit], { stdio: 'inherit' });
  layPageFiles(source, out);
  return out;
}
