import type { Request } from 'express';
import type { Notice } from '../vault/vault-page-view.ts';
import { toCount } from './words.ts';

/** What became of a form, told by the page that it leads to. */
export type Done =
  | { readonly done: 'saved' | 'tested-and-saved' | 'removed' | 'restarted' | 'tools-chosen'; readonly server: string }
  | { readonly done: 'tested'; readonly server: string; readonly count: number }
  | { readonly done: 'erased' | 'user-erased'; readonly count: number }
  | { readonly done: 'logged-out' };

/** The query that tells the next page; it names what happened, and the page has the words. */
export function toDoneQuery(done: Done): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(done)) query.set(name, String(value));
  return `?${query}`;
}

/**
 * The sentence of such a query, with the server's title; `undefined` for a server that there is not, and where another
 * site leads to the page: nothing was done then.
 */
export function toDoneNotice({ query, headers }: Request, titles: ReadonlyMap<string, string>): Notice | undefined {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return undefined;
  const text = toSentence(query, titles);
  return text === undefined ? undefined : { kind: 'done', text };
}

function toSentence(query: Request['query'], titles: ReadonlyMap<string, string>): string | undefined {
  const count = /^\d{1,6}$/.test(String(query.count)) ? Number(query.count) : 0;
  const title = titles.get(String(query.server));
  switch (query.done) {
    case 'erased':
      return `Everything of yours is erased (${toCount(count, 'value')}), and you are logged out.`;
    case 'user-erased':
      return `Everything of the user is erased (${toCount(count, 'value')}).`;
    case 'logged-out':
      return 'You are logged out.';
  }
  if (title === undefined) return undefined;
  switch (query.done) {
    case 'saved':
      return `What you typed for ${title} is saved.`;
    case 'tested-and-saved':
      return `${title} works with what you typed, and it is saved.`;
    case 'tested':
      return `${title} works with what is set: it offers ${toCount(count, 'tool')}.`;
    case 'removed':
      return `The value for ${title} is removed.`;
    case 'tools-chosen':
      return `All users see the chosen list of tools of ${title} now; save the connection in Open WebUI again.`;
    case 'restarted':
      return `${title} is being restarted.`;
    default:
      return undefined;
  }
}
