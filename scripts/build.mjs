// Compiles src/ to dist/ and lays the files beside it that are served as they are.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'src'], { stdio: 'inherit' });
chmodSync('dist/cli.js', 0o755);

for (const folder of ['templates', 'assets']) {
  if (existsSync(`src/web/${folder}`)) cpSync(`src/web/${folder}`, `dist/web/${folder}`, { recursive: true });
}
mkdirSync('dist/web/assets', { recursive: true });
cpSync(require.resolve('redoc/bundles/redoc.standalone.js'), 'dist/web/assets/redoc.standalone.js');
