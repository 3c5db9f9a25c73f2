import type { Environment } from '../config/environment.ts';
import type { ServiceOptions } from '../config/service-options.ts';
import type { CommandResult } from './command-result.ts';

/** What the command line asks for. */
export type CommandLine =
  | { readonly kind: 'serve'; readonly options: ServiceOptions }
  | { readonly kind: 'run'; readonly run: OneTimeCommand; readonly envPath: string | undefined }
  /** Help, or the version. */
  | { readonly kind: 'print'; readonly text: string };

/** A command that does its work and ends; it loads its own modules. Rejects with its `ServiceError`s. */
export type OneTimeCommand = (environment: Environment) => CommandResult | Promise<CommandResult>;
