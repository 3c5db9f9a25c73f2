import { ServerUnavailableError } from '../errors.ts';
import { FairTurns, shareOfOne } from '../turns/fair-turns.ts';
import { hashApiKey } from './api-key.ts';
import { type OpenWebUiUser, toOpenWebUiUser } from './open-webui-user.ts';

/** How long an answer counts: a user who logs out or is put out stays known for no longer. */
const KNOWN_MS = 60_000;
const REFUSED_MS = 10_000;
const MAX_KEPT = 10_000;
/**
 * Questions at once about credentials that are genuine as far as is known: this service has checked the signature, or
 * Open WebUI itself has said so before.
 */
const MAX_KNOWN_AT_ONCE = 24;
/** About all others, which anybody can make up: they take turns by address and keep nobody else waiting. */
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

interface Kept<Answer> {
  readonly answer: Answer;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Asks Open WebUI to whom a session token or `sk-` key belongs. Keeps answers by digest, never what was presented. */
export class OpenWebUiDirectory {
  readonly #url: string;
  readonly #now: () => number;
  // Apart, so that a flood of forged ones does not push the known ones out.
  readonly #known = new Map<string, Kept<OpenWebUiUser>>();
  readonly #refused = new Map<string, Kept<'refused'>>();
  readonly #knownTurns = new FairTurns(toTurnLimits(MAX_KNOWN_AT_ONCE));
  readonly #unknownTurns = new FairTurns(toTurnLimits(MAX_UNKNOWN_AT_ONCE));
  readonly #asking = new Map<string, Promise<OpenWebUiUser | 'refused'>>();

  constructor(baseUrl: string, now: () => number) {
    this.#url = `${baseUrl.replace(/\/+$/, '')}/api/v1/auths/`;
    this.#now = now;
  }

  /**
   * The user, or `refused` when Open WebUI knows none by it; without asking if that was said a moment ago and the
   * credential has not expired. Rejects with `ServerUnavailableError` when it cannot be asked in time.
   */
  userOf(presented: PresentedCredential): OpenWebUiUser | 'refused' | Promise<OpenWebUiUser | 'refused'> {
    const { credential, expiresAt, isGenuine, address } = presented;
    const digest = hashApiKey(credential);
    const known = this.#known.get(digest);
    const kept = known ?? this.#refused.get(digest);
    if (kept !== undefined && this.#now() < kept.until) return kept.answer;
    const asking = this.#asking.get(digest);
    if (asking !== undefined) return asking;
    const isKnown = isGenuine || known !== undefined;
    const asked = this.#askInTurn(credential, isKnown ? this.#knownTurns : this.#unknownTurns, address)
      .then((answer) => {
        this.#keep(digest, answer, expiresAt);
        return answer;
      })
      .finally(() => this.#asking.delete(digest));
    this.#asking.set(digest, asked);
    return asked;
  }

  async #askInTurn(credential: string, turns: FairTurns, address: string): Promise<OpenWebUiUser | 'refused'> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const isTurn = turns.tryTake(address) || (await turns.wait(address, signal));
    if (isTurn !== true) throw unavailable('is being asked about too many callers at once');
    try {
      return await this.#ask(credential, signal);
    } finally {
      turns.release(address);
    }
  }

  async #ask(credential: string, signal: AbortSignal): Promise<OpenWebUiUser | 'refused'> {
    try {
      const headers = { accept: 'application/json', authorization: `Bearer ${credential}` };
      const response = await fetch(this.#url, { headers, redirect: 'manual', signal });
      if (response.status === 200) return readUser(await readText(response));
      await response.body?.cancel();
      if (response.status === 401 || response.status === 403) return 'refused';
      throw unavailable(`answered with HTTP ${response.status}`);
    } catch (error) {
      if (error instanceof ServerUnavailableError) throw error;
      // Node's own message may hold the URL.
      throw unavailable(signal.aborted ? 'did not answer in time' : 'could not be reached', error);
    }
  }

  #keep(digest: string, answer: OpenWebUiUser | 'refused', expiresAt: number): void {
    this.#known.delete(digest);
    this.#refused.delete(digest);
    if (answer === 'refused') insert(this.#refused, digest, { answer, until: this.#now() + REFUSED_MS });
    else insert(this.#known, digest, { answer, until: Math.min(this.#now() + KNOWN_MS, expiresAt) });
  }
}

function toTurnLimits(maxRunning: number) {
  return {
    maxRunning,
    maxRunningOfOne: shareOfOne(maxRunning),
    maxWaiting: MAX_WAITING,
    maxWaitingOfOne: shareOfOne(MAX_WAITING),
  };
}

function insert<Answer>(kept: Map<string, Kept<Answer>>, digest: string, value: Kept<Answer>): void {
  if (kept.size >= MAX_KEPT) {
    const [oldest] = kept.keys();
    if (oldest !== undefined) kept.delete(oldest);
  }
  kept.set(digest, value);
}

function readUser(text: string): OpenWebUiUser {
  const answer = parseObject(text);
  const user = answer && toOpenWebUiUser(answer.id, answer);
  if (user === undefined) throw unavailable('gave an answer that names no user');
  return user;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw unavailable('gave an answer that is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unavailable(what: string, cause?: unknown): ServerUnavailableError {
  return new ServerUnavailableError(
    `Open WebUI ${what}, so that it is not known who calls; try again in a moment.`,
    RETRY_AFTER_SECONDS,
    { cause },
  );
}
