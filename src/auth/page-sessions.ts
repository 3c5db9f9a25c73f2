import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { UserPrincipal } from './principal.ts';
import type { UserProfile } from './user.ts';

/** How long a session lasts that a setup link opened. */
const LINK_SESSION_MS = 15 * 60_000;
/** How long one lasts at most that an API key opened; whether the key is still valid is checked at every request. */
const LOG_IN_SESSION_MS = 8 * 3_600_000;
/** A token does not say what changed after it was issued, such as a role: sessions that it opened are short. */
const TOKEN_SESSION_MS = 3_600_000;
const ADMIN_TOKEN_SESSION_MS = 15 * 60_000;

/** Characters: browsers keep cookies of 4,096 bytes with their name and attributes. */
const MAX_COOKIE_LENGTH = 3_800;
const ID_BYTES = 16;
const MAC_LENGTH = 43;
const MAX_CLOCK_SKEW_MS = 60_000;

const text = z.string().min(1);

const pageSessionSchema = z.strictObject({
  id: text,
  user: z
    .strictObject({
      issuer: text,
      subject: text,
      email: text.optional(),
      name: text.optional(),
      role: text.optional(),
      groups: z.array(text).readonly(),
    })
    .readonly()
    .optional(),
  isAdmin: z.boolean(),
  scopes: z.array(text).readonly(),
  server: text.optional(),
  keyId: text.optional(),
  expiresAt: z.int(),
});

/** Who is logged in to the pages, as their cookie says. */
export interface PageSession {
  /** Random; forms are bound to it. */
  readonly id: string;
  /** `undefined`: an admin whose key belongs to no user. */
  readonly user: (UserProfile & Pick<UserPrincipal, 'groups'>) | undefined;
  readonly isAdmin: boolean;
  /** Those that say for which servers the user may set values. */
  readonly scopes: readonly string[];
  /** Opened by a setup link: it sees this server only. */
  readonly server: string | undefined;
  /** The API key that it was opened with: readers of the session ask the ring whether the key is still valid. */
  readonly keyId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** What a session is opened for. */
export interface PageLogIn extends Pick<PageSession, 'user' | 'isAdmin' | 'scopes' | 'keyId'> {
  /** The server of the setup link that was opened; `undefined` for a log-in by API key or token. */
  readonly server: string | undefined;
  /** When the token or key that was presented expires itself, in milliseconds since the epoch. */
  readonly credentialExpiresAt?: number | undefined;
}

/**
 * Sessions of the pages as cookies hold them: every replica reads what another one issued. Whether a session was ended
 * is for the vault to say.
 */
export interface PageSessions {
  /**
   * A new session: fifteen minutes for a setup link, eight hours for an API key, an hour for a token, or fifteen minutes
   * if it gives admin rights; and never longer than its credential.
   */
  open(logIn: PageLogIn): PageSession;
  /** The cookie's value. A user with so many groups that it would not fit loses the last of them. */
  issue(session: PageSession): string;
  /** `undefined` for a cookie that is forged, altered, expired, or of a key that is not in the ring. */
  read(value: string | undefined): PageSession | undefined;
  /** What forms carry, so that no other site can send them. */
  formToken(session: Pick<PageSession, 'id'>): string;
  isFormToken(session: Pick<PageSession, 'id'>, candidate: unknown): boolean;
}

export interface PageSessionsOptions {
  /** Of 32 bytes; the first signs, all are taken. */
  readonly keys: readonly Buffer[];
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Makes the reader and writer of page sessions. Throws `RangeError` without keys. */
export function createPageSessions({ keys, now = Date.now }: PageSessionsOptions): PageSessions {
  const ring = keys.map((key) => createSecretKey(key));
  const [active] = ring;
  if (active === undefined) throw new RangeError('page sessions need a key');
  const isMac = (use: MacUse, data: string, candidate: string): boolean => {
    if (candidate.length !== MAC_LENGTH) return false;
    // Every key is tried, so that the time says nothing of which one it was.
    return ring.map((key) => isSame(mac(key, use, data), candidate)).includes(true);
  };
  return {
    open({ user, isAdmin, scopes, server, keyId, credentialExpiresAt = Number.POSITIVE_INFINITY }) {
      const expiresAt = Math.floor(Math.min(now() + longestMs({ isAdmin, server, keyId }), credentialExpiresAt));
      return { id: randomBytes(ID_BYTES).toString('base64url'), user, isAdmin, scopes, server, keyId, expiresAt };
    },
    issue(session) {
      const payload = toPayload(session);
      return `${payload}.${mac(active, 'session', payload)}`;
    },
    read(value) {
      if (value === undefined || value.length > MAX_COOKIE_LENGTH) return undefined;
      const [payload, candidate, ...more] = value.split('.', 3);
      if (payload === undefined || candidate === undefined || more.length > 0) return undefined;
      if (!isMac('session', payload, candidate)) return undefined;
      const session = parsePayload(payload);
      if (session === undefined) return undefined;
      const time = now();
      // A clock that was put back far must not make sessions last longer.
      if (time >= session.expiresAt || session.expiresAt - time > LOG_IN_SESSION_MS + MAX_CLOCK_SKEW_MS)
        return undefined;
      return session;
    },
    formToken: ({ id }) => mac(active, 'form', id),
    isFormToken: ({ id }, candidate) => typeof candidate === 'string' && isMac('form', id, candidate),
  };
}

function longestMs({ isAdmin, server, keyId }: Pick<PageLogIn, 'isAdmin' | 'server' | 'keyId'>): number {
  if (server !== undefined) return LINK_SESSION_MS;
  if (keyId !== undefined) return LOG_IN_SESSION_MS;
  return isAdmin ? ADMIN_TOKEN_SESSION_MS : TOKEN_SESSION_MS;
}

type MacUse = 'session' | 'form';

/** HMAC-SHA-256 in base64url; the use is part of what is signed, so that a form token is not a cookie. */
function mac(key: KeyObject, use: MacUse, data: string): string {
  return createHmac('sha256', key).update(`mcpo-ts page ${use} v1\n${data}`).digest('base64url');
}

function isSame(expected: string, candidate: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(candidate)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function toPayload(session: PageSession): string {
  const { user } = session;
  const encode = (value: PageSession) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const fits = (payload: string) => payload.length + 1 + MAC_LENGTH <= MAX_COOKIE_LENGTH;
  let payload = encode(session);
  if (user === undefined || fits(payload)) return payload;
  // Groups and scopes only ever allow: with fewer of them the user sees less, never more.
  let { groups } = user;
  let { scopes } = session;
  while (groups.length + scopes.length > 0 && !fits(payload)) {
    if (groups.length > 0) groups = groups.slice(0, -1);
    else scopes = scopes.slice(0, -1);
    payload = encode({ ...session, scopes, user: { ...user, groups } });
  }
  const { issuer, subject, role } = user;
  return fits(payload) ? payload : encode({ ...session, scopes, user: { issuer, subject, role, groups: [] } });
}

function parsePayload(payload: string): PageSession | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const { success, data } = pageSessionSchema.safeParse(value);
    if (!success) return undefined;
    const { id, user, isAdmin, scopes, server, keyId, expiresAt } = data;
    return { id, user, isAdmin, scopes, server, keyId, expiresAt };
  } catch {
    return undefined;
  }
}
