import type { Request } from 'express';
import type { Settings } from '../../config/settings.ts';
import { publishedTools } from '../../servers/catalogue.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import { readVersion } from '../../version.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { toChangeText } from '../pages/reload-change.ts';
import { type ListedServer, toShownRejectedTools, toShownServer } from '../pages/shown-server.ts';
import { serverPath } from '../paths.ts';
import { toBaseUrl, toRelativeUrl } from '../urls.ts';

const MAX_SHOWN = 10;

export interface StartPageSource {
  readonly settings: Pick<Settings, 'publicUrl' | 'rootPath' | 'pathPrefix' | 'singleServer' | 'api'>;
  readonly registry: { list(): readonly ListedServer[]; readonly lastReload: ServerRegistry['lastReload'] };
  readonly hasAuthentication: () => boolean;
  readonly client: ClientAddress;
}

/**
 * What `start-page.eta` shows: every server with its state, its tools and the URL to register. The latter are absolute,
 * all other links relative to the request's own path.
 */
export function toStartPage(request: Request, source: StartPageSource) {
  const { settings, registry, hasAuthentication, client } = source;
  const baseUrl = toBaseUrl(request, settings, client);
  const to = (path: string) => toRelativeUrl(request.originalUrl, path);
  const prefix = settings.pathPrefix.slice(0, -1);
  const reload = registry.lastReload;
  const servers = registry.list().map((server) => {
    const { catalogue, status } = server;
    const path = serverPath(server.name, settings);
    const registerUrl = baseUrl + path;
    const docsUrl = to(`${path}/docs`);
    const tools = publishedTools(catalogue).map(({ definition: { name, title, description } }) => ({
      name,
      title,
      description,
      docsUrl,
    }));
    return {
      ...toShownServer(server),
      description: catalogue?.instructions,
      registerUrl,
      docsUrl,
      redocUrl: to(`${path}/redoc`),
      documentUrl: to(`${path}/openapi.json`),
      tools,
      // Without a catalogue there is nothing to document, and the document is a 503.
      isDocumented: tools.length > 0 || status.state === 'ready',
      rejected: catalogue?.rejected ?? [],
      shownRejected: toShownRejectedTools(catalogue?.rejected ?? []),
      curl: toCurl(registerUrl, tools[0]?.name, hasAuthentication()),
    };
  });
  const allRegisterUrl = baseUrl + prefix;
  return {
    title: settings.api.name ?? 'mcpo-ts',
    version: readVersion(),
    hasAuthentication: hasAuthentication(),
    servers,
    readyCount: servers.filter(({ state }) => state === 'ready').length,
    toolCount: servers.reduce((sum, { tools }) => sum + tools.length, 0),
    reload,
    reloadChange: reload?.kind === 'applied' ? toChangeText(reload.change) : undefined,
    maxProblems: MAX_SHOWN,
    showsAll: servers.length > 1 || (servers.length === 1 && servers[0]?.registerUrl !== allRegisterUrl),
    allRegisterUrl,
    allDocsUrl: to(`${prefix}/docs`),
    allDocumentUrl: to(`${prefix}/openapi.json`),
    assetsBase: to(`${prefix}/docs/assets/`),
  };
}

/** A call of a server's tool, or of its document while no tool is known, for a POSIX shell. */
function toCurl(registerUrl: string, tool: string | undefined, hasAuthentication: boolean): string {
  const quote = (url: string) => `'${url.replaceAll("'", '%27')}'`;
  const authorization = hasAuthentication ? ` -H "Authorization: Bearer $MCPO_API_KEY"` : '';
  if (tool === undefined) return `curl${authorization} ${quote(`${registerUrl}/openapi.json`)}`;
  const url = `${registerUrl}/${encodeURIComponent(tool.toWellFormed())}`;
  return `curl${authorization} -H "Content-Type: application/json" -d '{}' ${quote(url)}`;
}
