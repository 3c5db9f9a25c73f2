/**
 * Whether output has colours: `NO_COLOR` (no-color.org) turns them off and `FORCE_COLOR` on, or off if it is 0 or false;
 * else a terminal has them that is not dumb.
 */
export function hasColours(isTerminal: boolean, env: Readonly<NodeJS.ProcessEnv>): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR !== undefined) return !/^(0|false)$/i.test(FORCE_COLOR);
  return isTerminal && TERM !== 'dumb';
}
