import type { TransportConfig } from './server-config.ts';

export type ServerType = Exclude<TransportConfig['type'], 'auto'>;

const spellings: ReadonlyMap<string, ServerType> = new Map<string, ServerType>([
  ['stdio', 'stdio'],
  ['sse', 'sse'],
  ['streamable-http', 'streamable-http'],
  ['streamable_http', 'streamable-http'],
  ['streamablehttp', 'streamable-http'],
  ['http', 'streamable-http'],
]);

/** Every spelling that `type` and `--server-type` take, in any case. */
export const serverTypeSpellings: readonly string[] = [...spellings.keys()];

/** The transport that is meant, or `undefined` if the spelling is not known. */
export function parseServerType(spelling: string): ServerType | undefined {
  return spellings.get(spelling.toLowerCase());
}
