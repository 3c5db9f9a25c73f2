import { describe, expect, test } from '@jest/globals';
import type { Request } from 'express';
import { TRUST_NONE } from '../../../../src/config/trust-proxy.ts';
import { type StartPageSource, toStartPage } from '../../../../src/http/documents/start-page.ts';
import { createClientAddress } from '../../../../src/http/guards/trusted-proxies.ts';
import { renderTemplate } from '../../../../src/http/pages/render-template.ts';
import type { ListedServer } from '../../../../src/http/pages/shown-server.ts';

const hostile = `</title><script>alert(1)</script>"' onload=alert(1) <img src=x onerror=alert(1)>`;

interface Listed {
  readonly name?: string;
  readonly title?: string;
  readonly instructions?: string;
  readonly state?: string;
  readonly reason?: string;
  readonly tools?: readonly { readonly name: string; readonly title?: string; readonly description?: string }[];
  readonly rejected?: readonly { readonly name: string; readonly reason: string }[];
  readonly isolation?: string;
  /** Its tools are not known until a user has a session. */
  readonly isAwaited?: boolean;
}

function server(listed: Listed = {}): ListedServer {
  const { name = 'time', title = 'Time', instructions, state = 'ready', reason } = listed;
  const { tools = [{ name: 'now' }], rejected = [], isolation = 'shared', isAwaited = false } = listed;
  const found: { readonly [Key in keyof ListedServer]: unknown } = {
    name,
    status: { state, reason },
    catalogue: isAwaited
      ? undefined
      : {
          serverInfo: { name, title },
          instructions,
          tools: new Map(tools.map((definition) => [definition.name, { definition }])),
          rejected,
        },
    config: {
      name,
      transport: { type: 'stdio' },
      isolation,
      userVars: new Map(isolation === 'user' ? [['TOKEN', {}]] : []),
    },
    awaitedSource: isAwaited ? 'user' : undefined,
  };
  return found as ListedServer;
}

interface Shown {
  readonly title?: string;
  readonly servers?: readonly ListedServer[];
  readonly reload?: StartPageSource['registry']['lastReload'];
  readonly hasAuthentication?: boolean;
  readonly singleServer?: boolean;
  readonly query?: unknown;
}

function view(shown: Shown = {}) {
  const { title, servers = [server(), server({ name: 'other' })], reload, hasAuthentication = true } = shown;
  return toStartPage({ originalUrl: '/', query: { q: shown.query } } as unknown as Request, {
    settings: {
      publicUrl: 'http://host',
      rootPath: '',
      pathPrefix: '/',
      singleServer: shown.singleServer ?? false,
      operationIds: 'server',
      api: { name: title, description: undefined, version: undefined },
    },
    registry: { list: () => servers, lastReload: reload },
    hasAuthentication: () => hasAuthentication,
    client: createClientAddress(TRUST_NONE),
  });
}

const renderStartPage = (page: object) => renderTemplate('documents/start-page', page);

/** Tags as a browser would see them: what is escaped is none. */
function tags(html: string): string[] {
  return html.match(/<[a-z][^>]*>/gi) ?? [];
}

describe('the start page', () => {
  test('names each server with its state, reason and the URL to register', () => {
    const failed = server({ name: 'jira', state: 'backing off', reason: 'It ended with code 1.', tools: [] });
    const html = renderStartPage(view({ servers: [server(), failed] }));
    expect(html).toContain('>http://host/time</code>');
    expect(html).toMatch(/class="state state-backing-off">backing off</);
    expect(html).toContain('It ended with code 1.');
    expect(html).toContain('Servers: 1 of 2 ready, 1 tool');
    expect(html.match(/href="[^"]*redoc"/g)).toEqual(['href="./time/redoc"']);
  });

  test('shows that users sign in to a server for themselves, and not that it is ready without tools', () => {
    const mine = { name: 'jira', isolation: 'user', reason: 'starts for each user' };
    const html = renderStartPage(view({ servers: [server(), server({ ...mine, isAwaited: true })] }));
    expect(html).toMatch(/class="state state-personal">each user signs in</);
    expect(html).toContain('Servers: 2 of 2 ready, 1 for each user separately, 1 tool<');
    expect(html).not.toMatch(/0 tools|starts for each user/);
    const listed = renderStartPage(view({ servers: [server({ ...mine, tools: [{ name: 'a' }, { name: 'b' }] })] }));
    expect(listed).toMatch(/each user signs in[\s\S]*<summary>2 tools</);
    const failing = server({ ...mine, state: 'degraded', reason: 'its tools could not be listed' });
    expect(renderStartPage(view({ servers: [failing] }))).toMatch(
      /state-degraded">degraded<[\s\S]*could not be listed/,
    );
    const chats = server({ name: 'notes', isolation: 'chat', reason: 'starts for each user' });
    expect(renderStartPage(view({ servers: [chats] }))).toContain('>a session for each chat<');
  });

  test('leads to the vault where users have values, and to the administration where there is authentication', () => {
    const links = (shown: Shown) => renderStartPage(view(shown)).match(/href="\.\/(?:vault|admin)"/g) ?? [];
    expect(links({})).toEqual(['href="./admin"']);
    expect(links({ hasAuthentication: false })).toEqual([]);
    expect(links({ servers: [server({ isolation: 'user' })] })).toEqual(['href="./vault"', 'href="./admin"']);
  });

  test('finds servers by name, title and description, and by their tools, which alone are shown then', () => {
    const servers = [
      server({ name: 'clock', title: 'Time', instructions: 'For travellers.', tools: [{ name: 'now' }] }),
      server({
        name: 'github',
        title: 'GitHub',
        tools: [{ name: 'list_issues', description: 'Open tickets' }, { name: 'fork' }],
      }),
    ];
    const shown = (query: unknown) => {
      const html = renderStartPage(view({ servers, query }));
      const rows = [...html.matchAll(/<article class="server" data-server="(\w+)"[^>]*?( hidden)?>/g)];
      const tools = [...html.matchAll(/<li>\s*<a [^>]*>(\w+)</g)].map(([, name]) => name);
      return { servers: rows.filter(([, , hidden]) => !hidden).map(([, name]) => name), tools };
    };
    const all = { servers: ['clock', 'github'], tools: ['now', 'list_issues', 'fork'] };
    for (const query of [undefined, '', '  ', ['a', 'b'], { a: 'b' }]) expect(shown(query)).toEqual(all);
    expect(shown('CLOCK').servers).toEqual(['clock']);
    expect(shown('travel').servers).toEqual(['clock']);
    expect(shown('time').servers).toEqual(['clock']);
    expect(shown('tickets')).toEqual({ servers: ['github'], tools: ['now', 'list_issues'] });
    expect(shown('github issues')).toEqual({ servers: ['github'], tools: ['now', 'list_issues'] });
    expect(shown('github nothing').servers).toEqual([]);
    const html = renderStartPage(view({ servers, query: `tickets ${hostile}` }));
    expect(html).toContain('value="tickets &lt;/title&gt;');
    expect(renderStartPage(view({ servers, query: 'tickets' }))).toContain('1 of 2 servers found');
  });

  test('leads from each tool to its place in the documentation', () => {
    const html = renderStartPage(
      view({ servers: [server(), server({ name: 'time_zone', tools: [{ name: 'now' }] })] }),
    );
    expect(html).toContain('href="./time/docs#/default/time_now"');
    expect(html).toContain('href="./time_zone/docs#/default/time_zone_now"');
  });

  test('offers all servers at once unless there is only the one', () => {
    expect(renderStartPage(view())).toContain('All servers at once');
    expect(renderStartPage(view({ servers: [server()], singleServer: true }))).not.toContain('All servers at once');
    expect(renderStartPage(view({ servers: [] }))).toContain('No server is configured');
  });

  test('names the tools that are left out, with the reason', () => {
    const reason = `its schema refers to ${hostile}`;
    const rejected = Array.from({ length: 52 }, () => ({ name: hostile, reason }));
    const html = renderStartPage(view({ servers: [server({ rejected })] }));
    expect(html).toContain('52 tools left out');
    expect(html).toContain('… and 2 more');
    expect(html).toContain('its schema refers to &lt;/title&gt;&lt;script&gt;');
    expect(tags(html).join('')).not.toMatch(/onload|<img/);
    expect(renderStartPage(view())).not.toContain('left out');
  });

  test('says how the last reload ended, and nothing before the first', () => {
    const at = Date.UTC(2026, 10, 21, 12, 30);
    const refused = renderStartPage(
      view({ reload: { kind: 'refused', at, problems: [`servers.json:3: ${hostile}`, ...Array(11).fill('more')] } }),
    );
    expect(refused).toContain('The configuration was not reloaded at <time datetime="2026-11-21T12:30:00.000Z">');
    expect(refused).toContain('<li>servers.json:3: &lt;/title&gt;&lt;script&gt;');
    expect(refused).toContain('… and 2 more');
    expect(tags(refused).join('')).not.toMatch(/onload|<img/);
    const change = { added: ['a'], changed: [], removed: Array.from({ length: 12 }, (_, i) => `r${i}`) };
    const applied = renderStartPage(view({ reload: { kind: 'applied', at, change } }));
    expect(applied).toContain('</time>; added: a; removed: r0, r1, r2, r3, r4, r5, r6, r7, r8, r9 and 2 more.');
    const same = renderStartPage(
      view({ reload: { kind: 'applied', at, change: { added: [], changed: [], removed: [] } } }),
    );
    expect(same).toContain('no server has changed');
    expect(renderStartPage(view())).not.toContain('reloaded');
  });

  test('shows a curl line that a shell takes as it is meant', () => {
    const odd = server({ tools: [{ name: `it's a/b "$(id)"` }] });
    const html = renderStartPage(view({ servers: [odd], hasAuthentication: false }));
    expect(html).toContain('&#39;http://host/time/it%27s%20a%2Fb%20%22%24(id)%22&#39;');
    expect(html).toContain('Authentication is disabled');
    expect(html).not.toContain('Authorization: Bearer');
    expect(renderStartPage(view())).toContain('Authorization: Bearer $MCPO_API_KEY');
  });
});

describe('every page', () => {
  const start = view({
    title: hostile,
    servers: [
      server({
        name: hostile,
        title: hostile,
        instructions: hostile,
        state: 'failed',
        reason: hostile,
        tools: [{ name: hostile, title: hostile, description: hostile }],
      }),
    ],
  });
  const docs = {
    title: hostile,
    documentUrl: './openapi.json',
    serviceUrl: './',
    assetsBase: './docs/assets/',
    links: [{ label: hostile, url: './' }],
  };
  test.each([
    ['start page', renderStartPage(start), renderStartPage(view())],
    [
      'Swagger UI with the list',
      renderTemplate('documents/swagger', { ...docs, startPage: start }),
      renderTemplate('documents/swagger', { ...docs, title: 'x', startPage: view() }),
    ],
    [
      'Swagger UI',
      renderTemplate('documents/swagger', { ...docs, servers: start.servers }),
      renderTemplate('documents/swagger', { ...docs, title: 'x', servers: view().servers }),
    ],
    ['ReDoc', renderTemplate('documents/redoc', docs), renderTemplate('documents/redoc', { ...docs, title: 'x' })],
  ])('%s: what a server says is text, scripts and styles are files beside it', (_name, html, plain) => {
    for (const page of [html, plain]) {
      for (const tag of tags(page)) {
        expect(tag).not.toMatch(/^<(img|iframe|style)/i);
        expect(tag.replace(/"[^"]*"/g, '""')).not.toMatch(/\s(on[a-z]+|style)=/i);
        if (/^<script/i.test(tag)) expect(tag).toMatch(/^<script src="\.\/docs\/assets\/[\w.-]+\.js" defer>$/);
        expect(tag).not.toMatch(/(href|src)="(https?:|\/|javascript:|data:)/i);
      }
    }
    expect(html).toContain('&lt;script&gt;');
    expect(plain).toMatch(/^<!doctype html>/);
  });
});
