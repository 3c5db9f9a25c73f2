import { describe, expect, test } from '@jest/globals';
import { toWho } from '../../../../src/http/pages/page-visit.ts';
import { readValues } from '../../../../src/http/vault/vault-view.ts';

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

  test('has nothing that is set already, and an emptied field whose value was shown', () => {
    const plain = new Map([
      ['A', 'a'],
      ['B', ' padded '],
      ['C', 'eu'],
      ['D', 'old'],
    ]);
    const form = new URLSearchParams({
      'value.A': '',
      'value.B': 'padded',
      'choice.C': 'eu',
      'value.D': 'new',
      'value.E': '',
    });
    expect([...readValues(form, plain)]).toEqual([
      ['A', ''],
      ['D', 'new'],
    ]);
  });

  test('holds a choice as the admin wrote it', () => {
    expect([...readValues(new URLSearchParams({ 'choice.A': ' eu ', 'choice.B': '' }))]).toEqual([['A', ' eu ']]);
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
