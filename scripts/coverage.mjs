// Which lines of src/ the tests run: the unit tests by jest, and the services that the other tests start by V8's own
// coverage of their processes. Prints a line for each room and the functions that nothing runs; every line
// is in coverage/coverage-final.json (istanbul). node scripts/coverage.mjs [--unit] [-- jest options]; --unit leaves out the services.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import libCoverage from 'istanbul-lib-coverage';
import { buildUnbundled } from './unbundled.mjs';

const { values, positionals } = parseArgs({
  options: { unit: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const root = fileURLToPath(new URL('..', import.meta.url));
const raw = join(root, 'node_modules/.cache/coverage/raw');
const folder = join(root, 'coverage');

const built = buildUnbundled(root, 'coverage');
rmSync(folder, { recursive: true, force: true });
const projects = values.unit ? ['unit'] : ['unit', 'e2e', 'long'];
const { status } = spawnSync(
  process.execPath,
  [
    ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'],
    ...['--config', 'test/jest.config.js', '--selectProjects', ...projects],
    ...[
      '--coverage',
      '--coverageProvider',
      'v8',
      '--coverageReporters',
      'json',
      '--collectCoverageFrom',
      'src/**/*.ts',
    ],
    ...positionals,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, CLI_UNDER_TEST: join(built, 'cli.js'), SERVICE_COVERAGE: raw },
  },
);

const reportFile = join(folder, 'coverage-final.json');
const coverage = libCoverage.createCoverageMap(readReport(reportFile));
if (!values.unit) coverage.merge(coverageOfServices());
writeFileSync(reportFile, JSON.stringify(coverage));
print(coverage);
process.exitCode = status ?? 1;

/** What the services ran, as lines of src/. */
function coverageOfServices() {
  const c8 = createRequire(import.meta.url).resolve('c8/bin/c8.js');
  const reports = join(folder, 'services');
  const paths = ['--temp-directory', raw, '--reports-dir', reports, '--include', 'src/**'];
  const how = ['--reporter', 'json', '--exclude-after-remap', '--exclude-node-modules=false', '--exclude', ''];
  execFileSync(process.execPath, [c8, 'report', ...paths, ...how], { cwd: root, stdio: 'inherit' });
  return readReport(join(reports, 'coverage-final.json'));
}

/** @param {string} file */
function readReport(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/**
 * The two measurements put the same function at other columns, so that it is there twice: one that either has run counts
 * as run. What no one wrote as a function is left out.
 * @param {import('istanbul-lib-coverage').FileCoverage} file
 */
function functionsNotRun({ fnMap, f }) {
  /** @type {Map<string, boolean>} */
  const hasRun = new Map();
  for (const [id, { name, loc }] of Object.entries(fnMap)) {
    if (/^[(<]/.test(name) && name !== '(anonymous)') continue;
    const place = `${loc.start.line} ${name}`;
    hasRun.set(place, hasRun.get(place) === true || f[id] > 0);
  }
  return [...hasRun].flatMap(([place, ran]) => (ran ? [] : [place]));
}

/** @param {import('istanbul-lib-coverage').CoverageMap} map */
function print(map) {
  /** @type {Map<string, { lines: number, run: number }>} */
  const rooms = new Map();
  const unreached = [];
  for (const file of map.files().sort()) {
    const path = relative(root, file);
    const [, room = ''] = path.split('/');
    const found = map.fileCoverageFor(file);
    const { lines } = found.toSummary();
    const sum = rooms.get(room) ?? { lines: 0, run: 0 };
    rooms.set(room, { lines: sum.lines + lines.total, run: sum.run + lines.covered });
    unreached.push(...functionsNotRun(found).map((place) => `${path}:${place}`));
  }
  for (const [room, { lines, run }] of rooms)
    process.stdout.write(`${room.padEnd(16)} ${((100 * run) / lines).toFixed(1).padStart(5)} % of ${lines} lines\n`);
  const all = [...rooms.values()].reduce((sum, { lines, run }) => ({ lines: sum.lines + lines, run: sum.run + run }));
  process.stdout.write(
    `${'all'.padEnd(16)} ${((100 * all.run) / all.lines).toFixed(1).padStart(5)} % of ${all.lines} lines\n`,
  );
  if (unreached.length > 0) process.stdout.write(`\nNothing runs these functions:\n  ${unreached.join('\n  ')}\n`);
}
