import type { Request } from 'express';
import type { Settings } from '../../config/settings.ts';
import type { OperationIds } from '../../openapi/operation-id.ts';
import { publishedTools } from '../../servers/catalogue.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { type ListedServer, toShownRejectedTools, toShownServer } from '../pages/shown-server.ts';
import { serverPath } from '../paths.ts';
import { toBaseUrl, toRelativeUrl } from '../urls.ts';
import { findWords, type SearchWords } from './search.ts';

export interface RowContext {
  readonly settings: Pick<Settings, 'publicUrl' | 'rootPath' | 'pathPrefix' | 'singleServer'>;
  readonly client: ClientAddress;
  readonly hasAuthentication: boolean;
  /** Those of the servers' own documents. */
  readonly operationIds: OperationIds;
  /** What is not found by them is hidden; none: everything is found. */
  readonly words: SearchWords;
}

/** What `server-row.eta` shows of a server. `registerUrl` is absolute, all links are relative to the request's own path. */
export function toServerRow(server: ListedServer, request: Request, context: RowContext) {
  const { settings, client, hasAuthentication, operationIds, words } = context;
  const { catalogue, status } = server;
  const shown = toShownServer(server);
  const path = serverPath(server.name, settings);
  const to = (page: string) => toRelativeUrl(request.originalUrl, `${path}/${page}`);
  const registerUrl = toBaseUrl(request, settings, client) + path;
  const ids = operationIds.get(server.name);
  const description = catalogue?.instructions;
  const definitions = publishedTools(catalogue).map(({ definition }) => definition);
  const found = findWords(words, {
    own: [server.name, shown.title, description].join('\n'),
    tools: definitions.map((tool) => [tool.name, tool.title, tool.description].join('\n')),
  });
  const tools = definitions.map(({ name, title, description }, index) => ({
    name,
    title,
    description,
    // Swagger UI's address of an operation without a tag.
    docsUrl: to(`docs${ids?.has(name) ? `#/default/${ids.get(name)}` : ''}`),
    isHidden: found.tools.size > 0 && !found.tools.has(index),
  }));
  const rejected = catalogue?.rejected ?? [];
  return {
    ...shown,
    description,
    registerUrl,
    pageUrl: settings.singleServer ? to('docs') : toRelativeUrl(request.originalUrl, path),
    docsUrl: to('docs'),
    redocUrl: to('redoc'),
    documentUrl: to('openapi.json'),
    tools,
    hasTools: catalogue !== undefined && server.awaitedSource === undefined,
    // Without a catalogue there is nothing to document, and the document is a 503.
    isDocumented: tools.length > 0 || status.state === 'ready',
    rejected,
    shownRejected: toShownRejectedTools(rejected),
    curl: toCurl(registerUrl, tools[0]?.name, hasAuthentication),
    isHidden: !found.isFound,
    isOpen: found.isFound && found.tools.size > 0,
  };
}

export type ServerRow = ReturnType<typeof toServerRow>;

/** A call of a server's tool, or of its document while no tool is known, for a POSIX shell. */
function toCurl(registerUrl: string, tool: string | undefined, hasAuthentication: boolean): string {
  const quote = (url: string) => `'${url.replaceAll("'", '%27')}'`;
  const authorization = hasAuthentication ? ` -H "Authorization: Bearer $MCPO_API_KEY"` : '';
  if (tool === undefined) return `curl${authorization} ${quote(`${registerUrl}/openapi.json`)}`;
  const url = `${registerUrl}/${encodeURIComponent(tool.toWellFormed())}`;
  return `curl${authorization} -H "Content-Type: application/json" -d '{}' ${quote(url)}`;
}
