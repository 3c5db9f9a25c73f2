import { BoundedMap } from '../bounded-map.ts';
import { ServerUnavailableError } from '../errors.ts';
import { isIdentifier } from './claims.ts';
import { type JsonObject, parseJsonObject, readBody } from './json-body.ts';

const TIMEOUT_MS = 5_000;
/** The answer may hold the user's picture. */
const MAX_BYTES = 1024 * 1024;
const MAX_USERS = 10_000;
/** A user who signs in with the provider for the first time is linked after this long. */
const KNOWN_MS = 600_000;

/**
 * The subject that a user of Open WebUI has at an OAuth provider, in what Open WebUI says of the user: `oauth`, or
 * `oauth_sub` in older versions. `undefined` if it names none.
 */
function readOauthSubject({ oauth, oauth_sub: former }: JsonObject, provider: string): string | undefined {
  const { sub } = Object((Object(oauth) as JsonObject)[provider]) as { readonly sub?: unknown };
  if (isIdentifier(sub)) return sub;
  const prefix = `${provider}@`;
  const text = typeof former === 'string' && former.startsWith(prefix) ? former.slice(prefix.length) : undefined;
  return isIdentifier(text) ? text : undefined;
}

/** Asks Open WebUI, with an admin's API key, which subject its users have at the identity provider. */
export class OpenWebUiSubjects {
  readonly #url: string;
  readonly #apiKey: string;
  readonly #provider: string;
  readonly #known = new BoundedMap<string, { readonly subject: string | undefined; readonly until: number }>(MAX_USERS);

  constructor(baseUrl: string, apiKey: string, provider: string) {
    this.#url = `${baseUrl.replace(/\/+$/, '')}/api/v1/users/`;
    this.#apiKey = apiKey;
    this.#provider = provider;
  }

  /** `undefined` if Open WebUI names none. Rejects with `ServerUnavailableError` where it cannot be asked. */
  async subjectOf(userId: string): Promise<string | undefined> {
    const known = this.#known.use(userId);
    if (known !== undefined && Date.now() < known.until) return known.subject;
    const subject = await this.#ask(userId);
    this.#known.set(userId, { subject, until: Date.now() + KNOWN_MS });
    return subject;
  }

  async #ask(userId: string): Promise<string | undefined> {
    // A dot segment would lead to another document.
    if (/^\.{1,2}$/.test(userId)) return undefined;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const headers = { accept: 'application/json', authorization: `Bearer ${this.#apiKey}` };
    let user: JsonObject | undefined;
    try {
      const answer = await fetch(this.#url + encodeURIComponent(userId), { headers, redirect: 'manual', signal });
      if (answer.status !== 200) {
        await answer.body?.cancel();
        throw new ServerUnavailableError(`Open WebUI answered with HTTP ${answer.status}.`, 1);
      }
      user = parseJsonObject((await readBody(answer, MAX_BYTES)) ?? '');
    } catch (error) {
      if (error instanceof ServerUnavailableError) throw error;
      // Node's own message may hold the URL.
      throw new ServerUnavailableError('Open WebUI could not be reached.', 1, { cause: error });
    }
    // The answer must be about the user that was asked for, where it says whom it is about.
    if (user === undefined || (user.id !== undefined && user.id !== userId)) return undefined;
    return readOauthSubject(user, this.#provider);
  }
}
