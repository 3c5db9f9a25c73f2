import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test } from './harness.ts';

let service: Service;

beforeAll(async () => {
  service = await startService({ servers: { strict: fixture('strict-schema.js'), answers: fixture('answers.js') } });
});

interface Issue {
  readonly type: string;
  readonly loc: (string | number)[];
  readonly msg: string;
  readonly input?: unknown;
}

describe('arguments that break the schema → 422 in the shape of FastAPI', () => {
  const rows: [tool: string, body: object, loc: (string | number)[]][] = [
    ['number', {}, ['body', 'n']],
    ['number', { n: 0 }, ['body', 'n']],
    ['number', { n: 11 }, ['body', 'n']],
    ['number', { n: 1.5 }, ['body', 'n']],
    ['number', { n: 'three' }, ['body', 'n']],
    ['number', { n: null }, ['body', 'n']],
    ['number', { n: [3] }, ['body', 'n']],
    ['real', { x: 0 }, ['body', 'x']],
    ['real', { x: 0.3 }, ['body', 'x']],
    ['word', { s: 'ABC' }, ['body', 's']],
    ['word', { s: 'a' }, ['body', 's']],
    ['word', { s: 'abcdef' }, ['body', 's']],
    ['word', { s: 12 }, ['body', 's']],
    ['choice', { unit: 'kelvin' }, ['body', 'unit']],
    ['closed', { a: 'x', b: 1 }, ['body', 'b']],
    ['nested', { order: {} }, ['body', 'order', 'lines']],
    ['nested', { order: { lines: [] } }, ['body', 'order', 'lines']],
    ['nested', { order: { lines: [{ sku: 'a' }, {}] } }, ['body', 'order', 'lines', 1, 'sku']],
    ['nullable', { plain: null }, ['body', 'plain']],
    ['flag', { on: 'perhaps' }, ['body', 'on']],
  ];
  for (const [tool, body, loc] of rows) {
    test(`${tool} ${JSON.stringify(body)}`, async () => {
      const answer = await service.call('strict', tool, body);
      expect(answer.status).toBe(422);
      const { detail } = answer.json() as { detail: Issue[] };
      expect(detail.map((issue) => issue.loc)).toContainEqual(loc);
      for (const issue of detail) {
        expect(issue).toMatchObject({ type: expect.stringMatching(/./), msg: expect.stringMatching(/./) });
      }
    });
  }

  test('every problem is reported at once, with what was sent', async () => {
    const answer = await service.call('strict', 'nested', { order: { lines: [{ sku: 1 }, { sku: null }] } });
    const { detail } = answer.json() as { detail: Issue[] };
    expect(detail.map(({ loc }) => loc[3])).toEqual([0, 1]);
    expect(detail[0]?.input).toBe(1);
  });

  test('a missing argument has the type "missing"', async () => {
    const answer = await service.call('strict', 'number', {});
    expect((answer.json() as { detail: Issue[] }).detail[0]?.type).toBe('missing');
  });
});

describe('arguments that are accepted', () => {
  const rows: [name: string, tool: string, body: object, arrived: object][] = [
    ['within bounds', 'number', { n: 10 }, { n: 10 }],
    ['a string for an integer is coerced', 'number', { n: '3' }, { n: 3 }],
    ['a string for a number is coerced', 'real', { x: '1.5' }, { x: 1.5 }],
    ['a member of the enum', 'choice', { unit: 'celsius' }, { unit: 'celsius' }],
    ['extra arguments are passed on', 'open', { a: 'x', extra: { deep: [1] } }, { a: 'x', extra: { deep: [1] } }],
    ['extra arguments of a tool without properties', 'nothing', { a: 1 }, { a: 1 }],
    ['explicit nulls are passed on', 'nullable', { note: null }, { note: null }],
    ['explicit nulls that no schema speaks of', 'open', { other: null }, { other: null }],
    ['defaults are filled in', 'defaults', { sort: {} }, { limit: 10, sort: { by: 'name' } }],
    ['a given value wins over the default', 'defaults', { limit: 5 }, { limit: 5 }],
    ['keys that objects inherit', 'open', { constructor: 1, toString: 2 }, { constructor: 1, toString: 2 }],
  ];
  for (const [name, tool, body, arrived] of rows) {
    test(name, async () => {
      const answer = await service.call('strict', tool, body);
      expect([answer.status, answer.json()]).toEqual([200, arrived]);
    });
  }
});

describe('numbers', () => {
  test('an integer that a double cannot hold arrives exactly or is refused', async () => {
    const answer = await service.call('answers', 'echo_line', '{"n":12345678901234567890}');
    if (answer.status === 422) expect(answer.json()).toMatchObject({ detail: [{ loc: ['body', 'n'] }] });
    else expect(answer.text).toContain('12345678901234567890');
  });

  test('it is so deep inside too', async () => {
    const answer = await service.call('answers', 'echo_line', '{"a":[{"n":-9007199254740993}]}');
    if (answer.status === 422) expect(answer.json()).toMatchObject({ detail: [{ loc: ['body', 'a', 0, 'n'] }] });
    else expect(answer.text).toContain('-9007199254740993');
  });

  test('a text of digits stays a text', async () => {
    const answer = await service.call('answers', 'echo', { n: '12345678901234567890', x: '1.0' });
    expect(answer.json()).toEqual({ n: '12345678901234567890', x: '1.0' });
  });
});

describe('the body', () => {
  test('absent counts as {}', async () => {
    const answer = await service.call('answers', 'echo');
    expect([answer.status, answer.text]).toEqual([200, '{}']);
  });

  test('empty with a content type counts as {}', async () => {
    const answer = await service.call('answers', 'echo', '');
    expect([answer.status, answer.text]).toEqual([200, '{}']);
  });

  test('an absent body is checked like any other', async () => {
    const answer = await service.call('strict', 'number');
    expect(answer.json()).toMatchObject({ detail: [{ type: 'missing', loc: ['body', 'n'] }] });
    expect(answer.status).toBe(422);
  });

  for (const body of ['{"a":', 'hello', "{'a':1}", '{"a":1}}']) {
    test(`${body} is no JSON → 422 json_invalid`, async () => {
      const answer = await service.call('answers', 'echo', body);
      expect(answer.status).toBe(422);
      expect((answer.json() as { detail: Issue[] }).detail[0]).toMatchObject({ type: 'json_invalid' });
      expect((answer.json() as { detail: Issue[] }).detail[0]?.loc[0]).toBe('body');
    });
  }

  for (const body of ['[]', '"text"', '7', 'null']) {
    test(`${body} is no object → 422`, async () => {
      const answer = await service.call('answers', 'echo', body);
      expect(answer.status).toBe(422);
      expect(answer.json()).toMatchObject({ detail: [{ loc: ['body'] }] });
    });
  }
});
