import { isDeepStrictEqual } from 'node:util';
import type { SecretSourceSettings } from '../config/secret-source-variables.ts';
import type { ReferenceReading } from '../placeholders/parse-template.ts';
import type { Logger } from '../telemetry/logger.ts';
import { parseReference, type Reference } from './reference.ts';
import type { SecretDocument, SecretSources } from './secret-sources.ts';
import { SourceError } from './source-error.ts';

/** While a value is missing, its source is asked after so long, and then after twice as long each time. */
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

interface Entry {
  readonly reference: Reference;
  /** The last value that was read; it stays in use while its source is away. */
  text: string | undefined;
  /** Why it could not be read the last time. */
  reason: string | undefined;
}

/** Who is informed of what happens between two readings of the configuration. */
export interface RefreshListener {
  readonly logger: Logger;
  /** Values have changed, or could be read at last. */
  onChange(): void;
}

/**
 * The values of the references in the servers file, such as `${vault:secret/data/jira#token}`. The file is read without
 * waiting: `load` reads it until every reference that it names has been looked for. From `start` on the values are read
 * again from time to time.
 */
export class SecretReferences {
  #settings: SecretSourceSettings | undefined;
  #sources: SecretSources | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #documents = new Map<string, SecretDocument>();
  /** References of the reading that is under way, and those of them that are still to be looked for. */
  readonly #named = new Set<string>();
  #pending = new Map<string, Reference>();
  #listener: RefreshListener | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  /** When everything is read again: milliseconds since the epoch. */
  #nextFullAt = Number.POSITIVE_INFINITY;

  /** Uses other settings; where they differ, everything is read anew the next time. */
  configure(settings: SecretSourceSettings): void {
    if (isDeepStrictEqual(settings, this.#settings)) return;
    this.#settings = settings;
    this.#sources = undefined;
    this.#documents.clear();
    this.#nextFullAt = 0;
    this.#schedule();
  }

  /** What the servers file is to have in place of a reference, without `${` and `}`. */
  lookUp(text: string): ReferenceReading {
    if (this.#settings === undefined) return { kind: 'problem', message: 'cannot be read here' };
    const reference = parseReference(text, this.#settings);
    if (typeof reference === 'string') return { kind: 'problem', message: reference };
    this.#named.add(text);
    const entry = this.#entries.get(text);
    if (entry?.text !== undefined) return { kind: 'value', text: entry.text };
    if (entry === undefined) this.#pending.set(text, reference);
    return { kind: 'unresolved', reason: entry?.reason ?? 'has not been read yet' };
  }

  /**
   * Reads a configuration by `read`, which looks up its references, as often as it names some that were not looked for
   * yet. Values that cannot be read are unresolved in it. Rejects with what `read` throws.
   */
  async load<Loaded>(read: () => Loaded): Promise<Loaded> {
    for (;;) {
      this.#named.clear();
      this.#pending = new Map();
      const outcome = attempt(read);
      if (this.#pending.size === 0) {
        this.#forgetUnnamed();
        this.#schedule();
        if (outcome.isRead) return outcome.loaded;
        throw outcome.error;
      }
      for (const [text, reference] of this.#pending) {
        this.#entries.set(text, { reference, text: undefined, reason: undefined });
      }
      await this.#read([...this.#pending.keys()]);
    }
  }

  /** From here on reads values again: at the interval, before a lease ends, and soon where one is missing. */
  start(listener: RefreshListener): void {
    this.#listener = listener;
    this.#schedule();
  }

  stop(): void {
    this.#listener = undefined;
    clearTimeout(this.#timer);
  }

  #forgetUnnamed(): void {
    for (const text of this.#entries.keys()) if (!this.#named.has(text)) this.#entries.delete(text);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#listener === undefined || this.#entries.size === 0) return;
    const { refreshMs = Number.POSITIVE_INFINITY } = this.#settings ?? {};
    this.#nextFullAt = Math.min(this.#nextFullAt, Date.now() + refreshMs);
    const dueAts = [...this.#documents.values()].map(({ dueAt }) => dueAt);
    const dueAt = Math.min(this.#nextFullAt, this.#sources?.dueAt ?? Number.POSITIVE_INFINITY, ...dueAts);
    const missingIn = this.#missing().length > 0 ? this.#retryMs : Number.POSITIVE_INFINITY;
    const waitMs = Math.min(missingIn, Math.max(this.#retryMs, dueAt - Date.now()));
    if (waitMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => void this.#refresh(), waitMs).unref();
  }

  async #refresh(): Promise<void> {
    const now = Date.now();
    const isFull = now >= this.#nextFullAt;
    if (isFull) this.#nextFullAt = Number.POSITIVE_INFINITY;
    const isDue = ([text, { reference }]: readonly [string, Entry]) =>
      this.#missing().includes(text) || now >= (this.#documents.get(placeOf(reference))?.dueAt ?? 0);
    const texts = [...this.#entries].filter((entry) => isFull || isDue(entry)).map(([text]) => text);
    const isRenewed = await this.#renew();
    const isChanged = await this.#read(texts);
    const hasFailed = !isRenewed || this.#missing().length > 0;
    this.#retryMs = hasFailed ? Math.min(MAX_RETRY_MS, this.#retryMs * 2) : FIRST_RETRY_MS;
    if (isChanged) this.#listener?.onChange();
    this.#schedule();
  }

  /** References without a value. */
  #missing(): readonly string[] {
    return [...this.#entries].flatMap(([text, entry]) => (entry.text === undefined ? text : []));
  }

  /** Whether no log-in is overdue. */
  async #renew(): Promise<boolean> {
    try {
      await this.#sources?.renew();
      return true;
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#listener?.logger.warn('a log-in at a source of secrets cannot be renewed', { reason: error.message });
      return false;
    }
  }

  /** Reads each place once, however many references lead there; returns whether any value has changed. */
  async #read(texts: readonly string[]): Promise<boolean> {
    const places = groupByPlace(this.#entries, texts);
    const changes = await Promise.all([...places].map(([place, entries]) => this.#readPlace(place, entries)));
    return changes.includes(true);
  }

  async #readPlace(place: string, entries: ReadonlyMap<string, Entry>): Promise<boolean> {
    const [first] = entries.values();
    if (first === undefined || this.#settings === undefined) return false;
    const { logger } = this.#listener ?? {};
    let isChanged = false;
    let document: SecretDocument | SourceError;
    try {
      const { SecretSources: Sources } = await import('./secret-sources.ts');
      this.#sources ??= new Sources(this.#settings);
      document = await this.#sources.read(first.reference, this.#documents.get(place));
      this.#documents.set(place, document);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      document = error;
    }
    for (const [text, entry] of entries) {
      const found = document instanceof SourceError ? document : document.valueOf(entry.reference);
      if (typeof found === 'string') {
        if (entry.reason !== undefined) logger?.info('a secret can be read again', { reference: `\${${text}}` });
        entry.reason = undefined;
        isChanged ||= entry.text !== found;
        entry.text = found;
      } else if (entry.reason !== found.message) {
        entry.reason = found.message;
        const use = entry.text === undefined ? 'what needs it waits' : 'its last value stays in use';
        logger?.warn(`a secret cannot be read; ${use}`, { reference: `\${${text}}`, reason: found.message });
      }
    }
    return isChanged;
  }
}

function placeOf({ source, locator }: Reference): string {
  return `${source}:${locator}`;
}

/** References by the place that they are kept at. */
function groupByPlace(entries: ReadonlyMap<string, Entry>, texts: readonly string[]) {
  const places = new Map<string, Map<string, Entry>>();
  for (const text of texts) {
    const entry = entries.get(text);
    if (entry === undefined) continue;
    const place = placeOf(entry.reference);
    places.set(place, (places.get(place) ?? new Map<string, Entry>()).set(text, entry));
  }
  return places;
}

function attempt<Loaded>(read: () => Loaded) {
  try {
    return { isRead: true, loaded: read() } as const;
  } catch (error) {
    return { isRead: false, error } as const;
  }
}
