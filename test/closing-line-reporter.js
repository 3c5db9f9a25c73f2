import { appendFileSync, writeSync } from 'node:fs';

/**
 * Ends a run with one plain line, for readers that do not know jest's own summary.
 * `TEST_TOTALS_FILE` names a file that gets `passed failed skipped` of each run as a line, for a sum over several runs.
 */
export default class ClosingLineReporter {
  onRunComplete(_contexts, results) {
    const skipped = results.numPendingTests + results.numTodoTests;
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const passed = results.numPassedTests;
    const totalsFile = process.env.TEST_TOTALS_FILE;
    if (totalsFile) appendFileSync(totalsFile, `${passed} ${failed} ${skipped}\n`);
    // jest's own summary comes after the reporters, and this line is to be the last.
    process.once('exit', () => writeSync(2, `Tests: ${passed} passed, ${failed} failed, ${skipped} skipped\n`));
  }
}
