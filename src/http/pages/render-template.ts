import { fileURLToPath } from 'node:url';
import { Eta } from 'eta';

/** Where each page's folder lies, with its template, scripts and styles; the build lays the same beside the code. */
const pageFolders = fileURLToPath(new URL('../', import.meta.url));

const eta = new Eta({ views: pageFolders, cache: true, autoEscape: true, autoTrim: false });

/** A page from its template, such as `vault/vault`; what the view holds is escaped. */
export function renderTemplate(name: string, view: object): string {
  return eta.render(`./${name}`, view);
}

/** The absolute path of a page's folder. */
export function pageFolder(name: 'documents' | 'pages'): string {
  return `${pageFolders}${name}`;
}
