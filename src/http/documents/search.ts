/** The words of a search: a server is found if each of them is in its own text or in that of one of its tools. */
export type SearchWords = readonly string[];

/** What is searched of a server; `own` and each of `tools` is the text of one thing. */
export interface SearchedTexts {
  readonly own: string;
  readonly tools: readonly string[];
}

/**
 * Where the words were found. `tools`, by index: those that have all words that the server's own text lacks, or else one
 * of them; empty if it lacks none.
 */
export interface SearchResult {
  readonly isFound: boolean;
  readonly tools: ReadonlySet<number>;
}

const MAX_CHARACTERS = 200;

/** The words of `?q=`, in lower case; none for anything but one text. */
export function toSearchWords(query: unknown): SearchWords {
  if (typeof query !== 'string') return [];
  const words = query.slice(0, MAX_CHARACTERS).toLowerCase().split(/\s+/);
  return words.filter((word) => word !== '');
}

/** The page's script `server-list.js` does the same. */
export function findWords(words: SearchWords, { own, tools }: SearchedTexts): SearchResult {
  const ownText = own.toLowerCase();
  const toolTexts = tools.map((tool) => tool.toLowerCase());
  const ofTools = words.filter((word) => !ownText.includes(word));
  const indexesOf = (fits: (tool: string) => boolean) =>
    new Set(toolTexts.flatMap((tool, index) => (fits(tool) ? [index] : [])));
  const whole = indexesOf((tool) => ofTools.every((word) => tool.includes(word)));
  const some = indexesOf((tool) => ofTools.some((word) => tool.includes(word)));
  return {
    isFound: ofTools.every((word) => toolTexts.some((tool) => tool.includes(word))),
    tools: ofTools.length === 0 || whole.size === 0 ? some : whole,
  };
}
