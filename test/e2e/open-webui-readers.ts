/** What Open WebUI 0.11 makes of one operation of a document. */
export interface ReadTool {
  readonly name: string;
  readonly description: string;
  /** What the model reads about each argument. */
  readonly properties: ReadonlyMap<string, ReadProperty>;
  readonly required: readonly string[];
  /** Where the reader silently made less of the schema than it says, as `path: what`. */
  readonly mangled: readonly string[];
}

type ReadProperty = Readonly<Record<string, unknown>>;

type Node = Readonly<Record<string, unknown>>;

interface Operation {
  readonly name: string;
  readonly description: string;
  readonly schema: unknown;
}

/**
 * A model of Open WebUI's backend (`utils/tools.py`), which reads a registered connection. Throws `TypeError` where
 * that raises, which costs every tool of every connection.
 */
export function readAsBackend(document: unknown): readonly ReadTool[] {
  const schemas = nodeAt(nodeAt(document, 'components'), 'schemas') ?? {};
  return listOperations(document).map(({ name, description, schema }) => {
    const mangled: string[] = [];
    const root = schema === undefined ? {} : resolve(schema, '(root)', new Set());
    // Nothing else of the root is copied.
    const properties = new Map(
      Object.entries(nodeAt(root, 'properties') ?? {}).map(([key, value]) => [key, value as Node]),
    );
    return { name, description, properties, required: namesOf(root.required), mangled };

    function resolve(node: unknown, path: string, entered: ReadonlySet<string>): Node {
      // Python's `"$ref" in True` is a TypeError.
      if (!isNode(node))
        throw new TypeError(`argument of type '${typeof node}' is not iterable, at ${path} of ${name}`);
      if (typeof node.$ref === 'string') return resolveReference(node.$ref, node, path, entered);

      const union = [node.anyOf, node.oneOf].find(Array.isArray) as readonly unknown[] | undefined;
      const members = union?.map((member, index) => resolve(member, `${path}/anyOf/${index}`, entered));
      const typed = members?.filter((member) => member.type !== 'null') ?? [];
      const [only] = typed;
      if (node.type === undefined && members !== undefined && typed.length === 1 && only !== undefined) {
        return { ...only, ...without(node, ['anyOf', 'oneOf']) };
      }
      const isUntyped = node.type === undefined && members === undefined && path !== '(root)';
      if (isUntyped) mangled.push(`${path}: untyped, taken for a string`);
      if (Array.isArray(node.type)) mangled.push(`${path}: a list of types`);
      const children = nodeAt(node, 'properties');
      if (node.properties !== undefined && children === undefined)
        throw new TypeError(`properties at ${path} of ${name}`);
      if (hasReference(node.additionalProperties)) mangled.push(`${path}/additionalProperties: a $ref stays raw`);
      return {
        ...node,
        ...(isUntyped ? { type: 'string' } : {}),
        ...(children === undefined
          ? {}
          : {
              properties: Object.fromEntries(
                Object.entries(children).map(([key, child]) => [key, resolve(child, `${path}/${key}`, entered)]),
              ),
            }),
        ...(node.items === undefined ? {} : { items: resolve(node.items, `${path}/items`, entered) }),
      };
    }

    function resolveReference(reference: string, node: Node, path: string, entered: ReadonlySet<string>): Node {
      if (Object.keys(node).length > 1) mangled.push(`${path}: what stands beside $ref is lost`);
      const target = /^#\/components\/schemas\/([^/]+)$/.exec(reference)?.[1];
      const isKnown = target !== undefined && Object.hasOwn(schemas, target);
      if (isKnown && !entered.has(target)) return resolve(schemas[target], path, new Set([...entered, target]));
      mangled.push(`${path}: ${isKnown ? 'a circle' : 'an unknown $ref'}, taken for a string`);
      return { type: 'string' };
    }
  });
}

/**
 * A model of Open WebUI's own page (`src/lib/utils/index.ts`), which reads what a user added for himself. Throws what
 * that throws, which costs users all their servers: `RangeError` for a circle, `TypeError` for a `$ref` to nowhere.
 */
export function readAsBrowser(document: unknown): readonly ReadTool[] {
  const components = isNode(document) ? document.components : undefined;
  return listOperations(document).map(({ name, description, schema }) => {
    const mangled: string[] = [];
    const root = schema === undefined ? {} : resolve(schema, '(root)');
    const properties = new Map(
      Object.entries(nodeAt(root, 'properties') ?? {}).map(([key, value]) => [key, value as Node]),
    );
    return { name, description, properties, required: namesOf(root.required), mangled };

    function resolve(node: unknown, path: string): Node {
      if (!isNode(node)) {
        mangled.push(`${path}: ${JSON.stringify(node)} is no schema`);
        return {};
      }
      if (typeof node.$ref === 'string') {
        if (Object.keys(node).length > 1) mangled.push(`${path}: what stands beside $ref is lost`);
        // No memory of where it has been.
        return resolve(follow(node.$ref), path);
      }
      const children = nodeAt(node, 'properties');
      // Everything else, such as enum, default and bounds, is dropped.
      return {
        ...pick(node, ['type', 'description', 'required']),
        ...(children === undefined
          ? {}
          : {
              properties: Object.fromEntries(
                Object.entries(children).map(([key, child]) => [key, resolve(child, `${path}/${key}`)]),
              ),
            }),
        ...(node.items === undefined ? {} : { items: resolve(node.items, `${path}/items`) }),
      };
    }

    function follow(reference: string): unknown {
      let target: unknown = components;
      for (const step of reference.split('/').slice(2)) {
        if (!isNode(target)) throw new TypeError(`Cannot read properties of undefined (reading '${step}'), in ${name}`);
        target = target[step];
      }
      if (target === undefined) throw new TypeError(`Cannot read properties of undefined, in ${name}`);
      return target;
    }
  });
}

/** Operations without an id are skipped; of a request body only JSON counts. */
function listOperations(document: unknown): readonly Operation[] {
  const items = Object.values(nodeAt(document, 'paths') ?? {}).filter(isNode);
  return items
    .flatMap((item) => Object.values(item).filter(isNode))
    .flatMap((operation) => {
      if (typeof operation.operationId !== 'string') return [];
      const description = [operation.description, operation.summary].find(
        (text) => typeof text === 'string' && text !== '',
      );
      const content = nodeAt(nodeAt(operation, 'requestBody'), 'content');
      const schema = nodeAt(content, 'application/json')?.schema;
      return [{ name: operation.operationId, description: String(description ?? ''), schema }];
    });
}

function hasReference(value: unknown): boolean {
  return typeof value === 'object' && value !== null && JSON.stringify(value).includes('"$ref"');
}

function pick(node: Node, keys: readonly string[]): Node {
  return Object.fromEntries(Object.entries(node).filter(([key]) => keys.includes(key)));
}

function without(node: Node, keys: readonly string[]): Node {
  return Object.fromEntries(Object.entries(node).filter(([key]) => !keys.includes(key)));
}

function namesOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function nodeAt(value: unknown, key: string): Node | undefined {
  const child = isNode(value) ? value[key] : undefined;
  return isNode(child) ? child : undefined;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
