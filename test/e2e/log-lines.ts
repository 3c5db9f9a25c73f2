export type LogLine = Readonly<Record<string, unknown>>;

/** The whole lines of a log. Throws for one that is not a JSON object with time, level and message. */
export function logLines(log: string): LogLine[] {
  return log
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const { timestamp, level, message, ...fields } = JSON.parse(line) as LogLine;
      const isWhole = typeof message === 'string' && /^(error|warn|info|debug)$/.test(String(level));
      if (!isWhole || Number.isNaN(Date.parse(String(timestamp)))) throw new Error(`Not a log line: ${line}`);
      return { timestamp, level, message, ...fields };
    });
}

/** The lines with this message. */
export function linesAbout(log: string, message: string): LogLine[] {
  return logLines(log).filter((line) => line.message === message);
}
