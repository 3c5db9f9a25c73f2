import { ConfigError, type ConfigProblem, UsageError } from '../errors.ts';
import type { Environment } from './environment.ts';
import { isOwnVariable } from './environment-variables.ts';
import { readEnvFile } from './text-file.ts';

const FILE = '.env';

/** What a `.env` in the working folder would set. It is read only where `--env-path` names it. */
export class UnreadEnvFile {
  readonly #names: readonly string[];

  constructor(envPath: string | undefined, { variables }: Pick<Environment, 'variables'>) {
    this.#names = envPath === undefined ? namesIn(FILE).filter((name) => !variables.get(name)) : [];
  }

  /** A warning if it sets what the service itself reads, such as API_KEY. */
  warnings(): readonly ConfigProblem[] {
    const own = this.#names.filter((name) => isOwnVariable(name));
    return own.length === 0 ? [] : [{ message: describe(own) }];
  }

  /** The same error, with what the file has to do with it. */
  explain(error: unknown): unknown {
    if (error instanceof UsageError) {
      const [warning] = this.warnings();
      return warning === undefined ? error : new UsageError(`${error.message} ${upperFirst(warning.message)}`);
    }
    if (!(error instanceof ConfigError)) return error;
    const unset = error.problems.map(({ message }) => /environment variable (\w+) is not set/.exec(message)?.[1] ?? '');
    const named = this.#names.filter((name) => unset.includes(name));
    return named.length === 0 ? error : new ConfigError([...error.problems, { message: describe(named) }]);
  }
}

function describe(names: readonly string[]): string {
  return `the file ${FILE} in this folder sets ${names.join(', ')} and is not read; add --env-path ${FILE}, which gives its other variables to all stdio servers.`;
}

function namesIn(file: string): readonly string[] {
  try {
    return [...readEnvFile(file)].filter(([, value]) => value.trim() !== '').map(([name]) => name);
  } catch {
    return [];
  }
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
