import type { Request } from 'express';
import type { Settings } from '../../config/settings.ts';
import { toOwnOperationIds } from '../../openapi/operation-id.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import { readVersion } from '../../version.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { toChangeText } from '../pages/reload-change.ts';
import type { ListedServer } from '../pages/shown-server.ts';
import { toCount } from '../pages/words.ts';
import { toBaseUrl, toRelativeUrl } from '../urls.ts';
import { toDocumentServer } from './document-cache.ts';
import { toSearchWords } from './search.ts';
import { type ServerRow, toServerRow } from './server-row.ts';

const MAX_SHOWN = 10;

export interface StartPageSource {
  readonly settings: Pick<Settings, 'publicUrl' | 'rootPath' | 'pathPrefix' | 'singleServer' | 'api' | 'operationIds'>;
  readonly registry: { list(): readonly ListedServer[]; readonly lastReload: ServerRegistry['lastReload'] };
  readonly hasAuthentication: () => boolean;
  readonly client: ClientAddress;
}

/**
 * What `start-page.eta` shows: every server with its state, its tools and the URL to register. The latter are absolute,
 * all other links relative to the request's own path.
 */
export function toStartPage(request: Request, source: StartPageSource) {
  const { settings, registry, client } = source;
  const hasAuthentication = source.hasAuthentication();
  const to = (path: string) => toRelativeUrl(request.originalUrl, path);
  const prefix = settings.pathPrefix.slice(0, -1);
  const reload = registry.lastReload;
  const listed = registry.list();
  const servers = toServerRows(listed, request, source, toSearchWords(request.query.q));
  const allRegisterUrl = toBaseUrl(request, settings, client) + prefix;
  return {
    title: settings.api.name ?? 'mcpo-ts',
    version: readVersion(),
    hasAuthentication,
    servers,
    summary: toSummary(servers),
    query: typeof request.query.q === 'string' ? request.query.q : '',
    foundCount: servers.filter(({ isHidden }) => !isHidden).length,
    reload,
    reloadChange: reload?.kind === 'applied' ? toChangeText(reload.change) : undefined,
    maxProblems: MAX_SHOWN,
    showsAll: servers.length > 1 || (servers.length === 1 && servers[0]?.registerUrl !== allRegisterUrl),
    allRegisterUrl,
    allDocsUrl: to(`${prefix}/docs`),
    allDocumentUrl: to(`${prefix}/openapi.json`),
    vaultUrl: listed.some(({ config }) => config.userVars.size > 0) ? to(`${prefix}/vault`) : undefined,
    adminUrl: hasAuthentication ? to(`${prefix}/admin`) : undefined,
    assetsBase: to(`${prefix}/docs/assets/`),
  };
}

/** What `server-row.eta` shows of each of `servers`; operation ids depend on all servers of the registry. */
export function toServerRows(
  servers: readonly ListedServer[],
  request: Request,
  { settings, registry, client, hasAuthentication }: StartPageSource,
  words: readonly string[] = [],
): ServerRow[] {
  const { operationIds, singleServer } = settings;
  const context = {
    settings,
    client,
    hasAuthentication: hasAuthentication(),
    operationIds: toOwnOperationIds(registry.list().map(toDocumentServer), operationIds, singleServer),
    words,
  };
  return servers.map((server) => toServerRow(server, request, context));
}

function toSummary(servers: readonly ServerRow[]): string {
  const ready = servers.filter(({ state }) => state === 'ready').length;
  const tools = servers.reduce((sum, { tools }) => sum + tools.length, 0);
  const personal = servers.filter(({ stateClass }) => stateClass === 'personal').length;
  const signIn = personal === 0 ? '' : `, ${personal} for each user separately`;
  return `Servers: ${ready} of ${servers.length} ready${signIn}, ${toCount(tools, 'tool')}`;
}
