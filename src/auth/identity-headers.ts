import { UnauthenticatedError } from '../errors.ts';
import type { OpenWebUiSettings } from './auth-settings.ts';
import { isIdentifier } from './claims.ts';
import { createOpenWebUiTokenCheck, type OpenWebUiTokenCheck, toOpenWebUiUser } from './open-webui-token.ts';
import type { AuthRequest } from './principal.ts';
import { TokenRefusedError } from './token-refused-error.ts';
import { OPEN_WEBUI_ISSUER, type UserProfile } from './user.ts';

type Header = keyof OpenWebUiSettings['headers'];
type Values = ReadonlyMap<Header, string>;

/** Groups only ever allow: a user of more of them is denied what the further ones would add. */
const MAX_GROUPS = 1_000;

/** Who calls, and for what. */
export interface AssertedUser {
  readonly user: UserProfile;
  readonly chatId: string | undefined;
  readonly messageId: string | undefined;
}

/** Not the chat or the groups: they do not say who calls. */
const USER_HEADERS: readonly Header[] = ['userJwt', 'userId', 'userEmail', 'userName', 'userRole'];

/** The headers in which the holder of a key names the user it speaks for, and the chat of the call. */
export class IdentityHeaders {
  /** Lower-case names of those that name a user; none if no header is believed. */
  readonly userHeaders: readonly string[];
  readonly #names: OpenWebUiSettings['headers'];
  readonly #headers: ReadonlyMap<string, Header>;
  readonly #check: OpenWebUiTokenCheck | undefined;
  readonly #trustsPlain: boolean;

  constructor({ headers, userJwtSecret, trustUserHeaders }: OpenWebUiSettings) {
    const entries = Object.entries(headers) as [Header, string][];
    const isBelieved = trustUserHeaders || userJwtSecret !== undefined;
    this.userHeaders = isBelieved ? USER_HEADERS.map((header) => headers[header].toLowerCase()) : [];
    this.#names = headers;
    this.#headers = new Map(entries.map(([header, name]) => [name.toLowerCase(), header]));
    this.#trustsPlain = trustUserHeaders;
    this.#check = userJwtSecret === undefined ? undefined : createOpenWebUiTokenCheck(userJwtSecret);
  }

  /** Throws `UnauthenticatedError` for headers that cannot be believed, which names the header and holds no value. */
  read(request: AuthRequest): AssertedUser {
    const values = this.#values(request);
    // With a secret for user JWTs the plain headers never say who calls: every holder of the key could write them.
    const user = this.#check === undefined ? this.#plainUser(values) : this.#signedUser(values, this.#check);
    const groups = this.#groups(values, user);
    return {
      user: groups === undefined ? user : { ...user, groups },
      chatId: this.#text(values, 'chatId'),
      messageId: this.#text(values, 'messageId'),
    };
  }

  /**
   * The names and ids of the user's groups, which Open WebUI sends in plain headers only: beside a user JWT they count
   * where plain headers are trusted as well, and not if the plain id is another user's. Names are percent-encoded, so
   * that a comma separates. `undefined` if nothing was sent that counts.
   */
  #groups(values: Values, { subject }: UserProfile): readonly string[] | undefined {
    if (!this.#trustsPlain || (values.get('userId') ?? subject) !== subject) return undefined;
    const groups = new Set<string>();
    for (const header of ['userGroups', 'userGroupIds'] as const) {
      const value = values.get(header);
      if (!value) continue;
      this.#assertFilledIn(header, value);
      for (const item of value.split(',')) {
        const group = (header === 'userGroups' ? decode(item) : item).trim();
        if (group === '' || groups.size >= MAX_GROUPS) continue;
        if (!isIdentifier(group)) {
          throw this.#refusal(header, 'holds a group that is longer than 255 characters or has control characters');
        }
        groups.add(group);
      }
    }
    return [...groups];
  }

  /**
   * What was sent, by exact name: `x_openwebui_user_id` is another header. One that was sent twice is refused, since a
   * proxy in front may have checked the other one.
   */
  #values({ rawHeaders }: AuthRequest): Values {
    const values = new Map<Header, string>();
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const header = this.#headers.get((rawHeaders[index] ?? '').toLowerCase());
      if (header === undefined) continue;
      if (values.has(header)) throw this.#refusal(header, 'was sent more than once; send it once');
      values.set(header, (rawHeaders[index + 1] ?? '').trim());
    }
    return values;
  }

  #signedUser(values: Values, check: OpenWebUiTokenCheck): UserProfile {
    const token = values.get('userJwt');
    if (!token) {
      const advice = 'set FORWARD_USER_INFO_HEADER_JWT_SECRET in Open WebUI';
      throw this.#refusal('userJwt', `is missing, and other headers are not believed here; ${advice}`);
    }
    try {
      const { payload } = check(token);
      if (payload.iss !== OPEN_WEBUI_ISSUER) throw new TokenRefusedError('wrong-issuer', 'iss');
      return toOpenWebUiUser(payload.sub, payload);
    } catch (error) {
      if (!(error instanceof TokenRefusedError)) throw error;
      const reason = error.message.replace(/\.$/, '');
      throw this.#refusal('userJwt', `is refused: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`);
    }
  }

  #plainUser(values: Values): UserProfile {
    if (values.has('userJwt') && !values.has('userId')) {
      throw this.#refusal('userJwt', 'cannot be checked; set MCPO_OPENWEBUI_USER_JWT_SECRET');
    }
    const subject = this.#text(values, 'userId');
    // With a comma it may be two that a proxy joined.
    if (subject === undefined || subject.includes(',')) {
      throw this.#refusal('userId', 'must hold the id of one user, so that it is known who calls');
    }
    // It decides what is allowed.
    if (values.get('userRole') === '') throw this.#refusal('userRole', 'is empty; send a role or leave it out');
    const email = this.#text(values, 'userEmail', decode);
    const name = this.#text(values, 'userName', decode);
    return { issuer: OPEN_WEBUI_ISSUER, subject, email, name, role: this.#text(values, 'userRole') };
  }

  /** `undefined` when it says nothing, as the chat does outside of chats. */
  #text(values: Values, header: Header, read = (value: string) => value): string | undefined {
    const value = values.get(header);
    if (!value) return undefined;
    this.#assertFilledIn(header, value);
    const text = read(value);
    if (isIdentifier(text)) return text;
    throw this.#refusal(header, 'is longer than 255 characters or holds control characters');
  }

  #assertFilledIn(header: Header, value: string): void {
    if (!value.includes('{{')) return;
    const advice = 'check its spelling in Open WebUI, and whether your version of Open WebUI knows it';
    throw this.#refusal(header, `holds a placeholder that was not filled in; ${advice}`);
  }

  #refusal(header: Header, reason: string): UnauthenticatedError {
    const message = `The header ${this.#names[header]} ${reason}.`;
    return new UnauthenticatedError(message, `Bearer error="invalid_token", error_description="${message}"`);
  }
}

/** Names and e-mail addresses are percent-encoded. Older versions do not encode them: a lone `%` is not an error. */
function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
