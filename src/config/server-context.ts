import type { ReferenceReading } from '../placeholders/parse-template.ts';
import type { ConfiguredSecrets } from './configured-secrets.ts';
import type { CommonConfinement } from './confinement.ts';
import type { ServerEntry } from './server-schema.ts';
import type { UserVariable } from './user-variables.ts';

/** Where the settings of child processes come from. */
export interface ChildContext {
  /** What `${NAME}` stands for, and what child processes may inherit. */
  readonly environment: ReadonlyMap<string, string>;
  /** `--env` and `--env-path`, which every child process gets. */
  readonly given: ReadonlyMap<string, string>;
  readonly platform: NodeJS.Platform;
  readonly confinement: CommonConfinement;
  /** Learns the values that must never be printed. */
  readonly secrets: ConfiguredSecrets;
  /** Called with each file just before it is read. */
  readonly onRead?: OnRead | undefined;
  /** Looks up references such as `${vault:…}`. */
  readonly lookUpReference?: ((reference: string) => ReferenceReading | undefined) | undefined;
}

/** Is called with a file just before it is read; `secret`: with one that `${file:…}` names. */
export type OnRead = (file: string, kind?: 'secret') => void;

/** What all servers of a file have in common. */
export interface ServerContext extends ChildContext {
  /** The servers file's folder. */
  readonly folder: string;
  readonly inputs: ReadonlyMap<string, UserVariable>;
  /** For servers without their own. */
  readonly defaults: Pick<ServerEntry, 'toolErrorStatus' | 'resultImages'>;
}
