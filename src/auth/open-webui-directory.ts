import { hash } from 'node:crypto';
import { BoundedMap } from '../bounded-map.ts';
import { ServerUnavailableError } from '../errors.ts';
import { FairTurns } from '../turns/fair-turns.ts';
import { isIdentifier } from './claims.ts';
import { parseJsonObject, readBody } from './json-body.ts';
import { readGroups } from './open-webui-groups.ts';
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

interface Answer {
  /** `undefined`: it knows none. */
  readonly user: UserProfile | undefined;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Asks Open WebUI to whom a session token or `sk-` key belongs. Caches answers by digest, never what was presented. */
export class OpenWebUiDirectory {
  readonly #url: string;
  readonly #groupsUrl: string | undefined;
  // Apart, so that a flood of forged ones does not push the known ones out.
  readonly #known = new BoundedMap<string, Answer>(MAX_ANSWERS);
  readonly #refused = new BoundedMap<string, Answer>(MAX_ANSWERS);
  readonly #knownTurns = new FairTurns({ maxRunning: MAX_KNOWN_AT_ONCE, maxWaiting: MAX_WAITING });
  readonly #unknownTurns = new FairTurns({ maxRunning: MAX_UNKNOWN_AT_ONCE, maxWaiting: MAX_WAITING });
  readonly #asking = new Map<string, Promise<UserProfile | undefined>>();

  /** With `asksForGroups` it reads the groups of each user as well, with a second request. */
  constructor(baseUrl: string, { asksForGroups = false }: { readonly asksForGroups?: boolean } = {}) {
    const base = baseUrl.replace(/\/+$/, '');
    this.#url = `${base}/api/v1/auths/`;
    this.#groupsUrl = asksForGroups ? `${base}/api/v1/users/groups` : undefined;
  }

  /**
   * The user, or `undefined` when Open WebUI knows none by it; without asking if it answered a moment ago and the
   * credential has not expired. Rejects with `ServerUnavailableError` when it cannot be asked in time.
   */
  async userOf(presented: PresentedCredential): Promise<UserProfile | undefined> {
    const digest = hash('sha256', presented.credential);
    const known = this.#known.get(digest);
    const answer = known ?? this.#refused.get(digest);
    if (answer !== undefined && Date.now() < answer.until) return answer.user;
    const asking = this.#asking.get(digest);
    if (asking !== undefined) return asking;
    const isKnown = presented.isGenuine || known !== undefined;
    const asked = this.#askInTurn(presented, digest, isKnown ? this.#knownTurns : this.#unknownTurns);
    this.#asking.set(digest, asked);
    return asked.finally(() => this.#asking.delete(digest));
  }

  async #askInTurn(presented: PresentedCredential, digest: string, turns: FairTurns): Promise<UserProfile | undefined> {
    const { credential, expiresAt, address } = presented;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const busy = () => unavailable('is being asked about too many callers at once');
    const user = await turns.run(address, signal, () => this.#ask(credential, signal), busy);
    this.#known.delete(digest);
    this.#refused.delete(digest);
    if (user === undefined) this.#refused.set(digest, { user, until: Date.now() + REFUSED_MS });
    else this.#known.set(digest, { user, until: Math.min(Date.now() + KNOWN_MS, expiresAt) });
    return user;
  }

  async #ask(credential: string, signal: AbortSignal): Promise<UserProfile | undefined> {
    try {
      const answer = await this.#get(this.#url, credential, signal);
      if (answer.status !== 200) {
        await answer.body?.cancel();
        if (answer.status === 401 || answer.status === 403) return undefined;
        throw unavailable(`answered with HTTP ${answer.status}`);
      }
      const user = await readUser(answer);
      if (this.#groupsUrl === undefined) return user;
      return { ...user, groups: await this.#askForGroups(this.#groupsUrl, credential, signal) };
    } catch (error) {
      if (error instanceof ServerUnavailableError) throw error;
      // Node's own message may hold the URL.
      throw unavailable(signal.aborted ? 'did not answer in time' : 'could not be reached', error);
    }
  }

  /** None for a user who may not read them (yet), and from a version of Open WebUI that cannot be asked. */
  async #askForGroups(url: string, credential: string, signal: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#get(url, credential, signal);
    if (answer.status === 200) {
      const groups = readGroups(await readBody(answer, MAX_BYTES));
      if (groups !== undefined) return groups;
      throw unavailable('gave an answer about groups that cannot be read');
    }
    await answer.body?.cancel();
    if (answer.status < 500 && answer.status !== 429) return [];
    throw unavailable(`answered with HTTP ${answer.status}`);
  }

  #get(url: string, credential: string, signal: AbortSignal): Promise<Response> {
    const headers = { accept: 'application/json', authorization: `Bearer ${credential}` };
    return fetch(url, { headers, redirect: 'manual', signal });
  }
}

async function readUser(response: Response): Promise<UserProfile> {
  const text = await readBody(response, MAX_BYTES);
  const answer = text === undefined ? undefined : parseJsonObject(text);
  if (isIdentifier(answer?.id)) return toOpenWebUiUser(answer.id, answer);
  throw unavailable('gave an answer that is too large or names no user');
}

function unavailable(what: string, cause?: unknown): ServerUnavailableError {
  return new ServerUnavailableError(
    `Open WebUI ${what}, so that it is not known who calls; try again in a moment.`,
    RETRY_AFTER_SECONDS,
    { cause },
  );
}
