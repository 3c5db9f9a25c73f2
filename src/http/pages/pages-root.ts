import { fileURLToPath } from 'node:url';

/** The folder of the pages' folders, each with its templates, scripts and styles; the build copies them to `dist/`. */
export const pagesRoot = fileURLToPath(new URL('../', import.meta.url));
