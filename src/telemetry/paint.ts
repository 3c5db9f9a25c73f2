/** Select Graphic Rendition (ECMA-48, section 8.3.117): on and off. */
const CODES = { red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39], dim: [2, 22] } as const;

/** Returns a text in a colour, or as it is where there are none. */
export type Paint = (colour: keyof typeof CODES, text: string) => string;

export const plain: Paint = (_, text) => text;

/** Colours for a terminal. The text must contain no control characters of others. */
export function createPaint(hasColours: boolean): Paint {
  if (!hasColours) return plain;
  return (colour, text) => {
    const [on, off] = CODES[colour];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  };
}
