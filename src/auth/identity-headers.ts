import { UnauthenticatedError } from '../errors.ts';
import type { OpenWebUiSettings } from './auth-settings.ts';
import { isIdentifier } from './claims.ts';
import type { AuthRequest } from './credential.ts';

export type IdentityHeader = keyof OpenWebUiSettings['headers'];
export type IdentityValues = ReadonlyMap<IdentityHeader, string>;

/** Not the chat: it does not say who calls. */
const USER_HEADERS: readonly IdentityHeader[] = ['userJwt', 'userId', 'userEmail', 'userName', 'userRole'];

/** Whether any of them names a user. */
export function namesUser(values: IdentityValues): boolean {
  return USER_HEADERS.some((header) => values.has(header));
}

/** Reads the headers in which a caller names the user it speaks for, without believing them. */
export class IdentityHeaders {
  readonly names: OpenWebUiSettings['headers'];
  readonly #headers: ReadonlyMap<string, IdentityHeader>;

  constructor(names: OpenWebUiSettings['headers']) {
    this.names = names;
    const entries = Object.entries(names) as [IdentityHeader, string][];
    this.#headers = new Map(entries.map(([header, name]) => [name.toLowerCase(), header]));
  }

  /**
   * What was sent, by exact name: `x_openwebui_user_id` is another header. Throws `UnauthenticatedError` for one that
   * was sent twice, since a proxy in front may have checked the other one.
   */
  read({ rawHeaders }: AuthRequest): IdentityValues {
    const values = new Map<IdentityHeader, string>();
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const header = this.#headers.get((rawHeaders[index] ?? '').toLowerCase());
      if (header === undefined) continue;
      if (values.has(header)) throw this.refusal(header, 'was sent more than once; send it once');
      values.set(header, (rawHeaders[index + 1] ?? '').trim());
    }
    return values;
  }

  /** A value that must be there and say something; with a comma it may be two that a proxy joined. */
  required(values: IdentityValues, header: 'userId'): string {
    const value = this.#expanded(values, header);
    if (value === undefined) throw this.refusal(header, 'is missing, so that it is not known who calls');
    if (value === '') throw this.refusal(header, 'is empty, so that it is not known who calls');
    if (value.includes(',')) throw this.refusal(header, 'holds more than one value; send one');
    return this.#checked(header, value);
  }

  /** A value as it came; `undefined` when it says nothing, as the chat does outside of chats. */
  optional(values: IdentityValues, header: 'chatId'): string | undefined {
    const value = this.#expanded(values, header);
    return value ? this.#checked(header, value) : undefined;
  }

  /** A role decides what is allowed, so that one that is sent must say something. */
  role(values: IdentityValues): string | undefined {
    const value = this.#expanded(values, 'userRole');
    if (value === '') throw this.refusal('userRole', 'is empty; send the role of the user or leave it out');
    return value === undefined ? undefined : this.#checked('userRole', value);
  }

  /** A name or an e-mail address, percent-decoded if it is encoded; `undefined` when it says nothing. */
  decoded(values: IdentityValues, header: 'userName' | 'userEmail'): string | undefined {
    const value = this.#expanded(values, header);
    return value ? this.#checked(header, decode(value)) : undefined;
  }

  /** 401 that names the header and what is wrong with it; `reason` continues the sentence and holds no value. */
  refusal(header: IdentityHeader, reason: string): UnauthenticatedError {
    const message = `The header ${this.names[header]} ${reason}.`;
    return new UnauthenticatedError(message, `Bearer error="invalid_token", error_description="${message}"`);
  }

  #expanded(values: IdentityValues, header: IdentityHeader): string | undefined {
    const value = values.get(header);
    if (value?.includes('{{')) {
      throw this.refusal(header, 'holds a placeholder that was not filled in; check its spelling in Open WebUI');
    }
    return value;
  }

  #checked(header: IdentityHeader, value: string): string {
    if (isIdentifier(value)) return value;
    throw this.refusal(header, 'is longer than 255 characters or holds control characters');
  }
}

/** Older versions of Open WebUI send them as they are, so that a lone `%` is not an error. */
function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
