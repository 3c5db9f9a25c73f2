import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync, constants as zlib } from 'node:zlib';

const require = createRequire(import.meta.url);

/**
 * Lays the templates, scripts and styles of the pages beside built code, and compresses what browsers load.
 * @param {string} source the folder src/
 * @param {string} out the folder of the built code
 */
export function layPageFiles(source, out) {
  cpSync(join(source, 'http'), join(out, 'http'), { recursive: true, filter: (path) => !path.endsWith('.ts') });
  // ReDoc draws its maker's logo from the internet and has no option against it: an empty address draws nothing.
  const file = require.resolve('redoc/bundles/redoc.standalone.js');
  const redoc = readFileSync(file, 'utf8').replaceAll('https://cdn.redoc.ly/redoc/logo-mini.svg', 'data:,');
  writeFileSync(join(out, 'http/documents/redoc.standalone.js'), redoc);
  compressAssets(join(out, 'http'));
}

/**
 * Writes each script and style compressed to `assets/`, with the hashes of all by name.
 * @param {string} folder the pages' folders
 */
function compressAssets(folder) {
  const target = join(folder, 'assets');
  mkdirSync(target, { recursive: true });
  const own = ['pages', 'documents', 'admin'].flatMap((room) =>
    readdirSync(join(folder, room)).map((name) => [room, name]),
  );
  const assets = [
    ...own.filter(([, name]) => /\.(?:css|js|svg)$/.test(name)).map(([room, name]) => join(folder, room, name)),
    ...['swagger-ui.css', 'swagger-ui-bundle.js'].map((name) => require.resolve(`swagger-ui-dist/${name}`)),
  ];
  const hashes = assets.map((file) => {
    const content = readFileSync(file);
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
    const name = file.replace(/.*[/\\]/, '');
    writeFileSync(join(target, `${name}.gz`), gzipSync(content, { level: 9 }));
    writeFileSync(join(target, `${name}.br`), brotli(content));
    return [name, hash];
  });
  writeFileSync(join(target, 'hashes.json'), JSON.stringify(Object.fromEntries(hashes)));
}

/**
 * The smallest form would be 8 % smaller and cost each build eight seconds.
 * @param {Buffer} content
 */
function brotli(content) {
  const params = { [zlib.BROTLI_PARAM_QUALITY]: 9, [zlib.BROTLI_PARAM_SIZE_HINT]: content.length };
  return brotliCompressSync(content, { params });
}
