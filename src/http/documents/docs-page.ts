import { renderTemplate } from '../pages/render-template.ts';
import { toStartPageModel } from './start-page.ts';
import type { StartPageView } from './start-page-view.ts';

/** A page of documentation. Its URLs are relative to the request's own path. */
export interface DocsPage {
  readonly title: string;
  /** The OpenAPI document that is shown. */
  readonly documentUrl: string;
  /** Ends with a slash. */
  readonly assetsBase: string;
  /** Further links at the top, such as the start page. */
  readonly links?: readonly { readonly label: string; readonly url: string }[] | undefined;
  /** Lists the servers above the documentation: for the page of all servers. */
  readonly startPage?: StartPageView | undefined;
}

/** The HTML of `/docs`: Swagger UI. Needs scripts of our own origin and inline styles, and nothing from elsewhere. */
export function renderSwaggerPage(page: DocsPage): string {
  return renderTemplate('documents/swagger', {
    ...page,
    links: page.links ?? [],
    start: page.startPage === undefined ? undefined : toStartPageModel(page.startPage),
  });
}

/** The HTML of `/redoc`: ReDoc. Needs a worker from a blob as well. */
export function renderRedocPage(page: DocsPage): string {
  return renderTemplate('documents/redoc', { ...page, links: page.links ?? [] });
}
