import { createHash, type KeyObject, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { parseJsonObject } from '../json-body.ts';
import { findMacKey, isSameMac, type MacKeys, macOf, toMacKeys } from '../mac-keys.ts';

/** From the click on the button to the provider's answer: people look for their second factor. */
export const ATTEMPT_LIFETIME_MS = 10 * 60_000;
const MAX_TEXT_LENGTH = 1_000;
const ID_BYTES = 16;

const attemptSchema = z.strictObject({
  id: z.string().min(1),
  /** The provider that was chosen, by its key: the answer of another one is not taken for its own. */
  provider: z.string().min(1),
  /** The page to return to, a path of ours. */
  page: z.string(),
  /** Milliseconds since the epoch. */
  expiresAt: z.int(),
});

/** A log-in at a provider that a browser has begun. */
export type LogInAttempt = Readonly<z.infer<typeof attemptSchema>>;

/** What goes with an attempt; each follows from it and from the service's key, so that nobody else can make it. */
export interface AttemptSecrets {
  /** Binds the answer to the browser (RFC 6749, section 10.12). */
  readonly state: string;
  /** Binds the ID token to the attempt (OpenID Connect Core 1.0, section 3.1.2.1). */
  readonly nonce: string;
  /** RFC 7636: binds the code to the attempt. */
  readonly codeVerifier: string;
}

/** An attempt, as the cookie of the browser holds it. */
export interface OpenedAttempt extends AttemptSecrets {
  readonly attempt: LogInAttempt;
  /** The value of the cookie. */
  readonly text: string;
}

/**
 * Log-ins that are under way. Each is in a cookie of the browser that began it, and nowhere else: any replica can finish
 * it, and nobody fills a table by beginning many.
 */
export class LogInAttempts {
  readonly #keys: MacKeys;
  readonly #now: () => number;

  /** The keys have 32 bytes each; the first signs, all are accepted. Throws `RangeError` without keys. */
  constructor(keys: readonly Buffer[], now: () => number = Date.now) {
    this.#keys = toMacKeys(keys);
    this.#now = now;
  }

  begin({ provider, page }: Pick<LogInAttempt, 'provider' | 'page'>): OpenedAttempt {
    const expiresAt = Math.floor(this.#now()) + ATTEMPT_LIFETIME_MS;
    const attempt = { id: randomBytes(ID_BYTES).toString('base64url'), provider, page, expiresAt };
    const payload = Buffer.from(JSON.stringify(attempt)).toString('base64url');
    const { active } = this.#keys;
    const text = `${payload}.${mac(active, 'attempt', payload)}`;
    return { attempt, text, ...secretsOf(active, payload) };
  }

  /** The attempt of a cookie, if the provider's answer with this `state` belongs to it; `undefined` otherwise. */
  read(text: string | undefined, state: string): OpenedAttempt | undefined {
    if (text === undefined || text.length > MAX_TEXT_LENGTH) return undefined;
    const [payload = '', signature = '', ...more] = text.split('.', 3);
    if (more.length > 0) return undefined;
    const key = findMacKey(this.#keys, toUse('attempt'), payload, signature);
    if (key === undefined) return undefined;
    const secrets = secretsOf(key, payload);
    if (!isSameMac(secrets.state, state)) return undefined;
    const object = parseJsonObject(Buffer.from(payload, 'base64url').toString('utf8'));
    const { data: attempt } = attemptSchema.safeParse(object);
    const left = attempt === undefined ? 0 : attempt.expiresAt - this.#now();
    if (attempt === undefined || left <= 0 || left > ATTEMPT_LIFETIME_MS) return undefined;
    return { attempt, text, ...secrets };
  }
}

/** Names the cookie of an attempt, so that several tabs can log in at once. */
export function toAttemptTag(state: string): string {
  return createHash('sha256').update(state).digest('base64url').replaceAll(/[-_]/g, '').slice(0, 10);
}

type MacUse = 'attempt' | 'state' | 'nonce' | 'verifier';

function secretsOf(key: KeyObject, payload: string): AttemptSecrets {
  return {
    state: mac(key, 'state', payload),
    nonce: mac(key, 'nonce', payload),
    codeVerifier: mac(key, 'verifier', payload),
  };
}

function mac(key: KeyObject, use: MacUse, data: string): string {
  return macOf(key, toUse(use), data);
}

function toUse(use: MacUse): string {
  return `log-in ${use}`;
}
