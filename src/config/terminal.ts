/** How log lines are written, and what a start prints: for programs or for people. */
export type LogFormat = 'json' | 'pretty';

/** `undefined` for any other word. */
export function parseLogFormat(text: string): LogFormat | undefined {
  return (['json', 'pretty'] as const).find((one) => one === text.toLowerCase());
}

/** Each stream's: what `LOG_FORMAT` says, else JSON unless people read it on a terminal. */
function toLogFormat(given: LogFormat | undefined, { isTTY }: { readonly isTTY?: boolean }): LogFormat {
  return given ?? (isTTY === true ? 'pretty' : 'json');
}

/** How the error that ends a start is printed, even where the rest of the environment cannot be used. */
export function startErrorFormat(env: Readonly<NodeJS.ProcessEnv> = process.env): LogFormat {
  return toLogFormat(parseLogFormat(env.LOG_FORMAT ?? ''), process.stderr);
}

/** What the service writes to, and how. */
export interface Terminal {
  /** Standard error is a terminal on which a line can be drawn again. */
  readonly isLive: boolean;
  /** How standard output and standard error are written. */
  readonly formats: { readonly out: LogFormat; readonly error: LogFormat };
  /** Whether standard output and standard error have colours. */
  readonly colours: { readonly out: boolean; readonly error: boolean };
}

export function readTerminal(format: LogFormat | undefined, env: Readonly<NodeJS.ProcessEnv>): Terminal {
  const { stdout, stderr } = process;
  return {
    isLive: stderr.isTTY === true && env.TERM !== 'dumb',
    formats: { out: toLogFormat(format, stdout), error: toLogFormat(format, stderr) },
    colours: { out: hasColours(stdout.isTTY === true, env), error: hasColours(stderr.isTTY === true, env) },
  };
}

/**
 * Whether output has colours: `NO_COLOR` (no-color.org) turns them off and `FORCE_COLOR` on, or off if it is 0 or false;
 * else a terminal has them that is not dumb.
 */
function hasColours(isTerminal: boolean, env: Readonly<NodeJS.ProcessEnv>): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR !== undefined) return !/^(0|false)$/i.test(FORCE_COLOR);
  return isTerminal && TERM !== 'dumb';
}
