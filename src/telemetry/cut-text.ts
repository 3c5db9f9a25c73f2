/** Without what stands between words in prose and in JSON; of an endless word, more than any usual key has. */
const LAST_WORD = /[^\s"',;|<>]{1,256}$/;
const FIRST_WORD = /^[^\s"',;|<>]{1,256}/;

/**
 * The beginning of a text, at most `maxCharacters` of it. A word that is cut goes whole: half a secret would be found by
 * nobody who looks for secrets.
 */
export function keepBeginning(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters ? text : withoutLastWord(text.slice(0, maxCharacters));
}

/** The end of a text, in the same way. */
export function keepEnd(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters ? text : `…${text.slice(-maxCharacters).replace(FIRST_WORD, '')}`;
}

/** A text that somebody has cut already, without the word in which that was. */
export function withoutLastWord(text: string): string {
  return `${text.replace(LAST_WORD, '')}…`;
}
