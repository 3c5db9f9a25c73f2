import { OPEN_WEBUI_ISSUER } from './principal.ts';

/** Who a user is: his issuer and his subject there. */
export interface UserReference {
  readonly issuer: string;
  readonly subject: string;
}

const URL_ISSUER = /^(https?:\/\/(?:\[[^\]]*\]|[^/:]+)(?::\d+)?(?:\/[^:]*)?):(.+)$/s;
const WORD_ISSUER = /^([^:/]+):(.+)$/s;

/**
 * Reads `ISSUER:SUBJECT`, or `SUBJECT` alone for a user of Open WebUI. The issuer is a URL, up to the colon after its
 * path, or a word; the subject may hold colons. `undefined` if there is no subject.
 */
export function parseUserReference(text: string): UserReference | undefined {
  const [, issuer, subject] = URL_ISSUER.exec(text) ?? WORD_ISSUER.exec(text) ?? [];
  if (issuer !== undefined && subject !== undefined) return { issuer, subject };
  return text === '' || text.includes(':') ? undefined : { issuer: OPEN_WEBUI_ISSUER, subject: text };
}
