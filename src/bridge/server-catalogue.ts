import type { ServerConfig } from '../config/server-config.ts';
import type { Session, ToolDefinition } from '../mcp/session.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Catalogue, type CatalogueSource, toCatalogue } from './catalogue.ts';
import { type CatalogueKeeper, fromKeptCatalogue, toKeptCatalogue } from './kept-catalogue.ts';
import { redactSource } from './redact-source.ts';
import { toToolChanges } from './tool-changes.ts';

/** What users' sessions can add up to; a server that names its tools anew for each user would fill the memory. */
const MAX_MERGED_TOOLS = 2_000;

export interface ServerCatalogueOptions {
  readonly config: ServerConfig;
  readonly logger: Logger;
  readonly keptCatalogues: CatalogueKeeper;
  readonly onChange: () => void;
  /** What was served with the settings before: what is told of changes is told against it. */
  readonly before?: Catalogue | undefined;
}

/** A server's list of tools as it is served: kept from the last run, listed by one session, or merged from many. */
export class ServerCatalogue {
  readonly #options: ServerCatalogueOptions;
  #config: ServerConfig;
  #current: Catalogue | undefined;
  /** What `#current` was made from. */
  #source: CatalogueSource | undefined;
  /** What users' sessions told in this run, and nothing that was kept. */
  #told: CatalogueSource | undefined;
  #isFrozen = false;

  constructor(options: ServerCatalogueOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  get current(): Catalogue | undefined {
    return this.#current;
  }

  /** What is served, as text to restore it from. */
  get kept(): string | undefined {
    return this.#source && toKeptCatalogue(this.#source, this.#config);
  }

  /** Takes over which tools are enabled, at once. */
  reconfigure(config: ServerConfig): void {
    this.#config = config;
    const previous = this.#current;
    if (this.#source === undefined || previous === undefined) return;
    const catalogue = toCatalogue(this.#source, config);
    if (catalogue.revision === previous.revision) return;
    this.#current = catalogue;
    this.#tellChange(previous, catalogue);
    this.#options.onChange();
  }

  /** Serves a list of tools that was kept until the server tells its own. */
  restore(content: string): void {
    if (this.#current !== undefined) return;
    const source = fromKeptCatalogue(content, this.#config);
    if (source === undefined) return;
    this.#source = source;
    this.#current = toCatalogue(source, this.#config);
    this.#options.onChange();
  }

  /** Reads a session's list and serves it from here on. Throws `ServiceError`s. */
  async list(session: Session, signal: AbortSignal): Promise<void> {
    const source = await this.#read(session, signal);
    this.#serve(source, source);
  }

  /**
   * Reads the list of one user's session and adds it to what the others told: the same name takes the newest
   * definition, and nothing is taken away, since another user may have it. `redact` takes his own values out of the
   * texts, since a document is for everybody. Throws `ServiceError`s.
   */
  async merge(session: Session, signal: AbortSignal, redact: (text: string) => string): Promise<void> {
    await this.#options.keptCatalogues.restore();
    const source = redactSource(await this.#read(session, signal), this.#source, redact);
    const toldBefore = JSON.stringify(this.#told);
    this.#told = merged(this.#told, source);
    const { keptCatalogues, logger } = this.#options;
    const wereKnown = (this.#current ?? this.#options.before) !== undefined;
    const isServed = this.#serve(merged(this.#source, source), this.#told);
    // Until now the document said that nobody had told them.
    if (!wereKnown) {
      const server = this.#config.name;
      logger.warn('the tools are known now: save the connection in Open WebUI again', { server });
    }
    // What only the last run knew is served to the end of this one, and then forgotten.
    if (isServed || JSON.stringify(this.#told) === toldBefore) return;
    void keptCatalogues.keep(this.#config.name, toKeptCatalogue(this.#told, this.#config));
  }

  /** Reads with `list` or `merge` what has changed; where that fails, what is served stays. */
  async again(read: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.#isFrozen) return;
    try {
      await read();
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.message : 'unknown';
      const server = this.#config.name;
      this.#options.logger.warn('the changed list of tools could not be read', { server, reason });
    }
  }

  /** Reads no changes any more: the list of the sessions that take the place of its own is the one that is kept. */
  freeze(): void {
    this.#isFrozen = true;
  }

  async #read(session: Session, signal: AbortSignal): Promise<CatalogueSource> {
    const { serverInfo, instructions } = session;
    return { serverInfo, instructions, list: await session.listTools(signal) };
  }

  /** `false` when it is what is served already. */
  #serve(source: CatalogueSource, kept: CatalogueSource): boolean {
    const { keptCatalogues, onChange, before } = this.#options;
    const config = this.#config;
    const catalogue = toCatalogue(source, config);
    const isSame = this.#current?.revision === catalogue.revision;
    const previous = this.#current ?? before;
    this.#source = source;
    if (isSame) return false;
    this.#current = catalogue;
    const keeping = keptCatalogues.keep(config.name, toKeptCatalogue(kept, config));
    void keeping.then((content) => this.#reportChanges(previous, content, catalogue));
    this.#tellChange(previous, catalogue);
    onChange();
    return true;
  }

  #tellChange(previous: Catalogue | undefined, catalogue: Catalogue): void {
    const { logger } = this.#options;
    const server = this.#config.name;
    for (const { name, reason } of catalogue.rejected) {
      logger.warn('tool is left out', { server, tool: name.slice(0, 200), reason });
    }
    if (previous === undefined || previous.revision === catalogue.revision) return;
    logger.warn('the list of tools has changed: save the connection in Open WebUI again', {
      server,
      tools: catalogue.tools.size,
    });
  }

  /** Compares with the last list of this run, else with the one that was kept over the restart. */
  #reportChanges(previous: Catalogue | undefined, kept: string | undefined, catalogue: Catalogue): void {
    const { keptCatalogues } = this.#options;
    const config = this.#config;
    const keptSource = kept === undefined ? undefined : fromKeptCatalogue(kept, config);
    const before = previous ?? (keptSource && toCatalogue(keptSource, config));
    if (before === undefined || before.revision === catalogue.revision) return;
    const definitions = ({ tools }: Catalogue) => [...tools.values()].map(({ definition }) => definition);
    const changes = toToolChanges(definitions(before), definitions(catalogue));
    if (Object.keys(changes).length === 0) return;
    keptCatalogues.changed(config.name, { ...changes, tools: catalogue.tools.size });
  }
}

/** Old tools keep their places, so that the same lists in another order make the same document. */
function merged(before: CatalogueSource | undefined, now: CatalogueSource): CatalogueSource {
  if (before === undefined) return now;
  const tools = new Map<string, ToolDefinition>(before.list.tools.map((tool) => [tool.name, tool]));
  for (const tool of now.list.tools) {
    if (tools.has(tool.name) || tools.size < MAX_MERGED_TOOLS) tools.set(tool.name, tool);
  }
  return { ...now, list: { tools: [...tools.values()], rejected: now.list.rejected } };
}
