import { fixedValues, type PortableNode } from './portable-node.ts';

/** An object's conditions in a sentence each, as far as they are simple: "If kind is "a", extra is required." */
export function tellConditions(node: PortableNode): readonly string[] {
  const sentences: string[] = [];
  const condition = node.if === undefined ? undefined : tellTest(node.if);
  if (condition !== undefined) {
    const then = tellRequired(node.then?.required);
    const otherwise = tellRequired(node.else?.required);
    if (then !== undefined) sentences.push(`If ${condition}, ${then}${otherwise ? `, otherwise ${otherwise}` : ''}.`);
    else if (otherwise !== undefined) sentences.push(`Unless ${condition}, ${otherwise}.`);
  }
  for (const [name, names] of Object.entries(node.dependentRequired ?? {})) {
    const required = tellRequired(names as readonly string[]);
    if (required !== undefined) sentences.push(`With ${name}, ${required}.`);
  }
  const excluded = node.not?.required;
  if (excluded !== undefined && excluded.length > 0 && isOnly(node.not, ['required'])) {
    sentences.push(excluded.length === 1 ? `${excluded[0]} is not allowed.` : `Not together: ${tellNames(excluded)}.`);
  }
  return sentences.slice(0, 20);
}

function tellTest(test: PortableNode): string | undefined {
  if (!isOnly(test, ['properties', 'required'])) return undefined;
  const tests = Object.entries(test.properties ?? {}).map(([name, node]) => {
    const values = fixedValues(node);
    if (values === undefined || values.length > 10) return undefined;
    const list = values.map((value) => JSON.stringify(value).slice(0, 60)).join(' or ');
    return `${name} is ${list}`;
  });
  const given = (test.required ?? []).filter((name) => !Object.hasOwn(test.properties ?? {}, name));
  const parts = [...tests, ...given.map((name) => `${name} is given`)];
  return parts.length === 0 || parts.includes(undefined) ? undefined : parts.join(' and ');
}

function tellRequired(names: readonly string[] | undefined): string | undefined {
  if (names === undefined || names.length === 0) return undefined;
  return `${tellNames(names)} ${names.length === 1 ? 'is' : 'are'} required`;
}

function tellNames(names: readonly string[]): string {
  const shown = names.slice(0, 10);
  return names.length > 10 ? `${shown.join(', ')} and ${names.length - 10} more` : shown.join(' and ');
}

function isOnly(node: PortableNode | undefined, keywords: readonly string[]): boolean {
  return Object.keys(node ?? {}).every((keyword) => keyword === 'type' || keywords.includes(keyword));
}
