/** Whether a value holds more than so many values, or characters of text; counts no further than that. */
export function isLarger(value: unknown, nodes: number, characters = Number.POSITIVE_INFINITY): boolean {
  const open: unknown[] = [value];
  let length = 0;
  for (let count = 0; open.length > 0; count += 1) {
    if (count + open.length > nodes || length > characters) return true;
    const next = open.pop();
    if (typeof next === 'string') length += next.length;
    if (typeof next !== 'object' || next === null) continue;
    if (Array.isArray(next)) {
      if (count + next.length > nodes) return true;
      for (const item of next) open.push(item);
    } else {
      for (const [key, inside] of Object.entries(next)) {
        length += key.length;
        open.push(inside);
      }
    }
  }
  return length > characters;
}
