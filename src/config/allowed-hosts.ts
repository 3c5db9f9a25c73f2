/** What an entry of `--allowed-hosts`, `MCPO_ALLOWED_HOSTS` and `auth.allowedHosts` must be. */
export const ALLOWED_HOST_RULE =
  'must be host names or addresses such as mcpo, tools.example.org or 192.168.1.5, without a scheme, a path and "*".';

const HOST = /^(?:[A-Za-z0-9._~-]+|\[?[0-9A-Fa-f:.]+\]?)(?::\d{1,5})?$/;

/** Reads one or several host names, separated by commas or spaces; `undefined` where one of them is none. */
export function parseAllowedHosts(text: string): readonly string[] | undefined {
  const hosts = text.split(/[\s,]+/).filter((host) => host !== '');
  return hosts.every((host) => HOST.test(host)) ? hosts : undefined;
}
