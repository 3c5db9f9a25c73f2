// Compiles src/ to dist/ and lays the files beside it that are served as they are.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'src'], { stdio: 'inherit' });
chmodSync('dist/cli.js', 0o755);

for (const folder of ['templates', 'assets']) {
  if (existsSync(`src/web/${folder}`)) cpSync(`src/web/${folder}`, `dist/web/${folder}`, { recursive: true });
}
mkdirSync('dist/web/assets', { recursive: true });
// ReDoc draws its maker's logo from the internet and has no option against it: an empty address draws nothing.
const redoc = readFileSync(require.resolve('redoc/bundles/redoc.standalone.js'), 'utf8');
writeFileSync(
  'dist/web/assets/redoc.standalone.js',
  redoc.replaceAll('https://cdn.redoc.ly/redoc/logo-mini.svg', 'data:,'),
);
