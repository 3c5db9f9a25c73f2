import { hash } from 'node:crypto';
import { BoundedMap } from '../bounded-map.ts';
import { ServerUnavailableError } from '../errors.ts';
import { FairTurns } from '../turns/fair-turns.ts';
import { parseJsonObject, readBody } from './json-body.ts';
import { toOpenWebUiUser } from './open-webui-token.ts';
import type { UserProfile } from './user.ts';

/** How long an answer counts: a user who logs out or is removed stays known for no longer. */
const KNOWN_MS = 60_000;
const REFUSED_MS = 10_000;
const MAX_ANSWERS = 10_000;
/**
 * Questions at once about credentials that are genuine as far as is known: this service has checked the signature, or
 * Open WebUI itself has said so before.
 */
const MAX_KNOWN_AT_ONCE = 24;
/** About all others, which anybody can make up: they take turns by address and do not delay the others. */
const MAX_UNKNOWN_AT_ONCE = 8;
const MAX_WAITING = 512;
/** For waiting and asking together. */
const TIMEOUT_MS = 5_000;
/** The answer may hold the user's picture. */
const MAX_BYTES = 1024 * 1024;
const RETRY_AFTER_SECONDS = 5;

/** What is presented to the service, to be shown to Open WebUI. */
export interface PresentedCredential {
  readonly credential: string;
  /** Milliseconds since the epoch; an answer counts no longer. */
  readonly expiresAt: number;
  /** It was checked that Open WebUI has made it. */
  readonly isGenuine: boolean;
  /** Where it comes from. */
  readonly address: string;
}

interface Answer<Kind> {
  readonly answer: Kind;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Asks Open WebUI to whom a session token or `sk-` key belongs. Caches answers by digest, never what was presented. */
export class OpenWebUiDirectory {
  readonly #url: string;
  readonly #now: () => number;
  // Apart, so that a flood of forged ones does not push the known ones out.
  readonly #known = new BoundedMap<string, Answer<UserProfile>>(MAX_ANSWERS);
  readonly #refused = new BoundedMap<string, Answer<'refused'>>(MAX_ANSWERS);
  readonly #knownTurns = new FairTurns({ maxRunning: MAX_KNOWN_AT_ONCE, maxWaiting: MAX_WAITING });
  readonly #unknownTurns = new FairTurns({ maxRunning: MAX_UNKNOWN_AT_ONCE, maxWaiting: MAX_WAITING });
  readonly #asking = new Map<string, Promise<UserProfile | 'refused'>>();

  constructor(baseUrl: string, now: () => number) {
    this.#url = `${baseUrl.replace(/\/+$/, '')}/api/v1/auths/`;
    this.#now = now;
  }

  /**
   * The user, or `refused` when Open WebUI knows none by it; without asking if it answered a moment ago and the
   * credential has not expired. Rejects with `ServerUnavailableError` when it cannot be asked in time.
   */
  userOf(presented: PresentedCredential): UserProfile | 'refused' | Promise<UserProfile | 'refused'> {
    const { credential, expiresAt, isGenuine, address } = presented;
    const digest = hash('sha256', credential);
    const known = this.#known.get(digest);
    const kept = known ?? this.#refused.get(digest);
    if (kept !== undefined && this.#now() < kept.until) return kept.answer;
    const asking = this.#asking.get(digest);
    if (asking !== undefined) return asking;
    const isKnown = isGenuine || known !== undefined;
    const turns = isKnown ? this.#knownTurns : this.#unknownTurns;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const asked = turns
      .run(
        address,
        signal,
        () => this.#ask(credential, signal),
        () => unavailable('is being asked about too many callers at once'),
      )
      .then((answer) => {
        this.#keep(digest, answer, expiresAt);
        return answer;
      })
      .finally(() => this.#asking.delete(digest));
    this.#asking.set(digest, asked);
    return asked;
  }

  async #ask(credential: string, signal: AbortSignal): Promise<UserProfile | 'refused'> {
    try {
      const headers = { accept: 'application/json', authorization: `Bearer ${credential}` };
      const response = await fetch(this.#url, { headers, redirect: 'manual', signal });
      if (response.status === 200) return await readUser(response);
      await response.body?.cancel();
      if (response.status === 401 || response.status === 403) return 'refused';
      throw unavailable(`answered with HTTP ${response.status}`);
    } catch (error) {
      if (error instanceof ServerUnavailableError) throw error;
      // Node's own message may hold the URL.
      throw unavailable(signal.aborted ? 'did not answer in time' : 'could not be reached', error);
    }
  }

  #keep(digest: string, answer: UserProfile | 'refused', expiresAt: number): void {
    this.#known.delete(digest);
    this.#refused.delete(digest);
    if (answer === 'refused') this.#refused.set(digest, { answer, until: this.#now() + REFUSED_MS });
    else this.#known.set(digest, { answer, until: Math.min(this.#now() + KNOWN_MS, expiresAt) });
  }
}

async function readUser(response: Response): Promise<UserProfile> {
  const text = await readBody(response, MAX_BYTES);
  if (text === undefined) throw unavailable('gave an answer that is too large');
  const answer = parseJsonObject(text);
  const user = answer && toOpenWebUiUser(answer.id, answer);
  if (user === undefined) throw unavailable('gave an answer that names no user');
  return user;
}

function unavailable(what: string, cause?: unknown): ServerUnavailableError {
  return new ServerUnavailableError(
    `Open WebUI ${what}, so that it is not known who calls; try again in a moment.`,
    RETRY_AFTER_SECONDS,
    { cause },
  );
}
