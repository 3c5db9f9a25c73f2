import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assetsFolder } from './web-folders.ts';

/** ReDoc's bundle as it is served, with a strong validator. */
export interface RedocBundle {
  readonly body: Buffer;
  readonly etag: string;
}

const FOREIGN_LOGO = 'https://cdn.redoc.ly/redoc/logo-mini.svg';

let bundle: Promise<RedocBundle> | undefined;

/**
 * ReDoc draws its maker's logo from the internet and has no option against it, so here that address is an empty one,
 * for which ReDoc draws nothing. Rejects if the build did not put the bundle among the assets.
 */
export function readRedocBundle(): Promise<RedocBundle> {
  bundle ??= load().catch((error: unknown) => {
    bundle = undefined;
    throw error;
  });
  return bundle;
}

async function load(): Promise<RedocBundle> {
  const text = await readFile(join(assetsFolder, 'redoc.standalone.js'), 'utf8');
  const body = Buffer.from(text.replaceAll(FOREIGN_LOGO, 'data:,'));
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"` };
}
