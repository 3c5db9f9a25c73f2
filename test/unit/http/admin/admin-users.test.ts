import { describe, expect, test } from '@jest/globals';
import { matchesUser, toUserKey, toUserName } from '../../../../src/auth/user.ts';
import { findUsers } from '../../../../src/http/admin/admin-users.ts';

const factsOf = (subject: string) => ({
  owner: { issuer: 'open-webui', subject },
  server: 'jira',
  name: 'TOKEN',
  updatedAt: 0,
  lastUsedAt: undefined,
  lastFour: undefined,
  isReadable: true,
});
const facts = ['u-1', 'u-2', 'u-3'].map(factsOf);
const profiles = new Map([
  [toUserKey({ issuer: 'open-webui', subject: 'u-1' }), { name: 'Alice Example', email: 'alice@example.org' }],
  [toUserKey({ issuer: 'open-webui', subject: 'u-2' }), { email: 'zoë@example.org' }],
]);
const found = (user: string) => findUsers(facts, profiles, { user }).users.map(({ who }) => who);

describe('the list of users', () => {
  test.each([
    ['', ['Alice Example (alice@example.org)', 'zoë@example.org', 'u-3']],
    ['ALICE@', ['Alice Example (alice@example.org)']],
    [' alice example (alice@example.org) ', ['Alice Example (alice@example.org)']],
    ['ZOE\u0308@', ['zoë@example.org']],
    ['u-3', ['u-3']],
    ['open-webui:u-2', ['zoë@example.org']],
    ['example.com', []],
  ])('%j finds %j', (search, expected) => {
    expect(found(search)).toEqual(expected);
  });
});

test('a name never stands alone, and cannot turn the line around', () => {
  expect(toUserName({ subject: 'u1', name: 'Admin' })).toBe('Admin (u1)');
  expect(toUserName({ subject: 'u1', name: 'Ann\u202e\u0007', email: 'a@b.c' })).toBe('Ann (a@b.c)');
  expect(toUserName({ subject: 'u1' })).toBe('u1');
  expect(matchesUser({ issuer: 'i', subject: 's', name: 'Ann' }, 'bob')).toBe(false);
});
