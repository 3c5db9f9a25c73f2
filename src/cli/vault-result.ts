import type { CommandResult } from './check.ts';

export interface VaultCommandResult extends CommandResult {
  /** For the person, on standard error. */
  readonly note: string;
}
