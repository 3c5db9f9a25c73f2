/** Why a secret could not be read where it is kept: for admins, without its value. */
export class SourceError extends Error {
  constructor(
    message: string,
    /** It may work when it is tried again soon. */
    readonly isTemporary: boolean,
  ) {
    super(message);
    this.name = new.target.name;
  }
}

const MAX_WORDS = 300;

/** What another program answered, in one line that cannot be taken for one of the log. */
export function quoted(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > MAX_WORDS ? `${line.slice(0, MAX_WORDS - 1)}…` : line;
}
