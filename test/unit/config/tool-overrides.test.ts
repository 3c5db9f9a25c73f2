import { describe, expect, test } from '@jest/globals';
import { entryProblems, parseServer } from './parse-servers.ts';

const toolsOf = (tools: unknown) => Object.fromEntries(parseServer({ command: 'x', tools }).tools);
const problems = (tools: unknown) => entryProblems({ command: 'x', tools });

describe('"tools" of a server', () => {
  test('name, description and hidden are all optional', () => {
    expect(toolsOf({ a: { name: 'b', description: 'better' }, c: { hidden: true }, d: {} })).toEqual({
      a: { name: 'b', description: 'better', hidden: false },
      c: { hidden: true },
      d: { hidden: false },
    });
    expect(toolsOf(null)).toEqual({});
  });

  test('the list of other clients that means every tool means that here too; other lists are errors', () => {
    expect(toolsOf(['*'])).toEqual({});
    expect(problems(['a'])).toEqual([expect.stringContaining('"enabledTools"')]);
  });

  test('names are compared with composed letters, and one of Object.prototype is a name like any other', () => {
    const tools = JSON.parse(
      `{"${'größe'.normalize('NFD')}": {"name": "${'länge'.normalize('NFD')}"}, "__proto__": {}}`,
    );
    expect([...parseServer({ command: 'x', tools }).tools]).toEqual([
      ['größe'.normalize('NFC'), { name: 'länge'.normalize('NFC'), hidden: false }],
      ['__proto__', { hidden: false }],
    ]);
  });

  test.each(['', '.', '..', 'a/b', 'a b', 'a%2fb', 'x'.repeat(129), 'a\nb'])('%j cannot be a name', (name) => {
    expect(problems({ a: { name } })).toEqual([expect.stringMatching(/^"tools\.a\.name": must be 1 to 128 letters/)]);
  });

  test('two tools cannot have one new name', () => {
    expect(problems({ a: { name: 'c' }, b: { name: 'c' } })).toEqual([
      '"tools.b.name": "c" is the new name of "a" already; two tools cannot have one name.',
    ]);
  });

  test('a misspelt key is an error: it would leave the tool as it is', () => {
    expect(problems({ a: { hiden: true } })).toEqual(['"tools.a.hiden": is not a known key; did you mean "hidden"?']);
  });
});
