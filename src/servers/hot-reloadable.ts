import { isDeepStrictEqual } from 'node:util';
import type { ServerConfig } from '../config/server-config.ts';

/** Settings that apply without reopening sessions. */
const HOT_RELOADABLE_KEYS = [
  'title',
  'required',
  'disabledTools',
  'enabledTools',
  'tools',
  'timeoutMs',
  'maxConcurrency',
  'maxConcurrencyPerUser',
  'toolErrorStatus',
  'resultImages',
  'clientHeaderForwarding',
  'callMeta',
  'access',
  'rules',
  'redactResults',
] as const satisfies readonly (keyof ServerConfig)[];

/** Returns `config` with the hot-reloadable settings of `changed`. */
export function withReloadableSettings(config: ServerConfig, changed: ServerConfig): ServerConfig {
  return { ...config, ...Object.fromEntries(HOT_RELOADABLE_KEYS.map((key) => [key, changed[key]])) };
}

/** The same sessions serve both: every setting that is not hot-reloadable is equal. */
export function hasSameSessions(one: ServerConfig, other: ServerConfig): boolean {
  return isDeepStrictEqual(withReloadableSettings(one, other), withReloadableSettings(other, other));
}
