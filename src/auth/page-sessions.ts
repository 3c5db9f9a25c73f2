import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { parseJsonObject } from './json-body.ts';
import { findMacKey, MAC_LENGTH, type MacKeys, macOf, toMacKeys } from './mac-keys.ts';

/** How long a session lasts that a setup link opened. */
const LINK_SESSION_MS = 15 * 60_000;
/** How long one lasts at most that an API key opened; whether the key is still valid is checked at every request. */
const LOG_IN_SESSION_MS = 8 * 3_600_000;
/** A token does not say what changed after it was issued, such as a role: sessions that it opened are short. */
const TOKEN_SESSION_MS = 3_600_000;
const ADMIN_TOKEN_SESSION_MS = 15 * 60_000;
/** A provider can end its sessions here, but does not report that a role was taken away. */
const ADMIN_PROVIDER_SESSION_MS = 3_600_000;

/**
 * How a session was opened: by a setup link, an API key, a token that was pasted, an OpenID provider, or the session that
 * the browser has at Open WebUI.
 */
const LOG_IN_WAYS = ['link', 'key', 'token', 'provider', 'open-webui'] as const;
export type LogInWay = (typeof LOG_IN_WAYS)[number];

/** Characters: browsers keep cookies of 4,096 bytes with their name and attributes. */
const MAX_COOKIE_LENGTH = 3_800;
const ID_BYTES = 16;
const MAX_CLOCK_SKEW_MS = 60_000;

/** What is signed: a form token is not a cookie. */
const SESSION = 'page session';
const FORM = 'page form';

const text = z.string().min(1);

const pageSessionSchema = z.strictObject({
  /** Random; forms are bound to it. */
  id: text,
  /** `undefined`: an admin whose key belongs to no user. */
  user: z
    .strictObject({
      issuer: text,
      subject: text,
      email: text.optional(),
      name: text.optional(),
      username: text.optional(),
      role: text.optional(),
      groups: z.array(text).readonly(),
      /** All identities of a person who has several. */
      identities: z
        .array(z.strictObject({ issuer: text, subject: text }).readonly())
        .readonly()
        .optional(),
    })
    .readonly()
    .optional(),
  way: z.enum(LOG_IN_WAYS),
  isAdmin: z.boolean(),
  /** Those that say for which servers the user may set values. */
  scopes: z.array(text).readonly(),
  /** Of an admin without an API key: all their scopes. */
  grants: z.array(text).readonly().optional(),
  /** The server of the setup link that opened it, which is the only one that it sees. */
  server: text.optional(),
  /** The chat of Open WebUI that the setup link was shown in. */
  chatId: text.optional(),
  /** The API key that it was opened with: readers of the session ask the ring whether the key is still valid. */
  keyId: text.optional(),
  /** Milliseconds since the epoch, as is `expiresAt`. */
  createdAt: z.int(),
  expiresAt: z.int(),
});

/** Who is logged in to the pages, as their cookie says. */
export type PageSession = Readonly<z.infer<typeof pageSessionSchema>>;

/** What a session is opened for. */
export interface PageLogIn extends Omit<PageSession, 'id' | 'createdAt' | 'expiresAt'> {
  /** When the token or key that was presented expires itself, in milliseconds since the epoch. */
  readonly credentialExpiresAt?: number | undefined;
}

/**
 * Sessions of the pages as cookies hold them: every replica reads what another one issued. Whether a session was ended
 * is for the database to say (`vault/page-session-store.ts`).
 */
export class PageSessions {
  readonly #keys: MacKeys;
  readonly #now: () => number;

  /**
   * The keys have 32 bytes each; the first signs, all are accepted. `now` returns milliseconds since the epoch.
   * Throws `RangeError` without keys.
   */
  constructor(keys: readonly Buffer[], now: () => number = Date.now) {
    this.#keys = toMacKeys(keys);
    this.#now = now;
  }

  /**
   * A new session: fifteen minutes for a setup link, eight hours for an API key or a provider, an hour for a token; with
   * admin rights an hour for a provider and fifteen minutes for a token. Never longer than its credential.
   */
  open({ credentialExpiresAt = Number.POSITIVE_INFINITY, ...logIn }: PageLogIn): PageSession {
    const createdAt = Math.floor(this.#now());
    const expiresAt = Math.floor(Math.min(createdAt + longestMs(logIn), credentialExpiresAt));
    return { id: randomBytes(ID_BYTES).toString('base64url'), ...logIn, createdAt, expiresAt };
  }

  /** The cookie's value. A user with so many groups that it would not fit loses the last of them. */
  issue(session: PageSession): string {
    const payload = toPayload(session);
    return `${payload}.${macOf(this.#keys.active, SESSION, payload)}`;
  }

  /** `undefined` for a cookie that is forged, altered or expired. */
  read(value: string | undefined): PageSession | undefined {
    if (value === undefined || value.length > MAX_COOKIE_LENGTH) return undefined;
    const [payload, candidate, ...more] = value.split('.', 3);
    if (payload === undefined || candidate === undefined || more.length > 0) return undefined;
    if (findMacKey(this.#keys, SESSION, payload, candidate) === undefined) return undefined;
    const object = parseJsonObject(Buffer.from(payload, 'base64url').toString('utf8'));
    const { data: session } = pageSessionSchema.safeParse(object);
    const left = session === undefined ? 0 : session.expiresAt - this.#now();
    // A clock that was set back far must not make sessions last longer.
    return left <= 0 || left > LOG_IN_SESSION_MS + MAX_CLOCK_SKEW_MS ? undefined : session;
  }

  /** What forms carry, so that no other site can send them. */
  formToken({ id }: Pick<PageSession, 'id'>): string {
    return macOf(this.#keys.active, FORM, id);
  }

  isFormToken({ id }: Pick<PageSession, 'id'>, candidate: unknown): boolean {
    return typeof candidate === 'string' && findMacKey(this.#keys, FORM, id, candidate) !== undefined;
  }
}

function longestMs({ way, isAdmin }: Pick<PageLogIn, 'way' | 'isAdmin'>): number {
  switch (way) {
    case 'link':
      return LINK_SESSION_MS;
    case 'key':
      return LOG_IN_SESSION_MS;
    case 'provider':
      return isAdmin ? ADMIN_PROVIDER_SESSION_MS : LOG_IN_SESSION_MS;
    case 'token':
    case 'open-webui':
      return isAdmin ? ADMIN_TOKEN_SESSION_MS : TOKEN_SESSION_MS;
  }
}

function toPayload(session: PageSession): string {
  const { user } = session;
  const encode = (value: PageSession) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const fits = (payload: string) => payload.length + 1 + MAC_LENGTH <= MAX_COOKIE_LENGTH;
  let payload = encode(session);
  if (user === undefined || fits(payload)) return payload;
  // Groups and scopes only ever allow: with fewer of them the user sees less, never more.
  let { groups } = user;
  let { scopes, grants } = session;
  while ((groups.length + scopes.length > 0 || grants !== undefined) && !fits(payload)) {
    if (groups.length > 0) groups = groups.slice(0, -1);
    else if (grants !== undefined) grants = undefined;
    else scopes = scopes.slice(0, -1);
    payload = encode({ ...session, scopes, grants, user: { ...user, groups } });
  }
  const { issuer, subject, role } = user;
  return fits(payload) ? payload : encode({ ...session, scopes, grants, user: { issuer, subject, role, groups: [] } });
}
