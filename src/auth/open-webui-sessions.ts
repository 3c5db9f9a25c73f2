import { ForbiddenError } from '../errors.ts';
import type { OpenWebUiSettings } from './auth-settings.ts';
import { CLOCK_SKEW_SECONDS } from './claims.ts';
import { type JsonObject, parseJsonObject } from './json-body.ts';
import { OpenWebUiDirectory, type PresentedCredential } from './open-webui-directory.ts';
import { createOpenWebUiTokenCheck, type OpenWebUiToken, toOpenWebUiUser } from './open-webui-token.ts';
import { MAX_TOKEN_LENGTH, TokenRefusedError } from './token.ts';
import type { UserProfile } from './user.ts';

/** What Open WebUI's own API keys look like; nothing else is sent there. */
const OPEN_WEBUI_KEY = /^sk-[\w-]{8,256}$/;

export interface OpenWebUiSession {
  readonly user: UserProfile;
  /** Milliseconds since the epoch; `undefined` if it is not known to expire. */
  readonly expiresAt: number | undefined;
}

/**
 * What a user's own connection to Open WebUI presents (auth type `session`). With its secret a session token is
 * verified here, with its URL it is asked; with both it is asked only about what is verified.
 */
export class OpenWebUiSessions {
  readonly #check: ((token: string, now: number) => OpenWebUiToken) | undefined;
  readonly #directory: OpenWebUiDirectory | undefined;
  readonly #now: () => number;

  constructor({ secretKey, url }: Pick<OpenWebUiSettings, 'secretKey' | 'url'>, now: () => number) {
    this.#check =
      secretKey === undefined ? undefined : createOpenWebUiTokenCheck(secretKey, { issuer: undefined, audiences: [] });
    this.#directory = url === undefined ? undefined : new OpenWebUiDirectory(url, now);
    this.#now = now;
  }

  /** `undefined` for what does not look like Open WebUI's. Errors as at `OpenWebUiIdentity.sessionUser`. */
  find(credential: string, address: string): OpenWebUiSession | Promise<OpenWebUiSession> | undefined {
    if (OPEN_WEBUI_KEY.test(credential)) {
      return this.#ask({ credential, expiresAt: Number.POSITIVE_INFINITY, isGenuine: false, address }, wrongKey);
    }
    if (this.#check === undefined && this.#directory === undefined) return undefined;
    const claims = sessionClaims(credential);
    if (claims === undefined) return undefined;
    const verified = this.#check?.(credential, this.#now());
    const expiresAt = Number(verified?.expiresAt ?? claims.exp ?? Number.POSITIVE_INFINITY) * 1_000;
    if (this.#now() >= expiresAt + CLOCK_SKEW_SECONDS * 1_000) throw new TokenRefusedError('expired', 'exp');
    const asked = this.#ask({ credential, expiresAt, isGenuine: verified !== undefined, address }, wrongToken);
    if (asked !== undefined || verified === undefined) return asked;
    const user = toOpenWebUiUser(verified.payload.id, verified.payload);
    if (user === undefined) throw wrongToken();
    return toSession(user, expiresAt);
  }

  #ask(presented: PresentedCredential, refusal: () => Error): OpenWebUiSession | Promise<OpenWebUiSession> | undefined {
    const known = (answer: UserProfile | 'refused'): OpenWebUiSession => {
      if (answer === 'refused') throw refusal();
      return toSession(answer, presented.expiresAt);
    };
    const answer = this.#directory?.userOf(presented);
    return answer instanceof Promise ? answer.then(known) : answer && known(answer);
  }
}

/**
 * The unverified claims of what looks like a session token of Open WebUI: it names its user `id`, and has neither
 * issuer nor subject. A token of another issuer is not sent to Open WebUI.
 */
function sessionClaims(token: string): JsonObject | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const [, payload, , ...more] = token.split('.', 4);
  if (payload === undefined || more.length > 0 || !/^[\w.-]+$/.test(token)) return undefined;
  const claims = parseJsonObject(Buffer.from(payload, 'base64url').toString('utf8'));
  if (claims === undefined || !Object.hasOwn(claims, 'id')) return undefined;
  return Object.hasOwn(claims, 'iss') || Object.hasOwn(claims, 'sub') ? undefined : claims;
}

function toSession(user: UserProfile, expiresAt: number): OpenWebUiSession {
  return { user, expiresAt: Number.isFinite(expiresAt) ? expiresAt : undefined };
}

function wrongKey(): Error {
  return new ForbiddenError('Invalid API key');
}

function wrongToken(): Error {
  return new TokenRefusedError('not-valid', 'Open WebUI knows no user by it');
}
