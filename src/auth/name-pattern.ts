/**
 * Whether a name matches a pattern, in which `*` stands for any characters. Composed and decomposed letters are the same
 * (Unicode Standard Annex 15), since people cannot see which of them they type. Without a regular expression, which a
 * pattern with many `*` could make slow.
 */
export function matchesName(pattern: string, name: string): boolean {
  return pattern === '*' || matchesComposed(pattern.normalize('NFC'), name.normalize('NFC'));
}

function matchesComposed(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === name;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
