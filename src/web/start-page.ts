import { renderTemplate } from './render-template.ts';
import type { StartPageServer, StartPageView } from './start-page-view.ts';

/** The whole HTML of `GET /`: every server with its state, its tools and the URL to register. */
export function renderStartPage(view: StartPageView): string {
  return renderTemplate('start-page', toStartPageModel(view));
}

/** What the templates read: the view with what is derived from it. */
export function toStartPageModel(view: StartPageView): object {
  const ready = view.servers.filter(({ state }) => state === 'ready').length;
  const isRegisteredAlone = view.servers.length === 1 && view.servers[0]?.registerUrl === view.allRegisterUrl;
  return {
    ...view,
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
