import { createHash } from 'node:crypto';
import type { PageSession } from '../../auth/page-sessions.ts';
import { SetupLinkError } from '../../errors.ts';
import type { SetupLink, Vault } from '../../vault/vault.ts';
import type { AuditTrail } from '../audit-trail.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import type { IdentifyDependencies } from '../guards/identify.ts';
import type { Exchange } from '../request-facts.ts';
import { isSameUser } from './key-sessions.ts';
import type { PageAccess } from './page-access.ts';

/** What a setup link does in the browser that opened it. */
export type LinkVisit =
  /** It can be redeemed. */
  | { readonly kind: 'redeemable'; readonly link: SetupLink }
  /** Another user is logged in here and has to log out first. */
  | { readonly kind: 'other-user'; readonly link: SetupLink; readonly session: PageSession }
  /** The link's user is logged in here, by this link or by a log-in that allows as much. */
  | { readonly kind: 'entered'; readonly session: PageSession };

export interface SetupLinkAccessDependencies {
  readonly access: PageAccess;
  readonly identity: IdentifyDependencies;
  readonly client: ClientAddress;
  readonly vault: Pick<Vault, 'readLink' | 'redeemLink'>;
  readonly audit: AuditTrail;
}

/** Logs in by setup links. */
export class SetupLinkAccess {
  readonly #dependencies: SetupLinkAccessDependencies;

  constructor(dependencies: SetupLinkAccessDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Says what a setup link would do here, and changes nothing: previews and repeated requests use nothing up. Rejects
   * with `SetupLinkError`, `RateLimitedError`, `VaultUnavailableError`.
   */
  async read(exchange: Exchange, token: string): Promise<LinkVisit> {
    const current = await this.#dependencies.access.session(exchange.request);
    if (current?.id === toLinkSessionId(token)) return { kind: 'entered', session: current };
    const link = await this.#tryLink(exchange, token, 'readLink');
    if (current === undefined) return { kind: 'redeemable', link };
    if (!isSameUser(current.user, link.owner)) return { kind: 'other-user', link, session: current };
    return current.server === undefined ? { kind: 'entered', session: current } : { kind: 'redeemable', link };
  }

  /**
   * Uses a setup link up and sets the cookie of a session of its user and server, unless another user is logged in here;
   * `assertOwnForm` comes before it. Rejects as `read` does.
   */
  async redeem(exchange: Exchange, token: string): Promise<LinkVisit> {
    const visit = await this.read(exchange, token);
    if (visit.kind !== 'redeemable') return visit;
    const { owner, server, profile } = await this.#tryLink(exchange, token, 'redeemLink');
    const { issuer, subject } = owner;
    const user = { issuer, subject, name: profile.name, email: profile.email, groups: [] };
    const { chatId } = profile;
    const scopes = [`call:${server}`];
    const logIn = { user, way: 'link', isAdmin: false, scopes, server, chatId, keyId: undefined } as const;
    const start = { action: 'open_link', id: toLinkSessionId(token) } as const;
    return { kind: 'entered', session: await this.#dependencies.access.begin(exchange, logIn, start) };
  }

  /** Reads or redeems a link; one that does not work counts as a failed log-in. */
  async #tryLink(exchange: Exchange, token: string, use: 'readLink' | 'redeemLink'): Promise<SetupLink> {
    const { request, response } = exchange;
    const { client, identity, vault, audit } = this.#dependencies;
    const address = client.addressOf(request);
    const attempt = await identity.limits.begin({ address, credential: `setup link ${token}` }, response);
    try {
      const link = await vault[use](token);
      attempt.succeeded();
      return link;
    } catch (error) {
      if (error instanceof SetupLinkError) attempt.failed();
      audit.logInFailed(exchange, 'open_link', error);
      throw error;
    }
  }
}

/** Follows from the link's token, so that the session that it opened can open it again; not from what the vault stores. */
function toLinkSessionId(token: string): string {
  return createHash('sha256').update(`session of setup link ${token}`).digest('base64url');
}
