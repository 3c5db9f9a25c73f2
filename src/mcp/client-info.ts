import { readVersion } from '../version.ts';

let info: { readonly name: string; readonly version: string } | undefined;

/** What we tell a server about ourselves; the version is the package's own. */
export function clientInfo(): { readonly name: string; readonly version: string } {
  info ??= { name: 'mcpo-ts', version: readVersion() };
  return info;
}
