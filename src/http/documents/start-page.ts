import type { Request } from 'express';
import type { Settings } from '../../config/settings.ts';
import type { RejectedTool } from '../../mcp/session.ts';
import type { Server } from '../../servers/server.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import { readVersion } from '../../version.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { renderTemplate } from '../pages/render-template.ts';
import { toEnumeration } from '../pages/words.ts';
import { serverPath } from '../paths.ts';
import { toBaseUrl, toRelativeUrl } from '../urls.ts';

const MAX_SHOWN = 10;
const MAX_REJECTED_SHOWN = 50;
const MAX_NAME_CHARACTERS = 200;
const MAX_REASON_CHARACTERS = 500;

interface StartPageTool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly docsUrl: string;
}

export interface StartPageServer {
  readonly name: string;
  readonly title: string;
  readonly description?: string | undefined;
  readonly state: Server['status']['state'];
  /** Why it is not ready: a public sentence of ours. */
  readonly reason?: string | undefined;
  readonly transport: string;
  /** Absolute: what to enter in Open WebUI, without a slash at the end. */
  readonly registerUrl: string;
  readonly docsUrl: string;
  readonly redocUrl: string;
  readonly documentUrl: string;
  readonly tools: readonly StartPageTool[];
  /** Tools that cannot be served. */
  readonly rejected: readonly RejectedTool[];
}

/** Everything on the start page. Links but `registerUrl` and `allRegisterUrl` are relative to the request's own path. */
export interface StartPage {
  readonly title: string;
  readonly version: string;
  readonly hasAuthentication: boolean;
  readonly servers: readonly StartPageServer[];
  /** How the last reload of the configuration ended. */
  readonly reload?: ServerRegistry['lastReload'];
  /** Absolute: one registration for the tools of all servers. */
  readonly allRegisterUrl: string;
  /** The documentation of all servers; `undefined` hides the link, as on that page itself. */
  readonly allDocsUrl?: string | undefined;
  readonly allDocumentUrl: string;
  /** Ends with a slash. */
  readonly assetsBase: string;
}

export interface StartPageSource {
  readonly settings: Settings;
  readonly registry: ServerRegistry;
  readonly hasAuthentication: () => boolean;
  readonly client: ClientAddress;
}

/** The start page as of now, with links for this request. */
export function toStartPage(request: Request, source: StartPageSource): StartPage {
  const { settings, registry, hasAuthentication, client } = source;
  const baseUrl = toBaseUrl(request, settings, client);
  const to = (path: string) => toRelativeUrl(request.originalUrl, path);
  const prefix = settings.pathPrefix.slice(0, -1);
  return {
    title: settings.api.name ?? 'mcpo-ts',
    version: readVersion(),
    hasAuthentication: hasAuthentication(),
    servers: registry.list().map((server) => toServer(server, baseUrl, to, settings)),
    reload: registry.lastReload,
    allRegisterUrl: baseUrl + prefix,
    allDocsUrl: to(`${prefix}/docs`),
    allDocumentUrl: to(`${prefix}/openapi.json`),
    assetsBase: to(`${prefix}/docs/assets/`),
  };
}

function toServer(server: Server, baseUrl: string, to: (path: string) => string, settings: Settings): StartPageServer {
  const path = serverPath(server.name, settings);
  const { catalogue, config, status } = server;
  const docsUrl = to(`${path}/docs`);
  return {
    name: server.name,
    title: catalogue?.serverInfo.title ?? catalogue?.serverInfo.name ?? server.name,
    description: catalogue?.instructions,
    state: status.state,
    reason: status.reason,
    transport: config.transport.type === 'auto' ? 'streamable-http' : config.transport.type,
    registerUrl: baseUrl + path,
    docsUrl,
    redocUrl: to(`${path}/redoc`),
    documentUrl: to(`${path}/openapi.json`),
    tools: [...(catalogue?.tools.values() ?? [])].map(({ definition: { name, title, description } }) => ({
      name,
      title,
      description,
      docsUrl,
    })),
    rejected: catalogue?.rejected ?? [],
  };
}

/** The HTML of `GET /`: every server with its state, its tools and the URL to register. */
export function renderStartPage(page: StartPage): string {
  return renderTemplate('documents/start-page', toServerList(page));
}

/** What `server-list.eta` shows. */
export function toServerList(page: StartPage): object {
  const { servers, hasAuthentication, allRegisterUrl, reload } = page;
  return {
    ...page,
    reloadChange: reload?.kind === 'applied' ? toChangeText(reload.change) : undefined,
    maxProblems: MAX_SHOWN,
    readyCount: servers.filter(({ state }) => state === 'ready').length,
    toolCount: servers.reduce((sum, { tools }) => sum + tools.length, 0),
    showsAll: servers.length > 1 || (servers.length === 1 && servers[0]?.registerUrl !== allRegisterUrl),
    servers: servers.map((server) => ({
      ...server,
      // Without a catalogue there is nothing to document, and the document is a 503.
      isDocumented: server.tools.length > 0 || server.state === 'ready',
      shownRejected: shownRejectedTools(server.rejected),
      curl: toCurl(server, hasAuthentication),
    })),
  };
}

/** Tools that cannot be served, as they are shown: at most fifty, names and reasons of bounded length. */
export function shownRejectedTools(rejected: readonly RejectedTool[]): RejectedTool[] {
  const shorten = (text: string, max: number) => (text.length > max ? `${text.slice(0, max).toWellFormed()}…` : text);
  return rejected.slice(0, MAX_REJECTED_SHOWN).map(({ name, reason }) => ({
    name: shorten(name, MAX_NAME_CHARACTERS),
    reason: shorten(reason, MAX_REASON_CHARACTERS),
  }));
}

function toChangeText(change: Readonly<Record<'added' | 'changed' | 'removed', readonly string[]>>): string {
  const changes = (['added', 'changed', 'removed'] as const)
    .filter((kind) => change[kind].length > 0)
    .map((kind) => {
      const more = change[kind].length - MAX_SHOWN;
      const names = [...change[kind].slice(0, MAX_SHOWN), ...(more > 0 ? [`${more} more`] : [])];
      return `${kind}: ${toEnumeration(names)}`;
    });
  return changes.length === 0 ? 'no server has changed' : changes.join('; ');
}

/** A call of the server's first tool, or of its document while no tool is known, for a POSIX shell. */
function toCurl({ registerUrl, tools }: StartPageServer, hasAuthentication: boolean): string {
  const tool = tools[0];
  const quote = (url: string) => `'${url.replaceAll("'", '%27')}'`;
  const authorization = hasAuthentication ? ` -H "Authorization: Bearer $MCPO_API_KEY"` : '';
  if (tool === undefined) return `curl${authorization} ${quote(`${registerUrl}/openapi.json`)}`;
  const url = `${registerUrl}/${encodeURIComponent(tool.name.toWellFormed())}`;
  return `curl${authorization} -H "Content-Type: application/json" -d '{}' ${quote(url)}`;
}
