/**
 * Reads a URL; `undefined` if it is none (URL Standard, "basic URL parser"). In place of `URL.canParse`, which in Node 20
 * refuses URLs with letters such as `ü` once it has been called a few thousand times.
 */
export function parseUrl(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
