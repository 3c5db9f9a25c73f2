import type { LogLevel } from './settings.ts';

/** Ours, and the names that mcpo takes. */
const spellings: ReadonlyMap<string, LogLevel> = new Map<string, LogLevel>([
  ['error', 'error'],
  ['critical', 'error'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['info', 'info'],
  ['debug', 'debug'],
  ['trace', 'debug'],
]);

/** The level that is meant, in any case, or `undefined` if the spelling is not known. */
export function parseLogLevel(spelling: string): LogLevel | undefined {
  return spellings.get(spelling.trim().toLowerCase());
}
