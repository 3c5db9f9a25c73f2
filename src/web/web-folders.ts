import { fileURLToPath } from 'node:url';

/** Scripts and styles that are served as they are; the build adds ReDoc's bundle. */
export const assetsFolder = fileURLToPath(new URL('./assets/', import.meta.url));

export const templatesFolder = fileURLToPath(new URL('./templates/', import.meta.url));
