import { describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import type { UserPrincipal } from '../../../src/auth/principal.ts';
import { bearer, keyRecord, outcome, type Setup, setUp } from './open-webui-request.ts';

const SECRET = 'the secret that Open WebUI signs user JWTs with';
const USER_ID = 'X-OpenWebUI-User-Id';
const GROUPS = 'X-OpenWebUI-User-Groups';
const IDS = 'X-OpenWebUI-User-Group-Ids';
const keys = [keyRecord('owui', 'k', { assertsUser: true }), keyRecord('ci', 'plain')];
const userJwt = jwt.sign({ iss: 'open-webui', sub: 'u1', exp: Math.floor(Date.now() / 1_000) + 300 }, SECRET);
const signed = ['X-OpenWebUI-User-Jwt', userJwt];

const trusting = { trustUserHeaders: true };
const groupsOf = async (openWebUi: NonNullable<Setup['openWebUi']>, ...headers: string[]) => {
  const principal = await setUp({ openWebUi, keys }).authenticate(bearer('k', ...headers), 'bearer');
  return (principal as UserPrincipal).groups;
};

describe('groups of trusted headers', () => {
  // As `{{USER_GROUPS}}` is filled in: each name percent-encoded except for its spaces, joined by commas.
  test.each<[string, string[], string[]]>([
    ['names', [GROUPS, 'Finance,R%26D Berlin'], ['Finance', 'R&D Berlin']],
    ['a name with a comma', [GROUPS, 'Finance%2C EU,Ops'], ['Finance, EU', 'Ops']],
    ['a name of other letters', [GROUPS, '%E8%B2%A1%E5%8B%99'], ['財務']],
    ['ids', [IDS, 'a1,b2'], ['a1', 'b2']],
    ['names and ids', [GROUPS, 'Finance', IDS, 'a1'], ['Finance', 'a1']],
    ['one that is there twice', [GROUPS, 'Finance, Finance ,,', IDS, 'Finance'], ['Finance']],
    ['a name that is not percent-encoded', [GROUPS, '100% Bob'], ['100% Bob']],
    ['nothing', [GROUPS, '', IDS, ' '], []],
    ['ten thousand', [IDS, Array.from({ length: 10_000 }, (_, index) => `g${index}`).join(',')], []],
  ])('%s', async (name, headers, expected) => {
    const groups = await groupsOf(trusting, USER_ID, 'u1', ...headers);
    if (name === 'ten thousand') expect(groups).toHaveLength(1_000);
    else expect(groups).toEqual(expected);
  });

  test.each<[string, string[]]>([
    ['a placeholder that was not filled in', [GROUPS, '{{USER_GROUPS}}']],
    ['one among ids', [IDS, 'a,{{USER_GROUP_IDS}}']],
    ['a control character', [GROUPS, 'Finance%0Aadmins']],
    ['a name of 256 characters', [GROUPS, 'x'.repeat(256)]],
    ['two headers', [GROUPS, 'Finance', GROUPS, 'Ops']],
  ])('%s is refused', async (_, headers) => {
    expect(await outcome(() => groupsOf(trusting, USER_ID, 'u1', ...headers))).toBe('401');
  });

  test('name nobody: without an id they are left aside', async () => {
    const run = () => setUp({ openWebUi: trusting, keys }).authenticate(bearer('k', GROUPS, 'admins'), 'bearer');
    expect(await outcome(run)).toBe('api-key');
  });

  test('grant scopes, as far as the key has them, and to no key that may not assert users', async () => {
    const scopesByGroup = new Map([['admins', ['admin', 'metrics']]]);
    const all = [keyRecord('owui', 'k', { assertsUser: true, scopes: ['call', 'admin'] }), keyRecord('ci', 'plain')];
    const authenticator = setUp({ openWebUi: trusting, keys: all, scopesByGroup });
    const scopesOf = async (key: string, groups: string) => {
      const request = bearer(key, USER_ID, 'u1', GROUPS, groups);
      const { scopes } = await authenticator.authenticate(request, 'bearer');
      return [scopes.allows('admin'), scopes.allows('metrics')];
    };
    expect(await scopesOf('k', 'admins')).toEqual([true, false]);
    expect(await scopesOf('k', 'others')).toEqual([false, false]);
    expect(await scopesOf('plain', 'admins')).toEqual([false, false]);
  });
});

describe('beside a user JWT', () => {
  const checking = { userJwtSecret: SECRET };

  test('groups do not count unless plain headers are trusted as well', async () => {
    expect(await groupsOf(checking, ...signed, GROUPS, 'admins')).toEqual([]);
    expect(await groupsOf({ ...checking, ...trusting }, ...signed, GROUPS, 'admins')).toEqual(['admins']);
  });

  test('groups of another user do not count', async () => {
    const headersOf = (id: string) => [...signed, USER_ID, id, GROUPS, 'admins'];
    expect(await groupsOf({ ...checking, ...trusting }, ...headersOf('u1'))).toEqual(['admins']);
    expect(await groupsOf({ ...checking, ...trusting }, ...headersOf('u2'))).toEqual([]);
  });
});

test('the chat and the message of a call are known', async () => {
  const request = bearer('k', USER_ID, 'u1', 'X-OpenWebUI-Chat-Id', 'c1', 'X-OpenWebUI-Message-Id', 'm1');
  const principal = await setUp({ openWebUi: trusting, keys }).authenticate(request, 'bearer');
  expect(principal).toMatchObject({ chatId: 'c1', messageId: 'm1' });
});
