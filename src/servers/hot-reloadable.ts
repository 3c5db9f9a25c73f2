import type { ServerConfig } from '../config/server-config.ts';

/** Settings that apply without reopening sessions. */
const HOT_RELOADABLE_KEYS = [
  'required',
  'disabledTools',
  'enabledTools',
  'timeoutMs',
  'maxConcurrency',
  'maxConcurrencyPerUser',
  'toolErrorStatus',
  'resultImages',
  'clientHeaderForwarding',
  'access',
] as const satisfies readonly (keyof ServerConfig)[];

const hotReloadable: ReadonlySet<string> = new Set(HOT_RELOADABLE_KEYS);

/** Returns `config` with the hot-reloadable settings of `changed`. */
export function withReloadableSettings(config: ServerConfig, changed: ServerConfig): ServerConfig {
  return { ...config, ...Object.fromEntries(HOT_RELOADABLE_KEYS.map((key) => [key, changed[key]])) };
}

/** Equal for equal settings; maps and sets count by their content. */
export function fingerprint(config: ServerConfig): string {
  return toText(Object.entries(config));
}

/** Equal for settings that the same sessions serve: every key that is not hot-reloadable counts. */
export function sessionFingerprint(config: ServerConfig): string {
  return toText(Object.entries(config).filter(([key]) => !hotReloadable.has(key)));
}

function toText(entries: readonly (readonly [string, unknown])[]): string {
  return JSON.stringify(entries, (_key, part: unknown) =>
    part instanceof Map || part instanceof Set ? [...part] : part,
  );
}
