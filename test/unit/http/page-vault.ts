import { createHash } from 'node:crypto';
import { SetupLinkError } from '../../../src/errors.ts';
import type { LinkProfile, SetupLink, Vault } from '../../../src/vault/vault.ts';

type Asked = Pick<Vault, 'readLink' | 'redeemLink'>;

/** What the pages ask of the vault beside its values, in memory. */
export class PageVault implements Asked {
  readonly #links = new Map<string, { readonly link: SetupLink; isUsed: boolean }>();

  /** The token of a setup link. */
  createLink({ owner, server }: Omit<SetupLink, 'profile'>, profile: LinkProfile = {}): string {
    const token = createHash('sha256').update(`${this.#links.size}`).digest('base64url').slice(0, 22);
    this.#links.set(token, { link: { owner, server, profile }, isUsed: false });
    return token;
  }

  async readLink(token: string) {
    return this.#unused(token).link;
  }

  async redeemLink(token: string) {
    const entry = this.#unused(token);
    entry.isUsed = true;
    return entry.link;
  }

  #unused(token: string) {
    const entry = this.#links.get(token);
    if (entry === undefined) throw new SetupLinkError('This link is not known.');
    if (entry.isUsed) throw new SetupLinkError('This link was used already.');
    return entry;
  }
}
