import { fileURLToPath } from 'node:url';
import { Eta } from 'eta';
import { toCount, toEnumeration, toTime, toWebUrl } from './words.ts';

/** The folder of the pages' folders, each with its templates, scripts and styles; the build copies them to `dist/`. */
export const pagesRoot = fileURLToPath(new URL('../', import.meta.url));

class PageTemplates extends Eta {
  /** What templates may call. `time` returns HTML. */
  readonly words = { count: toCount, enumerate: toEnumeration, time: toTime, webUrl: toWebUrl };
}

const templates = new PageTemplates({
  views: pagesRoot,
  cache: true,
  autoEscape: true,
  autoTrim: false,
  functionHeader: 'const { count, enumerate, time, webUrl } = this.words;',
});

/** A page from its template, such as `vault/vault`. Everything in `view` is escaped. */
export function renderTemplate(name: string, view: object): string {
  return templates.render(`./${name}`, view);
}
