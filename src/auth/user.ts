/** The issuer of every user of Open WebUI, whichever way it names them. */
export const OPEN_WEBUI_ISSUER = 'open-webui';

/** Identifies a user. Never by e-mail address: that can be changed. */
export interface UserId {
  readonly issuer: string;
  readonly subject: string;
}

/** A user and what is known about them; `undefined` is not known. */
export interface UserProfile extends UserId {
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  /** As the identity provider's `preferred_username`; identifies nobody, since providers let users change it. */
  readonly username?: string | undefined;
  readonly role?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  /** All identities of a person who has several, this one among them. */
  readonly identities?: readonly UserId[] | undefined;
}

/**
 * `Alice Example (alice@example.org)`, or as much of it as is known, for people to read. Never a name alone: people
 * choose it, and it may be another user's.
 */
export function toUserName({ name, email, subject }: Pick<UserProfile, 'name' | 'email' | 'subject'>): string {
  const text = name ? `${name} (${email || subject})` : email || subject;
  return text.replace(STEERING, '');
}

/** Line ends, control characters, and what turns the direction of the text after it: they would pass off one name as another. */
const STEERING = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Whether a search finds a user: by part of their id, name or e-mail address, in upper or lower case. */
export function matchesUser({ issuer, subject, name, email }: UserProfile, search: string): boolean {
  const text = toSearchable(search);
  return [`${issuer}:${subject}`, name, email, toUserName({ name, email, subject })].some(
    (part) => part !== undefined && toSearchable(part).includes(text),
  );
}

function toSearchable(text: string): string {
  return text.trim().normalize('NFC').toLowerCase();
}

/** Names a user in maps; length-prefixed, so that no two users share a key. */
export function toUserKey({ issuer, subject }: UserId): string {
  return `${issuer.length}:${issuer}${subject}`;
}

const URL_ISSUER = /^(https?:\/\/(?:\[[^\]]*\]|[^/:]+)(?::\d+)?(?:\/[^:]*)?):(.+)$/s;
const WORD_ISSUER = /^([^:/]+):(.+)$/s;

/**
 * Reads `ISSUER:SUBJECT`, or `SUBJECT` alone for a user of Open WebUI. The issuer is a URL, up to the colon after its
 * path, or a word; the subject may contain colons. `undefined` if there is no subject.
 */
export function parseUserId(text: string): UserId | undefined {
  const [, issuer, subject] = URL_ISSUER.exec(text) ?? WORD_ISSUER.exec(text) ?? [];
  if (issuer !== undefined && subject !== undefined) return { issuer, subject };
  return text === '' || text.includes(':') ? undefined : { issuer: OPEN_WEBUI_ISSUER, subject: text };
}
