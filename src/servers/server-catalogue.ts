import { toUserKey, type UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { Session, ToolDefinition } from '../mcp/session.ts';
import { type Catalogue, type CatalogueSource, toCatalogue } from './catalogue.ts';
import { fromCachedCatalogue, toCachedCatalogue } from './catalogue-cache.ts';
import { type CatalogueDifference, CatalogueDifferences, toToolChanges } from './catalogue-differences.ts';
import { type CatalogueOrigin, type OriginatedSource, trustsFirstUser } from './catalogue-origin.ts';
import { redactSource } from './redact-source.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import { readSource } from './tool-list-reader.ts';
import { describeUnmatchedRule } from './unmatched-rules.ts';

export interface ServerCatalogueOptions {
  readonly config: ServerConfig;
  readonly dependencies: Pick<SessionDependencies, 'logger' | 'catalogueCache' | 'noteToolChanges'>;
  /** That of the generation before: its list is served, where it may be, and changes are reported against it. */
  readonly former?: ServerCatalogue | undefined;
  readonly onChange: () => void;
}

/** What a session of a user's lists. */
export interface UserList {
  readonly source: CatalogueSource;
  readonly owner: UserId;
  /** The user has the role or the scope `admin`. */
  readonly isAdmin: boolean;
  /** Takes the user's own values out of texts. */
  readonly redact: (text: string) => string;
  /** From `ServerCatalogue.begin`. */
  readonly reading: number;
}

interface Served extends OriginatedSource {
  /** Whose session listed it; `undefined` for the service's own, and for what was cached. */
  readonly ownerKey: string | undefined;
}

/**
 * The list of tools of one server that all see. It has one source, in this order: the service's own session (shared, or
 * with the values of `discovery`), what an admin chose, the first session of an admin's, and the first session of a
 * user's where `trustsFirstUser`. Only that source changes it; what other users' sessions list is a difference. What
 * was cached in an earlier run stays until a source of that rank, or a higher one, lists; a user's until an admin's does.
 */
export class ServerCatalogue {
  /** Set by this class alone; a field, since every call reads it. */
  current: Catalogue | undefined;
  readonly #dependencies: ServerCatalogueOptions['dependencies'];
  readonly #onChange: () => void;
  readonly #before: Catalogue | undefined;
  readonly #differences = new CatalogueDifferences();
  readonly #reportedRules = new Set<string>();
  #config: ServerConfig;
  #served: Served | undefined;
  #loading: Promise<void> | undefined;
  #readings = 0;
  #servedReading = 0;
  #isFrozen = false;

  constructor({ config, dependencies, former, onChange }: ServerCatalogueOptions) {
    this.#config = config;
    this.#dependencies = dependencies;
    this.#onChange = onChange;
    this.#before = former?.current;
    if (former !== undefined) this.#inherit(former);
  }

  /** All that the server lists, by its own names, what the admin disabled included. */
  get offered(): readonly ToolDefinition[] {
    return this.#served?.source.list.tools ?? [];
  }

  get origin(): CatalogueOrigin | undefined {
    return this.#served?.origin;
  }

  /** How lists of users' sessions differ from what is served; the newest last. */
  get differences(): readonly CatalogueDifference[] {
    return this.#differences.list(this.current, this.#config);
  }

  /** Takes over which tools are enabled, at once. */
  reconfigure(config: ServerConfig): void {
    this.#config = config;
    if (this.#served === undefined) return;
    const previous = this.current;
    this.current = toCatalogue(this.#served.source, config);
    this.#logChange(previous, this.current);
    if (this.current.revision !== previous?.revision) this.#onChange();
  }

  /** Serves the list that was cached in an earlier run, until its source lists again. */
  async loadCached(): Promise<void> {
    if (this.#served !== undefined) return;
    this.#loading ??= this.#load();
    await this.#loading;
  }

  /** To be called before a list is read, so that no older answer comes after a newer one. */
  begin(): number {
    this.#readings += 1;
    return this.#readings;
  }

  /** Reads the list of the service's own session and serves it from here on. Throws `ServiceError`s. */
  async list(session: Session, signal: AbortSignal): Promise<void> {
    if (this.#isFrozen) return;
    const reading = this.begin();
    const source = await readSource(session, signal);
    this.#serve({ source, origin: 'service', ownerKey: undefined }, reading);
  }

  /**
   * Serves the list of a user's session if it is the source of what all see, or becomes it. Otherwise nothing changes
   * for others: the difference is logged, and listed for admins.
   */
  async offer({ source, owner, isAdmin, redact, reading }: UserList): Promise<void> {
    await this.loadCached();
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
    this.#dependencies.logger.warn(
      "a user's session lists other tools than the document, which stays as it is: /admin shows both",
      {
        server: this.#config.name,
        ...changes,
        ...(isServerTextChanged ? { instructions: 'changed' } : {}),
      },
    );
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

  /** Takes no more changes: the next generation's list is the one that counts. */
  freeze(): void {
    this.#isFrozen = true;
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

  async #load(): Promise<void> {
    const content = await this.#dependencies.catalogueCache.load(this.#config.name);
    const cached = content === undefined ? undefined : fromCachedCatalogue(content, this.#config);
    if (cached === undefined || this.#served !== undefined) return;
    this.#served = { ...cached, ownerKey: undefined };
    this.current = toCatalogue(cached.source, this.#config);
    this.#onChange();
  }

  /** Serves what was served with the settings before, where it would be loaded from the cache for these. */
  #inherit(former: ServerCatalogue): void {
    if (former.#served === undefined) return;
    const { ownerKey } = former.#served;
    const cached = fromCachedCatalogue(toCachedCatalogue(former.#served, former.#config), this.#config);
    if (cached === undefined) return;
    this.#served = { ...cached, ownerKey };
    this.current = toCatalogue(cached.source, this.#config);
  }

  #serve(served: Served, reading: number): void {
    if (this.#isFrozen || reading < this.#servedReading) return;
    const { catalogueCache, logger } = this.#dependencies;
    const config = this.#config;
    const catalogue = toCatalogue(served.source, config);
    const previous = this.current ?? this.#before;
    const isSame = this.current?.revision === catalogue.revision;
    const isSameOrigin = this.#served?.origin === served.origin;
    this.#servedReading = reading;
    this.#served = served;
    this.current = catalogue;
    if (isSame && isSameOrigin) return;
    const saving = catalogueCache.save(config.name, toCachedCatalogue(served, config));
    if (isSame) return;
    void saving.then((content) => this.#reportChanges(previous, content, catalogue));
    // Until now the document said that they were not listed yet.
    if (previous === undefined && served.origin !== 'service') {
      logger.warn('the tools are known now: save the connection in Open WebUI again', { server: config.name });
    }
    this.#logChange(previous, catalogue);
    this.#onChange();
  }

  #logChange(previous: Catalogue | undefined, catalogue: Catalogue): void {
    const { logger } = this.#dependencies;
    const server = this.#config.name;
    this.#reportRules(catalogue);
    if (previous?.revision === catalogue.revision) return;
    for (const { name, reason } of catalogue.rejected) {
      logger.warn('tool is left out', { server, tool: name, reason });
    }
    if (previous === undefined) return;
    logger.warn('the list of tools has changed: save the connection in Open WebUI again', {
      server,
      tools: catalogue.tools.size,
    });
  }

  /** Each rule once: it is probably misspelt, and restricts nothing. */
  #reportRules({ unmatchedRules }: Catalogue): void {
    const { logger } = this.#dependencies;
    for (const reason of unmatchedRules.map(describeUnmatchedRule)) {
      if (this.#reportedRules.has(reason)) continue;
      this.#reportedRules.add(reason);
      logger.warn('a rule of the servers file matches no tool', { server: this.#config.name, reason });
    }
  }

  /** Compares with the last list of this run, else with the one that was cached before it. */
  #reportChanges(previous: Catalogue | undefined, content: string | undefined, catalogue: Catalogue): void {
    const config = this.#config;
    const cached = content === undefined ? undefined : fromCachedCatalogue(content, config);
    const before = previous ?? (cached && toCatalogue(cached.source, config));
    if (before === undefined || before.revision === catalogue.revision) return;
    const changes = toToolChanges(before, catalogue);
    if (Object.keys(changes).length === 0) return;
    this.#dependencies.noteToolChanges?.(config.name, { ...changes, tools: catalogue.tools.size });
  }
}
