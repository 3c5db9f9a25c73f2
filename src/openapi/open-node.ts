import { isJsonObject } from './local-reference.ts';
import { addSentence, anyNode, bareNode, type PortableNode } from './portable-node.ts';
import { readSchema } from './read-schema.ts';
import { intersectTypes, type TypeSet } from './type-set.ts';

/** What stands for a schema that is not unrolled further: its type, if it tells one, and everything allowed in it. */
export function openNode(source: unknown, allowed: TypeSet, isTooMuch: boolean): PortableNode {
  const schema = isJsonObject(source) ? readSchema(source, false) : undefined;
  const declared = schema?.references.length === 0 && !schema.isNullable ? schema.types : undefined;
  const types = declared === undefined ? allowed : intersectTypes(declared, allowed);
  const [type] = types;
  const node = types.size === 1 && type !== undefined ? bareNode(type) : anyNode(types.size === 0 ? allowed : types);
  if (node.type === 'object') node.additionalProperties = true;
  const title = schema?.annotations.get('title');
  const text = schema?.annotations.get('description') ?? title;
  const words = isTooMuch ? '(too large to be told in full)' : '(nested deeper in the same way)';
  addSentence(node, typeof text === 'string' ? `${text.slice(0, 200)} ${words}` : words);
  return node;
}
