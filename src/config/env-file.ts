import { readFileSync } from 'node:fs';
import { parse } from 'dotenv';

/** The variables of a dotenv file, in its order. Throws an `Error` that says in one short sentence why it cannot be read. */
export function readEnvFile(path: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(parse(readTextFile(path))));
}

/** A file's text. Throws an `Error` that says in one short sentence, without the path, why it cannot be read. */
export function readTextFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(describeFileError(error), { cause: error });
  }
}

const reasons: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'does not exist'],
  ['EACCES', 'may not be read by this user'],
  ['EPERM', 'may not be read by this user'],
  ['EISDIR', 'is a folder'],
]);

function describeFileError(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return reasons.get(code) ?? `cannot be read (${typeof code === 'string' ? code : 'unknown reason'})`;
}
