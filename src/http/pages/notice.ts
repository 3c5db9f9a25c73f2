import type { Request } from 'express';
import { toCount } from './words.ts';

/** A sentence at the top of a page. */
export interface Notice {
  readonly kind: 'done' | 'problem';
  readonly text: string;
}

/** The result of a form, shown by the page that it leads to. */
export type Done =
  | { readonly done: 'saved' | 'tested-and-saved' | 'removed' | 'restarted' | 'tools-chosen'; readonly server: string }
  | { readonly done: 'tested'; readonly server: string; readonly count: number }
  | { readonly done: 'erased' | 'user-erased'; readonly count: number }
  | { readonly done: 'logged-out' };

/** The query that names the result to the next page, which has the words for it. */
export function toDoneQuery(done: Done): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(done)) query.set(name, String(value));
  return `?${query}`;
}

/**
 * The sentence for such a query, with the server's title; `undefined` for an unknown server, and where another site leads
 * to the page: nothing was done then.
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
      return `All your data is erased (${toCount(count, 'value')}), and you are logged out.`;
    case 'user-erased':
      return `All data of the user is erased (${toCount(count, 'value')}).`;
    case 'logged-out':
      return 'You are logged out.';
  }
  if (title === undefined) return undefined;
  switch (query.done) {
    case 'saved':
      return `Your values for ${title} are saved.`;
    case 'tested-and-saved':
      return `${title} works with your values, and they are saved.`;
    case 'tested':
      return `${title} works with your values: it offers ${toCount(count, 'tool')}.`;
    case 'removed':
      return `The value for ${title} is removed.`;
    case 'tools-chosen':
      return `All users now see the selected tools of ${title}. Save the connection in Open WebUI again.`;
    case 'restarted':
      return `${title} is being restarted.`;
    default:
      return undefined;
  }
}
