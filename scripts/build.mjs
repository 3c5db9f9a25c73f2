// Checks src/, bundles it to dist/ and lays the files beside it that are served as they are. Bundled, a start reads
// dozens of files in place of seven hundred, and what nothing calls stays out: it opens its port sooner and is smaller.
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { relative } from 'node:path';
import { build } from 'esbuild';
import { layPageFiles } from './page-files.mjs';

const require = createRequire(import.meta.url);

/** Found at run time: they hold native code, serve their own files, or are seldom used. */
const EXTERNAL = ['@aws-sdk/*', 'libsql', 'pg', 'redis', 'rate-limit-redis', 'swagger-ui-express'];

/** Files that look for others by where they lie themselves: all code lies in dist/ now. */
const PLACED = /src\/(?:http\/pages\/pages-root|version)\.ts$/;

/** @type {import('esbuild').Plugin} */
const keepPlaces = {
  name: 'keep-places',
  setup: ({ onLoad }) =>
    onLoad({ filter: PLACED }, ({ path }) => {
      const place = relative('src', path).replaceAll('\\', '/').replace(/\.ts$/, '.js');
      const url = `new URL(${JSON.stringify(place)}, import.meta.url).href`;
      return { loader: 'ts', contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url) };
    }),
};

execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'src', '--noEmit'], { stdio: 'inherit' });
rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/cli.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  mainFields: ['module', 'main'],
  external: EXTERNAL,
  keepNames: true,
  minifySyntax: true,
  chunkNames: '[name]-[hash]',
  // Older packages ask for node's modules by `require`.
  banner: {
    js: "import { createRequire as toRequire } from 'node:module';const require = toRequire(import.meta.url);",
  },
  legalComments: 'linked',
  logLevel: 'warning',
  plugins: [keepPlaces],
});
chmodSync('dist/cli.js', 0o755);

layPageFiles('src', 'dist');
