const SECONDS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
]);
/** Ten years. */
const MAX_SECONDS = 315_360_000;

/** Reads `90s`, `30m`, `1h`, `7d` or a bare number of seconds; `undefined` for anything else or over ten years. */
export function parseTokenLifetime(text: string): number | undefined {
  const [, digits, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? [];
  const seconds = Number(digits) * (SECONDS.get(unit) ?? Number.NaN);
  return seconds >= 1 && seconds <= MAX_SECONDS ? seconds : undefined;
}
