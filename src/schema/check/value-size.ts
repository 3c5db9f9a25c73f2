/** How many values a value holds; stops counting once there are more than `nodes`, or than `characters` of text. */
export function sizeUpTo(value: unknown, nodes: number, characters = Number.POSITIVE_INFINITY): number {
  const open: unknown[] = [value];
  let length = 0;
  let count = 0;
  for (; open.length > 0; count += 1) {
    if (count + open.length > nodes || length > characters) return Number.POSITIVE_INFINITY;
    const next = open.pop();
    if (typeof next === 'string') length += next.length;
    if (typeof next !== 'object' || next === null) continue;
    if (Array.isArray(next)) {
      if (count + next.length > nodes) return Number.POSITIVE_INFINITY;
      for (const item of next) open.push(item);
    } else {
      for (const key of Object.keys(next)) {
        length += key.length;
        open.push((next as Record<string, unknown>)[key]);
      }
    }
  }
  return length > characters ? Number.POSITIVE_INFINITY : count;
}

/** Whether a value holds more than so many values, or characters of text. */
export function isLarger(value: unknown, nodes: number, characters?: number): boolean {
  return sizeUpTo(value, nodes, characters) > nodes;
}
