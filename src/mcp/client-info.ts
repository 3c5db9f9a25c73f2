import { readVersion } from '../version.ts';

let info: { readonly name: string; readonly version: string } | undefined;

/** The name and version that servers see in the handshake; the version is the package's. */
export function clientInfo(): { readonly name: string; readonly version: string } {
  info ??= { name: 'mcpo-ts', version: readVersion() };
  return info;
}
