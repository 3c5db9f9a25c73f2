import { Eta } from 'eta';
import { templatesFolder } from './web-folders.ts';

const eta = new Eta({ views: templatesFolder, cache: true, autoEscape: true, autoTrim: false });

/** A page from `templates/<name>.eta`; what the view holds is escaped. */
export function renderTemplate(name: string, view: object): string {
  return eta.render(`./${name}`, view);
}
