import type { HttpAnswer } from './http-request.ts';

type Headers = Readonly<Record<string, string>>;
/** One request to the service; tests that search all answers hand in one that keeps them. */
export type Ask = (
  method: string,
  path: string,
  options?: { readonly headers?: Headers; readonly body?: string },
) => Promise<HttpAnswer>;

/** Somebody at the pages, with the cookie that he was given, as a browser without scripts would be. */
export interface Visit {
  /** The answer that began it. */
  readonly opened: HttpAnswer;
  readonly cookie: string;
  readonly formToken: string;
  get(path: string): Promise<HttpAnswer>;
  /** Sends a form of the page, with its token unless the fields hold another. */
  post(path: string, fields: Headers): Promise<HttpAnswer>;
}

/** Opens a setup link, given as URL or path, and says on its page that it is one's own. */
export async function visitByLink(ask: Ask, origin: string, link: string): Promise<Visit> {
  const path = new URL(link, origin).pathname;
  await ask('GET', path);
  return begin(ask, origin, await ask('POST', path, { headers: formHeaders(origin) }), '/vault');
}

/** Logs in with a key or token at `/vault` or `/admin`. */
export async function visitByLogIn(
  ask: Ask,
  origin: string,
  credential: string,
  page: 'vault' | 'admin' = 'vault',
): Promise<Visit> {
  const body = new URLSearchParams({ credential, page }).toString();
  const answer = await ask('POST', '/vault/log-in', { headers: formHeaders(origin), body });
  return begin(ask, origin, answer, `/${page}`);
}

export function formHeaders(origin: string, cookie?: string): Headers {
  return {
    'content-type': 'application/x-www-form-urlencoded',
    origin,
    ...(cookie === undefined ? {} : { cookie }),
  };
}

async function begin(ask: Ask, origin: string, opened: HttpAnswer, page: string): Promise<Visit> {
  const cookie = opened.headers['set-cookie']?.[0]?.split(';')[0];
  if (cookie === undefined) throw new Error(`No cookie came with ${opened.status}: ${opened.text.slice(0, 2_000)}`);
  const get = (path: string) => ask('GET', path, { headers: { cookie } });
  const { text } = await get(page);
  const formToken = /name="form_token" value="([^"]+)"/.exec(text)?.[1] ?? '';
  return {
    opened,
    cookie,
    formToken,
    get,
    post: (path, fields) => {
      const body = new URLSearchParams({ form_token: formToken, ...fields }).toString();
      return ask('POST', path, { headers: formHeaders(origin, cookie), body });
    },
  };
}
