import { readFileSync } from 'node:fs';
import { parse } from 'dotenv';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  EISDIR: 'is a folder',
};

/** A file's text. Throws an `Error` that says in one short phrase, without the path, why it cannot be read. */
export function readTextFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
    throw new Error(REASONS[code] ?? `cannot be read (${code})`, { cause: error });
  }
}

/** The variables of a dotenv file, in its order. Throws as `readTextFile` does. */
export function readEnvFile(path: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(parse(readTextFile(path))));
}
