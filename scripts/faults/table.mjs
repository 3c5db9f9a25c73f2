/**
 * @typedef {object} Result
 * @property {string} name
 * @property {string} expected
 * @property {number} times
 * @property {number} lost
 * @property {readonly number[]} recoveriesMs
 * @property {number} orphans
 * @property {number} leaked
 * @property {number} wrong
 * @property {readonly string[]} problems
 * @property {string | undefined} notRun
 * @property {number} seconds
 */

const HEAD = ['fault', 'times', 'expected', 'lost', 'p50/p95 ms', 'orphans', 'leaked', 'wrong', 'verdict'];

/** @param {readonly Result[]} results */
export function printTable(results) {
  const lines = [HEAD, ...results.map(toCells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const write = (/** @type {string} */ text) => process.stdout.write(`${text.trimEnd()}\n`);
  for (const cells of lines) write(cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | '));
  for (const { name, problems } of results) for (const problem of problems) write(`  ${name}: ${problem}`);
  const failed = results.filter(({ problems }) => problems.length > 0).length;
  const notRun = results.filter((result) => result.notRun !== undefined).length;
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  write(`${results.length - failed - notRun} rows hold, ${failed} fail, ${notRun} not run; ${Math.round(seconds)} s`);
}

/** @param {Result} result */
function toCells({ name, times, expected, lost, recoveriesMs, orphans, leaked, wrong, problems, notRun }) {
  if (notRun !== undefined) return [name, '-', expected, '-', '-', '-', '-', '-', `not run: ${notRun}`];
  const recovery =
    recoveriesMs.length === 0
      ? '-'
      : `${Math.round(quantile(recoveriesMs, 0.5))}/${Math.round(quantile(recoveriesMs, 0.95))}`;
  const verdict = problems.length === 0 ? 'holds' : 'FAILS';
  return [
    name,
    String(times),
    expected,
    String(lost),
    recovery,
    String(orphans),
    String(leaked),
    String(wrong),
    verdict,
  ];
}

/** @param {readonly number[]} values @param {number} share */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
