import { renderTemplate } from '../pages/render-template.ts';
import { toEnumeration, toTimeText } from '../pages/words.ts';
import type { StartPageReload, StartPageServer, StartPageView } from './start-page-view.ts';

const MAX_SHOWN = 10;

/** The whole HTML of `GET /`: every server with its state, its tools and the URL to register. */
export function renderStartPage(view: StartPageView): string {
  return renderTemplate('documents/start-page', toStartPageModel(view));
}

/** What the templates read: the view with what is derived from it. */
export function toStartPageModel(view: StartPageView): object {
  const ready = view.servers.filter(({ state }) => state === 'ready').length;
  const isRegisteredAlone = view.servers.length === 1 && view.servers[0]?.registerUrl === view.allRegisterUrl;
  return {
    ...view,
    reload: view.reload && toReloadModel(view.reload),
    servers: view.servers.map((server) => ({
      ...server,
      stateClass: server.state.replaceAll(' ', '-'),
      toolCount: count(server.tools.length, 'tool'),
      leftOutTools: server.leftOutTools ?? [],
      leftOutSummary: `${count(server.leftOutCount ?? 0, 'tool')} left out`,
      moreLeftOut: (server.leftOutCount ?? 0) - (server.leftOutTools ?? []).length,
      // Without a catalogue there is nothing to document, and the document is a 503.
      isDocumented: server.tools.length > 0 || server.state === 'ready',
      curl: toCurl(server, view.hasAuthentication),
    })),
    summary: `${ready} of ${count(view.servers.length, 'server')} ready`,
    toolCount: count(
      view.servers.reduce((sum, { tools }) => sum + tools.length, 0),
      'tool',
    ),
    showsAll: view.servers.length > 0 && !isRegisteredAlone,
  };
}

function toReloadModel(reload: StartPageReload): object {
  const time = toTimeText(reload.at);
  if (reload.kind === 'refused') {
    const { problems } = reload;
    const more = problems.length - MAX_SHOWN;
    return { time, isRefused: true, problems: problems.slice(0, MAX_SHOWN), more };
  }
  const changes = (['added', 'changed', 'removed'] as const)
    .filter((kind) => reload.change[kind].length > 0)
    .map((kind) => `${kind}: ${toNames(reload.change[kind])}`);
  return { time, isRefused: false, text: changes.length === 0 ? 'no server has changed' : changes.join('; ') };
}

function toNames(names: readonly string[]): string {
  const more = names.length - MAX_SHOWN;
  return toEnumeration([...names.slice(0, MAX_SHOWN), ...(more > 0 ? [`${more} more`] : [])]);
}

/** A call of the server's first tool, or of its document while no tool is known, for a POSIX shell. */
function toCurl({ registerUrl, tools }: StartPageServer, hasAuthentication: boolean): string {
  const tool = tools[0];
  const authorization = hasAuthentication ? ` -H "Authorization: Bearer $MCPO_API_KEY"` : '';
  if (tool === undefined) return `curl${authorization} ${quote(`${registerUrl}/openapi.json`)}`;
  const url = `${registerUrl}/${encodeURIComponent(tool.name.toWellFormed())}`;
  return `curl${authorization} -H "Content-Type: application/json" -d '{}' ${quote(url)}`;
}

function quote(url: string): string {
  return `'${url.replaceAll("'", '%27')}'`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
