import type { ServerRow } from './server-row.ts';

/**
 * What `GET /<server>` tells programs: where the server's document is, the URL to register, its state, and the names of
 * its tools.
 */
export function toServerFacts({ name, title, state, reason, tools, registerUrl }: ServerRow) {
  return {
    server: name,
    title,
    state,
    reason,
    tools: tools.map((tool) => tool.name),
    url: registerUrl,
    openapi_url: `${registerUrl}/openapi.json`,
    docs_url: `${registerUrl}/docs`,
  };
}
