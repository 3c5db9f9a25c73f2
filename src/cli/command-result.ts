/** What a sub-command prints, and the exit code: 0 if all is well, else 1. */
export interface CommandResult {
  readonly text: string;
  /** For the person, on standard error: standard output contains only what a script may want to read. */
  readonly note?: string;
  readonly exitCode: 0 | 1;
}

/** The result of a command that succeeded. */
export function done(text: string, note = ''): CommandResult {
  return { text, note, exitCode: 0 };
}

/** Indented JSON with a line end. */
export function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Lines with aligned columns. */
export function toTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const toLine = (cells: readonly string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return lines.map((cells) => `${toLine(cells).trimEnd()}\n`).join('');
}

/** A time in milliseconds since the epoch to the second, in UTC; `never` if there was none. */
export function toTimeText(time: number | undefined): string {
  return time === undefined ? 'never' : new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** `1 secret was`, `2 secrets were`: the beginning of a sentence. */
export function countSecrets(secrets: number): string {
  return secrets === 1 ? '1 secret was' : `${secrets} secrets were`;
}
