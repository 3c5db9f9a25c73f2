import { Eta } from 'eta';
import { toHashedName } from './asset-names.ts';
import { pagesRoot } from './pages-root.ts';
import { toCount, toEnumeration, toTime, toWebUrl } from './words.ts';

class PageTemplates extends Eta {
  /** What templates may call. `time` returns HTML. */
  readonly words = { asset: toHashedName, count: toCount, enumerate: toEnumeration, time: toTime, webUrl: toWebUrl };
}

const templates = new PageTemplates({
  views: pagesRoot,
  cache: true,
  autoEscape: true,
  autoTrim: false,
  functionHeader: 'const { asset, count, enumerate, time, webUrl } = this.words;',
});

/** A page from its template, such as `vault/vault`. Everything in `view` is escaped. */
export function renderTemplate(name: string, view: object): string {
  return templates.render(`./${name}`, view);
}
