/** Calls of one schema shape. */
export interface Examples {
  /** What is sent, with what then arrives at the server where that is something else. */
  readonly valid: readonly (readonly [sent: object, arrives?: object])[];
  /** Each breaks the schema; none where every object is valid by it. */
  readonly invalid: readonly object[];
}

const date = '2026-01-31T10:20:30Z';
const chain = (labels: readonly string[], end: object): object =>
  labels.reduceRight<object>((child, label) => ({ label, children: [child] }), end);

const anyObject: Examples = { valid: [[{}], [{ a: { b: [1, null, 'x'] } }]], invalid: [] };
const anyValue: Examples = {
  valid: [[{ any: { x: [1, null] }, list: [1, 'a', null, {}] }], [{ any: null, list: [] }], [{ any: 'text' }]],
  invalid: [{ list: 'x' }, { list: { 0: 'x' } }],
};

/** For every shape of `schema-shapes.json` that is served, by its name; arguments that are no object break each of them. */
export const schemaShapeExamples: Readonly<Record<string, Examples>> = {
  recursive_defs: {
    // Deeper than the published schema is unrolled: the untouched one judges.
    valid: [
      [{ node: { label: 'a', children: [] } }],
      [{ node: chain(['1', '2', '3', '4', '5', '6'], { label: '7' }) }],
    ],
    invalid: [{ node: {} }, { node: chain(['1', '2', '3', '4', '5', '6'], { children: [] }) }],
  },
  definitions_draft07: { valid: [[{ n: 'a' }], [{}]], invalid: [{ n: 'c' }] },
  ref_with_siblings: { valid: [[{ a: date, b: date }]], invalid: [{ b: 'yesterday' }, { a: 'yesterday' }] },
  ref_root: {
    valid: [[{ name: 'a', child: { child: { child: { child: { child: { name: 'b' } } } } } }]],
    invalid: [{ child: { name: 1 } }, { child: { child: { child: { child: { child: { name: [] } } } } } }],
  },
  ref_escaped: { valid: [[{ x: 1 }], [{ x: '3' }, { x: 3 }]], invalid: [{ x: 0 }, { x: 'three' }, { x: '0' }] },
  tuple_items_draft07: {
    valid: [
      [{ pair: ['a', 1] }],
      [{ pair: ['a'] }],
      [{ pair: ['a', 1, {}] }],
      [{ pair: ['a', '1'] }, { pair: ['a', 1] }],
    ],
    invalid: [{ pair: [1, 'a'] }, { pair: ['a', 1.5] }],
  },
  prefix_items: {
    valid: [[{ pair: ['a', 0] }], [{}]],
    invalid: [{ pair: ['a', -1] }, { pair: ['a'] }, { pair: ['a', 1, 2] }, { pair: [0, 'a'] }],
  },
  boolean_schemas: anyValue,
  empty_schema: anyValue,
  type_list: {
    valid: [[{ v: 1.5, n: null }], [{ v: 'a', n: 'abcde' }]],
    invalid: [{ v: true }, { v: null }, { n: 'abcdef' }, { n: 1 }],
  },
  nullable_anyof: { valid: [[{ v: 'ab' }], [{ v: null }], [{}, { v: null }]], invalid: [{ v: 'a' }, { v: 1 }] },
  nullable_object: { valid: [[{ v: { a: 1 } }], [{ v: null }]], invalid: [{ v: {} }, { v: { a: 'x' } }, { v: [] }] },
  enum_const: {
    valid: [[{ e: 'a', c: 'fixed', t: 'y' }], [{ e: 1, t: 'x' }], [{ e: null, t: 'x' }], [{}, { t: 'x' }]],
    invalid: [{ e: 'b', t: 'x' }, { e: 2, t: 'x' }, { c: 'other', t: 'x' }, { t: 'z' }, { t: null }],
  },
  bounds: {
    valid: [[{ i: 8, x: 0.5, s: 'abcdefgh', l: ['a', 'b', 'c'] }], [{ i: 2 }]],
    invalid: [
      ...[{ i: 0 }, { i: 3 }, { i: 10 }, { x: 0 }, { x: 1 }, { s: '' }, { s: 'abcdefghi' }, { s: 'A' }],
      ...[{ l: [] }, { l: ['a', 'b', 'c', 'd'] }, { l: ['a', 'a'] }, { l: [{}] }],
    ],
  },
  formats: {
    valid: [[{ d: date, u: 'https://example.com/a', m: 'a@example.com', id: '6f1c2b1e-6c3f-4c55-9d3b-0d8f5a1f7c11' }]],
    invalid: [{ d: 'today' }, { u: 'not a uri' }, { m: 'nobody' }, { id: '1234' }],
  },
  additional_properties: {
    valid: [[{ m: { a: 0 }, open: { a: [1] }, closed: { a: 'x' } }]],
    invalid: [{ m: { a: -1 } }, { m: { a: 'x' } }, { open: 1 }, { closed: { b: 'x' } }],
  },
  root_one_of: {
    valid: [[{ url: 'https://example.com' }], [{ path: '/a' }]],
    invalid: [{}, { url: 'u', path: 'p' }, { url: 1 }],
  },
  root_all_of: { valid: [[{ a: 'x', b: 1 }]], invalid: [{ a: 'x' }, { b: 1 }, { a: 'x', b: 'y' }] },
  root_free_form: anyObject,
  no_properties: anyObject,
  empty_input: anyObject,
  underscore_names: {
    valid: [[{ _id: '1', id: '2', __id: '3', model_config: '4' }], [{ _id: '1' }]],
    invalid: [{ id: '2' }, { _id: '1', __id: 3 }, { _id: '1', model_config: {} }],
  },
  odd_names: {
    valid: [
      [{ 'a.b': 'x', 'with space': 1, $filter: 'y', größe: 1.5 }],
      [
        { 'with space': '2', größe: '1.5' },
        { 'with space': 2, größe: 1.5 },
      ],
    ],
    invalid: [{ 'a.b': 1 }, { 'with space': 'x' }, { $filter: [] }, { größe: 'groß' }],
  },
  required_null: { valid: [[{ a: 'x' }], [{}]], invalid: [{ a: 1 }] },
  // `int` can only mean an integer; `unknown` and the empty list say nothing.
  bad_type: { valid: [[{ a: 1, b: 'x', c: [] }], [{ b: 1, c: null }]], invalid: [{ a: 'x' }, { a: [] }] },
  // Nobody who leaves the argument out can help its default being wrong.
  bad_default: { valid: [[{ a: 1 }], [{}]], invalid: [{ a: 'abc' }] },
  // Taken by its letter no value at all would do, which its author cannot have meant.
  empty_any_of: { valid: [[{ a: 1 }], [{ a: 'x' }], [{}]], invalid: [] },
  default_on_required: { valid: [[{ a: 'y' }], [{}, { a: 'x' }]], invalid: [{ a: 1 }, { a: null }] },
  discriminated_union: {
    valid: [
      [
        {
          ops: [
            { op: 'add', value: 1 },
            { op: 'remove', path: '/a' },
          ],
        },
      ],
      [{ ops: [] }],
    ],
    invalid: [
      {},
      { ops: [{ op: 'add', path: '/a' }] },
      { ops: [{ op: 'move' }] },
      { ops: [{ op: 'add', value: 'x' }] },
    ],
  },
  if_then: {
    valid: [[{ kind: 'a', extra: 'x' }], [{ kind: 'b' }]],
    invalid: [{ kind: 'a' }, { kind: 'c' }, { kind: 'b', extra: 1 }, {}],
  },
};
