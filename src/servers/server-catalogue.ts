import { toUserKey, type UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { Session } from '../mcp/session.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Catalogue, type CatalogueSource, toCatalogue } from './catalogue.ts';
import { type CatalogueDifference, CatalogueDifferences } from './catalogue-differences.ts';
import { type CatalogueOrigin, type OriginatedSource, trustsFirstUser } from './catalogue-origin.ts';
import { type CatalogueKeeper, fromKeptCatalogue, toKeptCatalogue } from './kept-catalogue.ts';
import { redactSource } from './redact-source.ts';
import { toToolChanges } from './tool-changes.ts';
import { describeUnmatchedRule } from './unmatched-rules.ts';

export interface ServerCatalogueOptions {
  readonly config: ServerConfig;
  readonly logger: Logger;
  readonly keptCatalogues: CatalogueKeeper;
  readonly onChange: () => void;
  /** What was served with the settings before: what is told of changes is told against it. */
  readonly before?: Catalogue | undefined;
}

/** What a session of a user's lists. */
export interface UserList {
  readonly source: CatalogueSource;
  readonly owner: UserId;
  /** The user has the role or the scope `admin`. */
  readonly isAdmin: boolean;
  /** The session was open before, and has announced a change. */
  readonly isAnnounced: boolean;
  /** Takes the user's own values out of texts. */
  readonly redact: (text: string) => string;
  /** From `ServerCatalogue.begin`. */
  readonly reading: number;
}

interface Served extends OriginatedSource {
  /** Whose session listed it; `undefined` for the service's own, and for what was kept. */
  readonly ownerKey: string | undefined;
  readonly catalogue: Catalogue;
}

/**
 * The list of tools of one server that all see. It has one source, in this order: the service's own session (shared, or
 * with the values of `discovery`), what an admin chose, the first session of an admin's, and the first session of a
 * user's where `trustsFirstUser`. Only that source changes it; what other users' sessions list is a difference. What
 * was kept of an earlier run stays until a source of that rank, or a higher one, lists; a user's until an admin's does.
 */
export class ServerCatalogue {
  readonly #options: ServerCatalogueOptions;
  readonly #differences = new CatalogueDifferences();
  #config: ServerConfig;
  #served: Served | undefined;
  #readings = 0;
  #servedReading = 0;
  #isFrozen = false;
  readonly #toldUnmatched = new Set<string>();

  constructor(options: ServerCatalogueOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  get current(): Catalogue | undefined {
    return this.#served?.catalogue;
  }

  get origin(): CatalogueOrigin | undefined {
    return this.#served?.origin;
  }

  /** How lists of users' sessions differ from what is served; the newest last. */
  get differences(): readonly CatalogueDifference[] {
    return this.#differences.list(this.current);
  }

  /** Takes over which tools are enabled, at once. */
  reconfigure(config: ServerConfig): void {
    this.#config = config;
    this.#differences.reconfigure(config);
    const previous = this.#served;
    if (previous === undefined) return;
    const catalogue = toCatalogue(previous.source, config);
    if (catalogue.revision === previous.catalogue.revision) {
      this.#tellUnmatched(catalogue);
      return;
    }
    this.#served = { ...previous, catalogue };
    this.#tellChange(previous.catalogue, catalogue);
    this.#options.onChange();
  }

  /** Serves a list of tools that was kept until its source lists again. */
  restore(content: string): void {
    const kept = fromKeptCatalogue(content, this.#config);
    if (kept !== undefined) this.#restore({ ...kept, ownerKey: undefined });
  }

  /** Serves what was served with the settings before, where it would be kept for these. */
  inherit({ former, config }: { readonly former: ServerCatalogue; readonly config: ServerConfig }): void {
    const served = former.#served;
    if (served === undefined) return;
    const kept = fromKeptCatalogue(toKeptCatalogue(served, config), this.#config);
    if (kept !== undefined) this.#restore({ ...kept, ownerKey: served.ownerKey });
  }

  /** To be called before a list is read, so that no older answer comes after a newer one. */
  begin(): number {
    this.#readings += 1;
    return this.#readings;
  }

  /** Reads the list of the service's own session and serves it from here on. Throws `ServiceError`s. */
  async list(session: Session, signal: AbortSignal): Promise<void> {
    const reading = this.begin();
    const source = await readSource(session, signal);
    this.#serve({ source, origin: 'service', ownerKey: undefined }, reading);
  }

  /**
   * Serves the list of a user's session if it is the source of what all see, or becomes it. Otherwise nothing changes
   * for others: the difference is logged, and kept for admins.
   */
  async offer({ source, owner, isAdmin, redact, reading }: UserList): Promise<void> {
    const { keptCatalogues, logger } = this.#options;
    await keptCatalogues.restore();
    if (this.#isFrozen) return;
    const clean = redactSource(source, this.#served?.source, redact);
    const ownerKey = toUserKey(owner);
    if (this.#isSource(ownerKey, isAdmin)) {
      this.#serve({ source: clean, origin: isAdmin ? 'admin' : 'user', ownerKey }, reading);
      return;
    }
    const difference = this.#differences.note(clean, owner, this.current, this.#config);
    if (difference === undefined) return;
    const { changes, isServerTextChanged } = difference;
    logger.warn("a user's session lists other tools than the document, which stays as it is: /admin shows both", {
      server: this.#config.name,
      ...changes,
      ...(isServerTextChanged ? { instructions: 'changed' } : {}),
    });
  }

  /** Serves a list of `differences` from here on; `false` if it is not known any more. */
  choose(id: string): boolean {
    const source = this.#differences.source(id);
    if (source === undefined) return false;
    this.#serve({ source, origin: 'chosen', ownerKey: undefined }, this.begin());
    return true;
  }

  /** Forgets what the sessions of this owner listed, but for what is served. */
  forget(owner: UserId): void {
    this.#differences.forget(owner);
  }

  /** Takes no changes any more: the list of the sessions that take the place of its own is the one that is kept. */
  freeze(): void {
    this.#isFrozen = true;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  #isSource(ownerKey: string, isAdmin: boolean): boolean {
    const { discovery } = this.#config;
    const served = this.#served;
    if (discovery !== undefined || served?.origin === 'chosen') return false;
    if (isAdmin) {
      // Of the admins, the first one in this run.
      return served?.origin !== 'admin' || served.ownerKey === undefined || served.ownerKey === ownerKey;
    }
    if (!trustsFirstUser(this.#config)) return false;
    return served === undefined || (served.origin === 'user' && served.ownerKey === ownerKey);
  }

  #restore({ source, origin, ownerKey }: Omit<Served, 'catalogue'>): void {
    if (this.#served !== undefined) return;
    this.#served = { source, origin, ownerKey, catalogue: toCatalogue(source, this.#config) };
    this.#options.onChange();
  }

  #serve(source: Omit<Served, 'catalogue'>, reading: number): void {
    if (this.#isFrozen || reading < this.#servedReading) return;
    const { keptCatalogues, onChange, logger } = this.#options;
    const config = this.#config;
    const catalogue = toCatalogue(source.source, config);
    const before = this.#served;
    const previous = before?.catalogue ?? this.#options.before;
    this.#servedReading = reading;
    this.#served = { ...source, catalogue };
    const isSame = before?.catalogue.revision === catalogue.revision;
    if (isSame && before.origin === source.origin) return;
    const keeping = keptCatalogues.keep(config.name, toKeptCatalogue(this.#served, config));
    if (isSame) return;
    void keeping.then((content) => this.#reportChanges(previous, content, catalogue));
    // Until now the document said that nobody had listed them.
    if (previous === undefined && source.origin !== 'service') {
      logger.warn('the tools are known now: save the connection in Open WebUI again', { server: config.name });
    }
    this.#tellChange(previous, catalogue);
    onChange();
  }

  #tellChange(previous: Catalogue | undefined, catalogue: Catalogue): void {
    const { logger } = this.#options;
    const server = this.#config.name;
    for (const { name, reason } of catalogue.rejected) {
      logger.warn('tool is left out', { server, tool: name, reason });
    }
    this.#tellUnmatched(catalogue);
    if (previous === undefined || previous.revision === catalogue.revision) return;
    logger.warn('the list of tools has changed: save the connection in Open WebUI again', {
      server,
      tools: catalogue.tools.size,
    });
  }

  /** Each rule once: most probably it is misspelt, and restricts nothing. */
  #tellUnmatched({ unmatchedRules }: Catalogue): void {
    const { logger } = this.#options;
    for (const reason of unmatchedRules.map(describeUnmatchedRule)) {
      if (this.#toldUnmatched.has(reason)) continue;
      this.#toldUnmatched.add(reason);
      logger.warn('a rule of the servers file matches no tool', { server: this.#config.name, reason });
    }
  }

  /** Compares with the last list of this run, else with the one that was kept over the restart. */
  #reportChanges(previous: Catalogue | undefined, kept: string | undefined, catalogue: Catalogue): void {
    const { keptCatalogues } = this.#options;
    const config = this.#config;
    const last = kept === undefined ? undefined : fromKeptCatalogue(kept, config);
    const before = previous ?? (last && toCatalogue(last.source, config));
    if (before === undefined || before.revision === catalogue.revision) return;
    const definitions = ({ tools }: Catalogue) => [...tools.values()].map(({ definition }) => definition);
    const changes = toToolChanges(definitions(before), definitions(catalogue));
    if (Object.keys(changes).length === 0) return;
    keptCatalogues.changed(config.name, { ...changes, tools: catalogue.tools.size });
  }
}

/** Reads what a session says of its server. Throws `ServiceError`s. */
export async function readSource(session: Session, signal: AbortSignal): Promise<CatalogueSource> {
  const { serverInfo, instructions } = session;
  return { serverInfo, instructions, list: await session.listTools(signal) };
}
