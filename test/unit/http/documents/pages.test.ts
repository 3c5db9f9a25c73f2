import { describe, expect, test } from '@jest/globals';
import { renderRedocPage, renderSwaggerPage } from '../../../../src/http/documents/docs-pages.ts';
import { renderStartPage, type StartPage, type StartPageServer } from '../../../../src/http/documents/start-page.ts';

const hostile = `</title><script>alert(1)</script>"' onload=alert(1) <img src=x onerror=alert(1)>`;

function server(overrides: Partial<StartPageServer> = {}): StartPageServer {
  return {
    name: 'time',
    title: 'Time',
    state: 'ready',
    transport: 'stdio',
    registerUrl: 'http://host/time',
    docsUrl: './time/docs',
    redocUrl: './time/redoc',
    documentUrl: './time/openapi.json',
    tools: [{ name: 'now', docsUrl: './time/docs' }],
    rejected: [],
    ...overrides,
  };
}

function view(overrides: Partial<StartPage> = {}): StartPage {
  return {
    title: 'mcpo-ts',
    version: '1.2.3',
    hasAuthentication: true,
    servers: [server(), server({ name: 'other', registerUrl: 'http://host/other' })],
    allRegisterUrl: 'http://host',
    allDocsUrl: './docs',
    allDocumentUrl: './openapi.json',
    assetsBase: './docs/assets/',
    ...overrides,
  };
}

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
    expect(html).toContain('1 of 2 servers ready, 1 tool');
    expect(html.match(/aria-label="Documentation of \w+"/g)).toEqual(['aria-label="Documentation of time"']);
  });

  test('offers all servers at once unless there is only the one', () => {
    const one = server({ registerUrl: 'http://host' });
    expect(renderStartPage(view())).toContain('All servers at once');
    expect(renderStartPage(view({ servers: [one] }))).not.toContain('All servers at once');
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
    const odd = server({ tools: [{ name: `it's a/b "$(id)"`, docsUrl: './time/docs' }] });
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
    version: hostile,
    servers: [
      server({
        name: hostile,
        title: hostile,
        description: hostile,
        state: 'failed',
        reason: hostile,
        tools: [{ name: hostile, title: hostile, description: hostile, docsUrl: './time/docs' }],
      }),
    ],
  });
  const docs = {
    title: hostile,
    documentUrl: './openapi.json',
    assetsBase: './docs/assets/',
    links: [{ label: hostile, url: './' }],
  };
  test.each([
    ['start page', renderStartPage(start), renderStartPage(view())],
    [
      'Swagger UI below the list',
      renderSwaggerPage({ ...docs, startPage: start }),
      renderSwaggerPage({ ...docs, title: 'x', startPage: view() }),
    ],
    ['Swagger UI', renderSwaggerPage(docs), renderSwaggerPage({ ...docs, title: 'x' })],
    ['ReDoc', renderRedocPage(docs), renderRedocPage({ ...docs, title: 'x' })],
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
