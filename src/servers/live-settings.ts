import type { ServerConfig } from '../config/server-config.ts';

/** What no session is made of: a change of it holds from the next call on, and every session goes on. */
const LIVE_KEYS = [
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

export type LiveSettings = Pick<ServerConfig, (typeof LIVE_KEYS)[number]>;

const liveKeys: ReadonlySet<string> = new Set(LIVE_KEYS);

/** The configuration with the other one's live settings. */
export function withLiveSettings(config: ServerConfig, live: LiveSettings): ServerConfig {
  return { ...config, ...Object.fromEntries(LIVE_KEYS.map((key) => [key, live[key]])) };
}

/** Equal for equal settings; maps and sets count by their content. */
export function fingerprint(config: ServerConfig): string {
  return toText(Object.entries(config));
}

/** Equal for settings that the same sessions serve. Of a key that is not known here, sessions are made. */
export function sessionFingerprint(config: ServerConfig): string {
  return toText(Object.entries(config).filter(([key]) => !liveKeys.has(key)));
}

function toText(entries: readonly (readonly [string, unknown])[]): string {
  return JSON.stringify(entries, (_key, part: unknown) =>
    part instanceof Map || part instanceof Set ? [...part] : part,
  );
}
