/** How log lines are written, and what a start prints: for programs or for people. */
export type LogFormat = 'json' | 'pretty';

/** `undefined` for any other word. */
export function parseLogFormat(text: string): LogFormat | undefined {
  return (['json', 'pretty'] as const).find((one) => one === text.toLowerCase());
}

/** Each stream's: what `LOG_FORMAT` says, else JSON unless people read it on a terminal. */
export function toLogFormat(given: LogFormat | undefined, { isTTY }: { readonly isTTY?: boolean }): LogFormat {
  return given ?? (isTTY === true ? 'pretty' : 'json');
}

/** How the error that ends a start is printed, even where the rest of the environment cannot be used. */
export function startErrorFormat(env: Readonly<NodeJS.ProcessEnv> = process.env): LogFormat {
  return toLogFormat(parseLogFormat(env.LOG_FORMAT ?? ''), process.stderr);
}
