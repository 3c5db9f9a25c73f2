import type { Request } from 'express';
import { toCount } from './words.ts';

/** A sentence at the top of a page. */
export interface Notice {
  readonly kind: 'done' | 'problem';
  readonly text: string;
}

type ServerEdit = 'server-added' | 'tools-saved';

/** The result of a form, shown by the page that it leads to. */
export type Done =
  | {
      readonly done: 'saved' | 'tested-and-saved' | 'removed' | 'restarted' | 'tools-chosen' | ServerEdit;
      readonly server: string;
    }
  | { readonly done: 'tested'; readonly server: string; readonly count: number }
  | { readonly done: 'erased' | 'user-erased' | 'logged-out-everywhere' | 'person-logged-out'; readonly count: number }
  | { readonly done: 'logged-out' | 'session-ended' | 'key-revoked' | 'sessions-ended' };

const OF_ALL = new Map<unknown, (count: number) => string>([
  ['erased', (count) => `All your data is erased (${toCount(count, 'value')}), and you are logged out.`],
  ['user-erased', (count) => `All data of the user is erased (${toCount(count, 'value')}).`],
  ['logged-out', () => 'You are logged out.'],
  ['logged-out-everywhere', (count) => `You are logged out everywhere (${toCount(count, 'log-in')}).`],
  ['key-revoked', () => 'The key is revoked. Other replicas reject it within two seconds.'],
  ['sessions-ended', () => 'These sessions have ended.'],
  ['person-logged-out', (count) => `All sessions of this person have ended, and ${toCount(count, 'log-in')}.`],
  ['session-ended', () => 'That log-in has ended.'],
]);
const OF_SERVER = new Map<unknown, (title: string, count: number) => string>([
  ['saved', (title) => `Your values for ${title} are saved.`],
  ['tested-and-saved', (title) => `${title} works with your values, and they are saved.`],
  ['tested', (title, count) => `${title} works with your values: it offers ${toCount(count, 'tool')}.`],
  ['removed', (title) => `The value for ${title} is removed.`],
  [
    'tools-chosen',
    (title) => `All users now see the selected tools of ${title}. Save the connection in Open WebUI again.`,
  ],
  ['server-added', (title) => `${title} is in the servers file and is starting.`],
  ['tools-saved', (title) => `The tools of ${title} are saved. Save the connection in Open WebUI again.`],
  ['restarted', (title) => `${title} is being restarted.`],
]);

/** The query that names the result to the next page, which has the words for it. */
export function toDoneQuery(done: Done): string {
  const fields = Object.entries(done).map(([name, value]): [string, string] => [name, String(value)]);
  return `?${new URLSearchParams(fields)}`;
}

/**
 * The sentence for such a query, with the server's title; `undefined` for an unknown server, and where another site leads
 * to the page: nothing was done then.
 */
export function toDoneNotice({ query, headers }: Request, titles: ReadonlyMap<string, string>): Notice | undefined {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return undefined;
  const count = /^\d{1,6}$/.test(String(query.count)) ? Number(query.count) : 0;
  return toText(query.done, count, titles.get(String(query.server)));
}

/** The sentence for a result, with the server's title. */
export function toNotice(done: Done, titles: ReadonlyMap<string, string>): Notice | undefined {
  const count = 'count' in done ? done.count : 0;
  return toText(done.done, count, 'server' in done ? titles.get(done.server) : undefined);
}

function toText(done: unknown, count: number, title: string | undefined): Notice | undefined {
  const text = OF_ALL.get(done)?.(count) ?? (title && OF_SERVER.get(done)?.(title, count));
  return text ? { kind: 'done', text } : undefined;
}
