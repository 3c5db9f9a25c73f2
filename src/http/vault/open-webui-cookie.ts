import type { IncomingMessage } from 'node:http';
import { parseCookie } from 'cookie';
import type { Authenticator } from '../../auth/authenticator.ts';
import type { UserPrincipal } from '../../auth/principal.ts';
import { ForbiddenError, UnauthenticatedError } from '../../errors.ts';
import { toAddressKey } from '../../rate-limit/address-key.ts';
import type { ClientAddress } from '../guards/client-address.ts';

/** What Open WebUI calls the cookie of its session. */
const NAME = 'token';
const MAX_LENGTH = 8_192;
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export interface OpenWebUiCookieDependencies {
  /** Whether the admin has allowed it; it may change. */
  readonly isAllowed: () => boolean;
  readonly authenticator: Pick<Authenticator, 'openWebUiUser'>;
  readonly client: Pick<ClientAddress, 'addressOf'>;
}

/**
 * The session that a browser has at Open WebUI, where both are served under one host name. Asked by pages only: it never
 * counts for calls or for the vault's API, and it is neither logged nor stored nor passed on.
 */
export class OpenWebUiCookie {
  readonly #dependencies: OpenWebUiCookieDependencies;

  constructor(dependencies: OpenWebUiCookieDependencies) {
    this.#dependencies = dependencies;
  }

  /** The token; `undefined` without one, with more than one (a neighbour may have set the other), or if not allowed. */
  read({ headers }: IncomingMessage): string | undefined {
    const { cookie } = headers;
    if (cookie === undefined || !this.#dependencies.isAllowed()) return undefined;
    const isAlone = cookie.split(';').filter((pair) => pair.split('=', 1)[0]?.trim() === NAME).length === 1;
    const token = isAlone ? parseCookie(cookie)[NAME] : undefined;
    return token !== undefined && token.length <= MAX_LENGTH && TOKEN.test(token) ? token : undefined;
  }

  /**
   * The user whose session it is, as Open WebUI says; `undefined` where there is none, or Open WebUI does not know or has
   * not approved them. Rejects with `ServerUnavailableError` if it does not answer.
   */
  async user(request: IncomingMessage): Promise<UserPrincipal | undefined> {
    const token = this.read(request);
    if (token === undefined) return undefined;
    const { authenticator, client } = this.#dependencies;
    try {
      return await authenticator.openWebUiUser(token, toAddressKey(client.addressOf(request)));
    } catch (error) {
      if (error instanceof UnauthenticatedError || error instanceof ForbiddenError) return undefined;
      throw error;
    }
  }
}
