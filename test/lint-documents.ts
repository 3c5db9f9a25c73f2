import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../node_modules/.bin/redocly', import.meta.url));

interface LintReport {
  readonly problems: readonly {
    readonly severity: string;
    readonly ruleId: string;
    readonly message: string;
    readonly location: readonly { readonly pointer?: string; readonly source: { readonly ref: string } }[];
  }[];
}

/**
 * The errors, without the warnings, that the recommended rules of `@redocly/cli` find in OpenAPI files, a line each.
 * Nothing is sent anywhere: telemetry and the look for updates are off.
 */
export function lintDocuments(files: readonly string[]): Promise<readonly string[]> {
  const args = ['lint', ...files, '--extends=recommended', '--format=json', '--max-problems=1000'];
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  return new Promise((resolve, reject) => {
    execFile(command, args, { env, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) => {
      try {
        // One indented JSON object for each file, with nothing in between.
        const reports = stdout.split(/(?<=^\})/m).filter((text) => text.trim() !== '');
        if (reports.length !== files.length) throw new Error(`${reports.length} reports for ${files.length} files`);
        const problems = reports.flatMap((text) => (JSON.parse(text) as LintReport).problems);
        resolve(problems.filter(({ severity }) => severity === 'error').map(toLine));
      } catch (error) {
        reject(new Error(`redocly gave no reports: ${stderr.slice(-2_000)}`, { cause: error }));
      }
    });
  });
}

function toLine({ ruleId, message, location }: LintReport['problems'][number]): string {
  return `${ruleId}: ${message} ${location[0]?.source.ref}${location[0]?.pointer ?? ''}`;
}
