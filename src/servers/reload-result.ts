import { basename } from 'node:path';
import { ConfigError, type ConfigProblem, formatConfigProblem } from '../errors.ts';

/** The names of servers by what a reload did to them. */
export interface RegistryChange {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** How the last reload ended. `at` is milliseconds since the epoch. */
export type ReloadResult =
  | { readonly kind: 'applied'; readonly at: number; readonly change: RegistryChange }
  /** Nothing has changed, for these reasons: public, each with line and key where they are known. */
  | { readonly kind: 'refused'; readonly at: number; readonly problems: readonly string[] };

/** The reasons why a configuration cannot be used, for everybody: with the name of its file, and no path of the host. */
export function toPublicProblems(error: unknown): readonly string[] {
  if (!(error instanceof ConfigError)) return ['An unexpected error; the log has it.'];
  return error.problems.map(toPublicProblem);
}

function toPublicProblem({ file, message, ...place }: ConfigProblem): string {
  return formatConfigProblem({
    ...place,
    file: file === undefined ? undefined : basename(file),
    message: message.replace(/"([^"]*)"/g, (quoted: string, text: string) => (/[/\\]/.test(text) ? '"…"' : quoted)),
  });
}
