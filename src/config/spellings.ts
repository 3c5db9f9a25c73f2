export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type ServerType = 'stdio' | 'sse' | 'streamable-http';

const logLevels: ReadonlyMap<string, LogLevel> = new Map<string, LogLevel>([
  ['error', 'error'],
  ['critical', 'error'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['info', 'info'],
  ['debug', 'debug'],
  ['trace', 'debug'],
]);

const serverTypes: ReadonlyMap<string, ServerType> = new Map<string, ServerType>([
  ['stdio', 'stdio'],
  ['sse', 'sse'],
  ['streamable-http', 'streamable-http'],
  ['streamable_http', 'streamable-http'],
  ['streamablehttp', 'streamable-http'],
  ['http', 'streamable-http'],
]);

export const serverTypeNames: readonly string[] = [...serverTypes.keys()];

/** Rules end a sentence that begins with the setting's name. */
export const LOG_LEVEL_RULE = 'must be one of error, warn, info, debug';
export const SERVER_TYPE_RULE = `must be one of ${serverTypeNames.join(', ')}`;
export const HOST_NAMES_RULE =
  'must be host names or addresses such as mcpo, tools.example.org or 192.168.1.5, without a scheme, a path and "*".';

const HOST = /^(?:[A-Za-z0-9._~-]+|\[?[0-9A-Fa-f:.]+\]?)(?::\d{1,5})?$/;

/** The log level, in mcpo's spellings too and in any case; `undefined` if unknown. */
export function parseLogLevel(spelling: string): LogLevel | undefined {
  return logLevels.get(spelling.trim().toLowerCase());
}

/** The transport of `type` and `--server-type`, in any case; `undefined` if unknown. */
export function parseServerType(spelling: string): ServerType | undefined {
  return serverTypes.get(spelling.toLowerCase());
}

/** Host names under which the service is reached, separated by commas or spaces; `undefined` if one is not valid. */
export function parseHostNames(text: string): readonly string[] | undefined {
  const hosts = text.split(/[\s,]+/).filter((host) => host !== '');
  return hosts.every((host) => HOST.test(host)) ? hosts : undefined;
}
