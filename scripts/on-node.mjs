// Runs a command with another version of Node.js, which npm's package `node` brings: `node scripts/on-node.mjs 24 npm test`.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const [version, command, ...args] = process.argv.slice(2);
if (version === undefined || command === undefined) {
  process.stderr.write('Usage: node scripts/on-node.mjs VERSION COMMAND [ARGUMENT …]\n');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-node-'));
try {
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  // Its install script puts the binary in place, so scripts must run here.
  const install = ['install', '--ignore-scripts=false', '--no-audit', '--no-fund', '--silent', `node@${version}`];
  execFileSync('npm', install, { cwd: folder, stdio: 'inherit' });
  const bin = join(folder, 'node_modules/node/bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  process.stdout.write(`Node ${execFileSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' })}`);
  const { status } = spawnSync(command, args, { env, stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
