import { Eta } from 'eta';
import { toHashedName } from './asset-names.ts';
import { pagesRoot } from './pages-root.ts';
import { toCount, toEnumeration, toExactTime, toTime, toWebUrl } from './words.ts';

class PageTemplates extends Eta {
  /** What templates may call. `time` and `exactTime` return HTML. */
  readonly words = {
    asset: toHashedName,
    count: toCount,
    enumerate: toEnumeration,
    time: toTime,
    exactTime: toExactTime,
    webUrl: toWebUrl,
  };
}

const templates = new PageTemplates({
  views: pagesRoot,
  cache: true,
  autoEscape: true,
  autoTrim: false,
  functionHeader: 'const { asset, count, enumerate, time, exactTime, webUrl } = this.words;',
});

/** A page from its template, such as `vault/vault`. Everything in `view` is escaped. */
export function renderTemplate(name: string, view: object): string {
  return templates.render(`./${name}`, view);
}
