import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * Lays the templates, scripts and styles of the pages beside built code.
 * @param {string} source the folder src/
 * @param {string} out the folder of the built code
 */
export function layPageFiles(source, out) {
  cpSync(join(source, 'http'), join(out, 'http'), { recursive: true, filter: (path) => !path.endsWith('.ts') });
  // ReDoc draws its maker's logo from the internet and has no option against it: an empty address draws nothing.
  const file = createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js');
  const redoc = readFileSync(file, 'utf8').replaceAll('https://cdn.redoc.ly/redoc/logo-mini.svg', 'data:,');
  writeFileSync(join(out, 'http/documents/redoc.standalone.js'), redoc);
}
