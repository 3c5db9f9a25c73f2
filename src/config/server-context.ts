import type { ConfigPlace } from './config-report.ts';
import type { ConfiguredSecrets } from './configured-secrets.ts';
import type { ConfinementContext } from './confinement.ts';
import type { ResultImages, UserVariable } from './server-config.ts';
import type { ServerEntry } from './servers-file-schema.ts';
import type { TemplateReader } from './template-reader.ts';

/** Where the settings of child processes come from. */
export interface ChildContext {
  /** What `${NAME}` stands for, and what child processes may inherit. */
  readonly environment: ReadonlyMap<string, string>;
  /** `--env` and `--env-path`, which every child process gets. */
  readonly given: ReadonlyMap<string, string>;
  readonly platform: NodeJS.Platform;
  readonly confinement: ConfinementContext;
}

/** What all servers of a file have in common. */
export interface ServerContext extends ChildContext {
  /** The servers file's folder. */
  readonly folder: string;
  readonly inputs: ReadonlyMap<string, UserVariable>;
  /** For servers without their own. */
  readonly toolErrorStatus: number;
  readonly resultImages: ResultImages;
  /** Called with each file just before it is read. */
  readonly onRead?: ((file: string) => void) | undefined;
  readonly secrets: ConfiguredSecrets;
}

/** One entry of the right shape, with its place and the reader of its strings. */
export interface EntryContext extends ServerContext {
  readonly entry: ServerEntry;
  readonly place: ConfigPlace;
  readonly templates: TemplateReader;
}
