import { createHash } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { basename } from 'node:path';
import { ConfigError, EditConflictError, EditRefusedError, formatConfigProblem } from '../../errors.ts';
import type { Redactor } from '../../telemetry/redactor.ts';
import { serverNameProblem } from '../server-entry.ts';
import type { LoadedServers } from '../servers-file.ts';
import { readTextFile } from '../text-file.ts';
import type { ToolOverride } from '../tool-overrides.ts';
import { type DifferenceLine, toDifference } from './difference.ts';
import { readPasted } from './pasted-servers.ts';
import type { RegistryOffer } from './registry-server.ts';
import { assertForeignHost, remoteProblems } from './remote-rules.ts';
import { replaceFile } from './replace-file.ts';
import { isAmong, isDisabled, readEntry, type ToolChange, withServers, withTools } from './servers-file-text.ts';
import { readTyped, type TypedServer } from './typed-server.ts';

export type { DifferenceLine } from './difference.ts';
export type { ToolChange } from './servers-file-text.ts';

/** `remote`: only servers with a url may be added. `commands`: also those that run something. */
export type EditMode = 'remote' | 'commands';

type Entry = Readonly<Record<string, unknown>>;

/** What an admin wants to add. */
export type GivenServers = { readonly name: string } & (
  | { readonly kind: 'typed'; readonly typed: TypedServer }
  /** `offer`: which way of a `server.json`, from 0. */
  | { readonly kind: 'pasted'; readonly text: string; readonly offer: number | undefined }
);

/** A change that was checked and not made. */
export interface EditPreview {
  /** Of the file that it was made for. */
  readonly version: string;
  readonly names: readonly string[];
  readonly difference: readonly DifferenceLine[];
  /** The servers run something or read the service's environment, so the admin has to log in again. */
  readonly needsLogIn: boolean;
  /** What an admin should know. */
  readonly notes: readonly string[];
  /** The ways of a `server.json`, if there are several, and the one that was taken. */
  readonly offers: readonly {
    readonly label: string;
    readonly problem: string | undefined;
    readonly isTaken: boolean;
  }[];
  /** What is to be added, as text for a file that cannot be written here. */
  readonly snippet: string;
  /** The file can be written, as far as can be seen. */
  readonly isWritable: boolean;
}

/** What the file says of a server's tools. */
export interface ToolSettings {
  readonly version: string;
  /** Names with composed letters. */
  isEnabled(name: string): boolean;
  overrideOf(name: string): ToolOverride | undefined;
}

export interface ServersFileEditsParts {
  readonly file: string;
  readonly mode: EditMode;
  /** Reads a text as the servers file, whole. Throws `ConfigError`. */
  readonly check: (text: string) => LoadedServers;
  readonly redactor: Redactor;
}

interface Plan {
  readonly before: string;
  readonly after: string;
  readonly loaded: LoadedServers;
}

/**
 * The servers file, for admins who change it at `/admin`. A change is shown first; what is written is the same change
 * of the same text, checked whole, as at a start.
 */
export class ServersFileEdits {
  readonly mode: EditMode;
  /** Takes over what was written; set by who follows the configuration. */
  reload: () => Promise<void> = async () => undefined;
  readonly #parts: ServersFileEditsParts;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(parts: ServersFileEditsParts) {
    this.mode = parts.mode;
    this.#parts = parts;
  }

  /** Checks what is to be added and says what would change. Throws `EditRefusedError`. */
  async previewServers(given: GivenServers): Promise<EditPreview> {
    const { entries, notes, offers } = this.#read(given);
    const problems = [...entries.values()].flatMap(remoteProblems);
    if (this.mode === 'remote') {
      if (problems.length > 0) {
        const message = `With MCPO_ADMIN_EDITS=remote only servers that are reached by a url can be added here: ${problems.join('; ')}.`;
        throw new EditRefusedError(message);
      }
      for (const { url } of entries.values()) await assertForeignHost(String(url));
    }
    const plan = this.#plan((text) => withServers(text, this.#parts.file, entries));
    const loaded = plan.loaded.servers.filter(({ name }) => entries.has(name));
    // What the rules overlooked, the loader would not: it says what a server really is.
    if (this.mode === 'remote' && loaded.some(({ transport }) => transport.type === 'stdio')) {
      throw new EditRefusedError('With MCPO_ADMIN_EDITS=remote no server that runs a command can be added here.');
    }
    const warnings = plan.loaded.warnings.filter(({ server }) => server !== undefined && entries.has(server));
    return {
      version: versionOf(plan.before),
      names: [...entries.keys()],
      difference: await this.#difference(plan),
      needsLogIn: problems.length > 0,
      notes: [
        ...notes,
        ...warnings.map((warning) => formatConfigProblem({ ...warning, file: undefined, line: undefined })),
      ],
      offers,
      snippet: JSON.stringify(Object.fromEntries(entries), null, 2),
      isWritable: this.#isWritable(),
    };
  }

  /**
   * Writes what `previewServers` showed, and reloads; returns the difference. Throws `EditConflictError` if the file has
   * another version now, and as `previewServers` does.
   */
  async addServers(given: GivenServers, version: string): Promise<readonly DifferenceLine[]> {
    const { entries } = this.#read(given);
    await this.previewServers(given);
    return this.#write(version, (text) => withServers(text, this.#parts.file, entries));
  }

  /** What the file says of a server's tools. Throws `EditRefusedError`. */
  toolSettings(server: string): ToolSettings {
    const text = this.#readFile();
    const entry = this.#try(() => readEntry(text, this.#parts.file, server));
    const { tools } = this.#check(text).servers.find(({ name }) => name === server) ?? {};
    return {
      version: versionOf(text),
      isEnabled: (name) => !isDisabled(entry, name) && isAmong(entry.enabledTools, name) !== false,
      overrideOf: (name) => tools?.get(name),
    };
  }

  /** Writes which tools of a server are on, and what callers see of them, and reloads. Throws as `addServers` does. */
  saveTools(server: string, changes: readonly ToolChange[], version: string): Promise<readonly DifferenceLine[]> {
    return this.#write(version, (text) => withTools(text, this.#parts.file, server, changes));
  }

  #read(given: GivenServers) {
    const name = given.name.trim();
    if (given.kind === 'typed') {
      return { entries: named([{ name: undefined, entry: readTyped(given.typed) }], name), notes: [], offers: [] };
    }
    const pasted = readPasted(given.text);
    if (pasted.kind === 'entries') return { entries: named(pasted.entries, name), notes: [], offers: [] };
    const labelled = pasted.offers.map((offer) => ({ label: offer.label, problem: this.#problemOf(offer) }));
    const taken = given.offer ?? labelled.findIndex(({ problem }) => problem === undefined);
    const offer = pasted.offers[taken];
    const problem = labelled[taken]?.problem;
    if (offer === undefined || problem !== undefined || !('entry' in offer.result)) {
      const problems = labelled.map((one) => `${one.label}: ${one.problem}`);
      throw new EditRefusedError(problem ?? `Nothing of this server.json can be used here. ${problems.join(' ')}`);
    }
    const entries = named([{ name: pasted.name, entry: offer.result.entry }], name);
    const offers = labelled.map((one, index) => ({ ...one, isTaken: index === taken }));
    return { entries, notes: offer.notes, offers: offers.length > 1 ? offers : [] };
  }

  #problemOf({ result, kind }: RegistryOffer): string | undefined {
    if ('problem' in result) return result.problem;
    if (this.mode === 'remote' && kind === 'package') return 'MCPO_ADMIN_EDITS=remote allows no commands.';
    return undefined;
  }

  #plan(change: (text: string) => string): Plan {
    const before = this.#readFile();
    const after = this.#try(() => change(before));
    return { before, after, loaded: this.#check(after) };
  }

  /** One change at a time. */
  #write(version: string, change: (text: string) => string): Promise<readonly DifferenceLine[]> {
    const writing = this.#writing.then(async () => {
      const plan = this.#plan(change);
      if (versionOf(plan.before) !== version) {
        throw new EditConflictError(
          'The servers file has been changed since this was shown, so nothing was written. Look at the change again.',
        );
      }
      const difference = await this.#difference(plan);
      if (difference.length === 0) return difference;
      replaceFile(this.#parts.file, plan.after);
      await this.reload();
      return difference;
    });
    this.#writing = writing.catch(() => undefined);
    return writing;
  }

  #difference({ before, after, loaded }: Plan): Promise<readonly DifferenceLine[]> {
    return toDifference(before, after, this.#parts.redactor.redactorFor(loaded.secrets));
  }

  #check(text: string): LoadedServers {
    return this.#try(() => this.#parts.check(text));
  }

  #readFile(): string {
    try {
      return readTextFile(this.#parts.file);
    } catch (error) {
      throw new EditRefusedError(`The servers file ${(error as Error).message}.`, { cause: error });
    }
  }

  /** What is wrong with the file is for the admin; where it is on this machine is not. */
  #try<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const problems = error.problems.map(({ file, ...problem }) =>
        formatConfigProblem({ ...problem, file: file === undefined ? undefined : basename(file) }),
      );
      throw new EditRefusedError(
        `Nothing was written, since the servers file would be invalid: ${problems.join(' ')}`,
        {
          cause: error,
        },
      );
    }
  }

  #isWritable(): boolean {
    try {
      accessSync(this.#parts.file, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  }
}

/** The entries by name; a name that was typed is for the only one. */
function named(found: readonly { readonly name: string | undefined; readonly entry: Entry }[], typed: string) {
  const entries = new Map<string, Entry>();
  for (const one of found) {
    const name = (found.length === 1 && typed) || one.name;
    if (name === undefined || name === '') throw new EditRefusedError('Enter a name for the server.');
    const problem = serverNameProblem(name);
    if (problem !== undefined) throw new EditRefusedError(`"${name}": ${problem}`);
    entries.set(name, one.entry);
  }
  return entries;
}

function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
