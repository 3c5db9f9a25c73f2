import { describe, expect, test } from '@jest/globals';
import { toWho } from '../../../../src/http/pages/log-in.ts';
import { readValues, variableAtFault } from '../../../../src/http/vault/vault-view.ts';
import { MemoryVariables } from '../pages/memory-variables.ts';

describe('what a form brings', () => {
  test('is without the spaces that were pasted along, and what is empty is not in it', () => {
    const form = new URLSearchParams({
      'value.A': '  a b\t',
      'value.B': '   ',
      'value.': 'x',
      C: 'c',
      form_token: 't',
    });
    expect([...readValues(form)]).toEqual([['A', 'a b']]);
  });

  test('holds a choice as the admin wrote it', () => {
    expect([...readValues(new URLSearchParams({ 'choice.A': ' eu ', 'choice.B': '' }))]).toEqual([['A', ' eu ']]);
  });
});

describe('the variable at fault', () => {
  const settings = new MemoryVariables([
    { server: 's', title: 'S', variables: { A: { title: 'Token' }, B: { title: 'Token 2' }, C: { title: 'Token' } } },
  ]);
  const at = async (text: string, names: readonly string[]) =>
    variableAtFault(
      text,
      new Map(names.map((name) => [name, 'x'])),
      (await settings.get({ issuer: 'i', subject: 's' }, 's')).variables,
    );

  test('is the only one that was typed', async () => {
    expect(await at('It is too long.', ['B'])).toBe('B');
  });

  test('is the one that the sentence names best', async () => {
    expect(await at('Token is too long.', ['A', 'B'])).toBe('A');
    expect(await at('Token 2 is too long.', ['A', 'B'])).toBe('B');
  });

  test('is none where two have the same title, or none is named', async () => {
    expect(await at('Token is too long.', ['A', 'C'])).toBeUndefined();
    expect(await at('It is too long.', ['A', 'B'])).toBeUndefined();
    expect(await at('It is too long.', [])).toBeUndefined();
  });
});

test.each([
  [{ subject: 'u1', name: 'Ada', email: 'ada@example.org' }, 'Ada (ada@example.org)'],
  [{ subject: 'u1', email: 'ada@example.org' }, 'ada@example.org'],
  [{ subject: 'u1', name: '' }, 'u1'],
  [undefined, 'Admin'],
])('%j is called %s', (user, who) => {
  expect(toWho(user)).toBe(who);
});
