/** One text of the arguments that a rule is about. */
export interface FoundText {
  readonly text: string;
  /** The argument that holds it, as the caller spells it. */
  readonly argument: string;
}

/** The values that a rule is about. */
export interface FoundValue {
  readonly value: unknown;
  readonly argument: string;
}

/**
 * One spelling for all names that a server may take for the same: Go's JSON decoder, for one, ignores the case of names
 * and takes `ſ` for `s`.
 */
export function foldName(name: string): string {
  return name.normalize('NFC').toUpperCase().toLowerCase();
}

/**
 * The arguments of a name, and for `a.b` the members `b` of the argument `a`, or of each item where that is an array.
 * Names that differ in case only are the same. `path` is folded.
 */
export function valuesAt(args: Readonly<Record<string, unknown>>, path: string): FoundValue[] {
  const found: FoundValue[] = [];
  for (const [argument, value] of Object.entries(args)) {
    const name = foldName(argument);
    if (name === path) found.push({ value, argument });
    else if (path.startsWith(`${name}.`)) {
      for (const inner of membersAt(value, path.slice(name.length + 1))) found.push({ value: inner, argument });
    }
  }
  return found;
}

function membersAt(value: unknown, path: string): unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => membersAt(item, path));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const name = foldName(key);
    if (name === path) return [member];
    return path.startsWith(`${name}.`) ? membersAt(member, path.slice(name.length + 1)) : [];
  });
}

/** Every text in a value, the names of members too; numbers and booleans as JSON has them if asked for. */
export function textsIn({ value, argument }: FoundValue, hasScalars = false): FoundText[] {
  const found: FoundText[] = [];
  const pending = [value];
  for (let next = pending.pop(); pending.length > 0 || next !== undefined; next = pending.pop()) {
    if (typeof next === 'string') found.push({ text: next, argument });
    else if (typeof next === 'object' && next !== null) {
      if (!Array.isArray(next)) for (const text of Object.keys(next)) found.push({ text, argument });
      for (const inner of Object.values(next)) pending.push(inner);
    } else if (hasScalars && next !== null && next !== undefined) found.push({ text: String(next), argument });
  }
  return found;
}

/** Every text anywhere in the arguments, their names too. */
export function textsEverywhere(args: Readonly<Record<string, unknown>>): FoundText[] {
  return Object.entries(args).flatMap(([argument, value]) => [
    { text: argument, argument },
    ...textsIn({ value, argument }),
  ]);
}

/** The texts of a value that is one, or a list of them; `undefined` if it holds anything else. `null` is no text, as an absent argument. */
export function textList({ value, argument }: FoundValue): FoundText[] | undefined {
  if (value === null) return [];
  if (typeof value === 'string') return [{ text: value, argument }];
  if (!Array.isArray(value)) return undefined;
  const lists = value.map((item: unknown) => textList({ value: item, argument }));
  return lists.some((list) => list === undefined) ? undefined : lists.flatMap((list) => list ?? []);
}
