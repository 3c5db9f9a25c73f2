import type { Request } from 'express';
import type { Settings } from '../../config/settings.ts';
import type { Server } from '../../servers/server.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import { readVersion } from '../../version.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { serverPath } from '../paths.ts';
import { toBaseUrl, toRelativeUrl } from '../urls.ts';
import { shownRejectedTools } from './rejected-tools.ts';
import type { StartPageServer, StartPageView } from './start-page-view.ts';

export interface StartPageSource {
  readonly settings: Settings;
  readonly registry: ServerRegistry;
  readonly hasAuthentication: () => boolean;
  readonly client: ClientAddress;
}

/** Everything the start page shows, as of now and for this request's URL. */
export function toStartPageView(request: Request, source: StartPageSource): StartPageView {
  const { settings, registry, hasAuthentication, client } = source;
  const baseUrl = toBaseUrl(request, settings, client);
  const to = (path: string) => toRelativeUrl(request.originalUrl, path);
  const prefix = settings.pathPrefix.slice(0, -1);
  return {
    title: settings.api.name ?? 'mcpo-ts',
    version: readVersion(),
    baseUrl,
    hasAuthentication: hasAuthentication(),
    servers: registry.list().map((server) => toServerView(server, baseUrl, to, settings)),
    reload: registry.lastReload,
    allRegisterUrl: baseUrl + prefix,
    allDocsUrl: to(`${prefix}/docs`),
    allDocumentUrl: to(`${prefix}/openapi.json`),
    assetsBase: to(`${prefix}/docs/assets/`),
  };
}

function toServerView(
  server: Server,
  baseUrl: string,
  to: (path: string) => string,
  settings: Settings,
): StartPageServer {
  const path = serverPath(server.name, settings);
  const { catalogue, config, status } = server;
  return {
    name: server.name,
    title: catalogue?.serverInfo.title ?? catalogue?.serverInfo.name ?? server.name,
    description: catalogue?.instructions,
    state: status.state,
    reason: status.reason,
    transport: config.transport.type === 'auto' ? 'streamable-http' : config.transport.type,
    registerUrl: baseUrl + path,
    docsUrl: to(`${path}/docs`),
    redocUrl: to(`${path}/redoc`),
    documentUrl: to(`${path}/openapi.json`),
    tools: [...(catalogue?.tools.values() ?? [])].map(({ definition }) => ({
      name: definition.name,
      title: definition.title,
      description: definition.description,
      docsUrl: to(`${path}/docs`),
    })),
    leftOutTools: shownRejectedTools(catalogue?.rejected ?? []),
    leftOutCount: catalogue?.rejected.length ?? 0,
  };
}
