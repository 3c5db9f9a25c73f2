import { renderTemplate } from '../pages/render-template.ts';
import type { AccountView } from './vault-page-view.ts';

/** The page of a setup link: whose vault it opens, and for which server. */
export interface LinkView {
  /** The part of the URL that makes the link. */
  readonly token: string;
  readonly person: LinkPerson;
  readonly serverTitle: string;
  /** Ends with a slash. */
  readonly assetsBase: string;
  /** Somebody else is logged in, and has to log out first. */
  readonly account: Pick<AccountView, 'who' | 'formToken' | 'logOutUrl'> | undefined;
}

export interface LinkPerson {
  readonly name: string | undefined;
  readonly email: string | undefined;
  readonly issuer: string;
  readonly subject: string;
}

/**
 * The HTML of a setup link that was opened and not redeemed. Name, e-mail and id stand in rows of their own: people
 * choose their names themselves, and one that looks like an address must not pass for it.
 */
export function renderLinkPage({ person, ...view }: LinkView): string {
  const { name, email, issuer, subject } = person;
  const rows = [
    { label: 'Name', value: name },
    { label: 'E-mail', value: email },
    { label: 'User id', value: subject },
    { label: 'Known from', value: issuer === 'open-webui' ? 'Open WebUI' : issuer },
  ];
  return renderTemplate('vault/link', {
    ...view,
    title: `Your values for ${view.serverTitle}`,
    person: rows.filter(({ value }) => value),
  });
}
