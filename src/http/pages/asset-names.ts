import { readFileSync } from 'node:fs';
import { pagesRoot } from './pages-root.ts';

/** Where the build puts the compressed scripts and styles, with the list of their hashes. */
export const compressedRoot = `${pagesRoot}assets/`;

const HASHED = /^([0-9a-f]{16})\/(.+)$/;
const hashes = readHashes();

/** The name under which pages load a file, such as `0123456789abcdef/page.css`: another one for other content. */
export function toHashedName(name: string): string {
  const hash = hashes.get(name);
  return hash === undefined ? name : `${hash}/${name}`;
}

/** A script or style as a request names it. */
export interface RequestedAsset {
  readonly name: string;
  /** Of the content that is served, if the build knows it. */
  readonly hash: string | undefined;
  /** The request named exactly this content, so the answer holds forever. */
  readonly isCurrent: boolean;
}

/** Reads a name with or without a hash. A hash of other content, such as a newer replica's, is no error. */
export function parseAssetName(file: string): RequestedAsset {
  const [, asked, name = file] = HASHED.exec(file) ?? [];
  const hash = hashes.get(name);
  return { name, hash, isCurrent: hash !== undefined && hash === asked };
}

/** Empty where the code runs unbuilt, in unit tests. */
function readHashes(): ReadonlyMap<string, string> {
  try {
    return new Map(Object.entries(JSON.parse(readFileSync(`${compressedRoot}hashes.json`, 'utf8'))));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
}
