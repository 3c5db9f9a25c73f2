// Runs every row of the fault table against the built command and prints what came of it; exit code 1 if a row does not
// hold. node scripts/faults.mjs [--only text] [--times N] [--short] [--vault] [--json]; CLI_UNDER_TEST names another build.
import { parseArgs } from 'node:util';
import { callerRows } from './faults/rows-callers.mjs';
import { lifeRows } from './faults/rows-life.mjs';
import { outputRows } from './faults/rows-output.mjs';
import { processRows } from './faults/rows-processes.mjs';
import { storageRows } from './faults/rows-storage.mjs';
import { upstreamRows } from './faults/rows-upstream.mjs';
import { NotRun, Run } from './faults/run.mjs';
import { printTable } from './faults/table.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    times: { type: 'string' },
    short: { type: 'boolean', default: false },
    vault: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const options = {
  times: values.times === undefined ? undefined : Number(values.times),
  form: values.short ? 'short' : 'default',
  hasVault: values.vault,
};

const rows = [...processRows, ...outputRows, ...upstreamRows, ...storageRows, ...lifeRows, ...callerRows].filter(
  ({ name }) => values.only === undefined || name.includes(values.only),
);
if (rows.length === 0) throw new Error(`no row is called ${values.only}`);
const results = [];
for (const row of rows) {
  if (!values.json) process.stderr.write(`${row.name} …\n`);
  results.push(await runRow(row));
}
if (values.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
else printTable(results);
process.exitCode = results.some(({ problems }) => problems.length > 0) ? 1 : 0;

/** @param {(typeof rows)[number]} row */
async function runRow({ name, expected, run: runOnce }) {
  const run = new Run(options);
  const startedAt = performance.now();
  let notRun;
  try {
    await runOnce(run);
  } catch (error) {
    if (error instanceof NotRun) notRun = error.message;
    else run.problem(error instanceof Error ? error.message : String(error));
  }
  await run.end();
  const { times, lost, recoveriesMs, orphans, leaked, wrong, problems } = run;
  const seconds = (performance.now() - startedAt) / 1_000;
  return { name, expected, times, lost, recoveriesMs, orphans, leaked, wrong, problems, notRun, seconds };
}
