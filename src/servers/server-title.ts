import type { ServerConfig } from '../config/server-config.ts';
import type { ServerInfo } from '../mcp/session.ts';

const MAX_CHARACTERS = 100;

/** What is known of a server when it is named to people. */
type TitledServer = Pick<ServerConfig, 'name' | 'title'>;

/**
 * What people call a server: the admin's `title`, else the one that it gives itself, else its name. On one line, of at
 * most 100 characters.
 */
export function titleOfServer(config: TitledServer, info?: ServerInfo): string {
  return givenTitle(config, info) ?? config.name;
}

/** The same in words where nobody gave a title: `google-calendar` as `Google Calendar`. */
export function spokenTitleOfServer(config: TitledServer, info?: ServerInfo): string {
  return givenTitle(config, info) ?? toWords(config.name);
}

/** A text of the admin or of a server on one line and of bounded length. */
export function toLine(text: string, maxCharacters = MAX_CHARACTERS): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ').trim();
  return line.length > maxCharacters ? `${line.slice(0, maxCharacters - 1).toWellFormed()}…` : line;
}

/** A server's own title that contains a URL is not used: it would stand beside the link that users are to open. */
function givenTitle({ title }: TitledServer, info: ServerInfo | undefined): string | undefined {
  const own = info?.title?.includes('://') ? undefined : info?.title;
  return toLine(title ?? own ?? '') || undefined;
}

function toWords(name: string): string {
  return name
    .split(/[-_.]+/)
    .filter((word) => word !== '')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ');
}
