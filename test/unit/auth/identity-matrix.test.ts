import { describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import type { UnauthenticatedError } from '../../../src/errors.ts';
import { bearer, keyRecord, outcome, setUp } from './open-webui-request.ts';

const SECRET = 'the secret that Open WebUI signs user JWTs with';
const NOW = Math.floor(Date.now() / 1000);
const sign = (claims: object, secret = SECRET, options: jwt.SignOptions = {}) =>
  jwt.sign(JSON.stringify({ iss: 'open-webui', sub: 'u-jwt', iat: NOW, exp: NOW + 300, ...claims }), secret, {
    ...options,
    header: { alg: options.algorithm ?? 'HS256', typ: 'JWT' },
  });
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const none = `${encode({ alg: 'none', typ: 'JWT' })}.${encode({ iss: 'open-webui', sub: 'u-jwt', exp: NOW + 300 })}.`;

const USER_ID = 'X-OpenWebUI-User-Id';
const USER_JWT = 'X-OpenWebUI-User-Jwt';

type Outcome = 'key' | 'plain' | 'jwt' | '401';

/**
 * What an asserting key gets by what it sends: under a user JWT secret; under trust alone. Whatever else is configured,
 * a key that may not assert users, or no setting at all, gives the key itself.
 */
const rows: [name: string, headers: string[], withSecret: Outcome, withTrust: Outcome][] = [
  ['no identity', [], 'key', 'key'],
  ['only a chat', ['X-OpenWebUI-Chat-Id', 'c'], 'key', 'key'],
  ['a plain id', [USER_ID, 'u-plain'], '401', 'plain'],
  ['a plain id in capitals', [USER_ID.toUpperCase(), 'u-plain'], '401', 'plain'],
  ['all plain headers', [USER_ID, 'u-plain', 'X-OpenWebUI-User-Role', 'user'], '401', 'plain'],
  ['an e-mail without an id', ['X-OpenWebUI-User-Email', 'a@b.c'], '401', '401'],
  ['an unexpanded id', [USER_ID, '{{USER_ID}}'], '401', '401'],
  ['a partly expanded id', [USER_ID, 'u-{{USER_NAME}}'], '401', '401'],
  ['an unexpanded name', [USER_ID, 'u-plain', 'X-OpenWebUI-User-Name', '{{USER_NAME}}'], '401', '401'],
  ['an empty id', [USER_ID, ''], '401', '401'],
  ['a blank id', [USER_ID, '  '], '401', '401'],
  ['an empty role', [USER_ID, 'u-plain', 'X-OpenWebUI-User-Role', ''], '401', '401'],
  ['an empty name', [USER_ID, 'u-plain', 'X-OpenWebUI-User-Name', ''], '401', 'plain'],
  ['an id of 256 characters', [USER_ID, 'u'.repeat(256)], '401', '401'],
  ['two ids', [USER_ID, 'u-plain', USER_ID, 'u-other'], '401', '401'],
  ['two ids that are the same', [USER_ID, 'u-plain', USER_ID, 'u-plain'], '401', '401'],
  ['two ids that a proxy joined', [USER_ID, 'u-plain, u-other'], '401', '401'],
  ['two e-mails', [USER_ID, 'u-plain', 'X-OpenWebUI-User-Email', 'a', 'x-openwebui-user-email', 'b'], '401', '401'],
  ['a control character in the name', [USER_ID, 'u-plain', 'X-OpenWebUI-User-Name', 'a%0Ab'], '401', '401'],
  ['an id spelt with _', ['X_OpenWebUI_User_Id', 'u-plain'], 'key', 'key'],
  ['an id twice, once spelt with _', [USER_ID, 'u-plain', 'X_OpenWebUI_User_Id', 'u-other'], '401', 'plain'],
  ['a good user JWT', [USER_JWT, sign({})], 'jwt', '401'],
  ['a good user JWT and another id', [USER_JWT, sign({}), USER_ID, 'u-plain'], 'jwt', 'plain'],
  ['a user JWT spelt with _', ['X_OpenWebUI_User_Jwt', sign({})], 'key', 'key'],
  ['two user JWTs', [USER_JWT, sign({}), USER_JWT, sign({})], '401', '401'],
  ['an empty user JWT', [USER_JWT, ''], '401', '401'],
  ['an unexpanded user JWT', [USER_JWT, '{{USER_JWT}}'], '401', '401'],
  ['a user JWT that expired 50 s ago', [USER_JWT, sign({ exp: NOW - 50 })], 'jwt', '401'],
  ['an expired user JWT', [USER_JWT, sign({ exp: NOW - 61 })], '401', '401'],
  ['a user JWT of the future', [USER_JWT, sign({ iat: NOW + 120 })], '401', '401'],
  ['a user JWT without exp', [USER_JWT, sign({ exp: undefined })], '401', '401'],
  ['a user JWT by another secret', [USER_JWT, sign({}, 'another')], '401', '401'],
  ['a user JWT by HS512', [USER_JWT, sign({}, SECRET, { algorithm: 'HS512' })], '401', '401'],
  ['a user JWT by none', [USER_JWT, none], '401', '401'],
  ['a user JWT of another issuer', [USER_JWT, sign({ iss: 'other' })], '401', '401'],
  ['a user JWT with an aud', [USER_JWT, sign({ aud: 'anything' })], 'jwt', '401'],
  ['a user JWT without sub', [USER_JWT, sign({ sub: undefined })], '401', '401'],
  ['a user JWT whose sub is empty', [USER_JWT, sign({ sub: '' })], '401', '401'],
  ['a bad user JWT and a plain id', [USER_JWT, sign({}, 'another'), USER_ID, 'u-plain'], '401', 'plain'],
];

const text: Record<Outcome, string> = {
  key: 'api-key',
  plain: 'user open-webui u-plain',
  jwt: 'user open-webui u-jwt',
  '401': '401',
};

const settings: [name: string, secret: boolean, trust: boolean][] = [
  ['nothing believed', false, false],
  ['headers trusted', false, true],
  ['a user JWT secret', true, false],
  ['a user JWT secret, headers trusted too', true, true],
];

describe.each(settings)('%s', (_, hasSecret, isTrusted) => {
  const authenticator = setUp({
    openWebUi: { userJwtSecret: hasSecret ? SECRET : undefined, trustUserHeaders: isTrusted },
    keys: [keyRecord('owui', 'asserting', { assertsUser: true }), keyRecord('ci', 'plain')],
  });

  test.each(rows)('%s', async (_name, headers, withSecret, withTrust) => {
    const expected = hasSecret ? withSecret : isTrusted ? withTrust : 'key';
    const run = (key: string) => outcome(() => authenticator.authenticate(bearer(key, ...headers), 'bearer'));
    expect(await run('asserting')).toBe(text[expected]);
    expect(await run('plain')).toBe('api-key');
    expect(await run('wrong')).toBe('403');
  });
});

describe('the answer', () => {
  const authenticator = setUp({
    openWebUi: { userJwtSecret: SECRET },
    keys: [keyRecord('owui', 'k', { assertsUser: true })],
  });
  const messageOf = async (...headers: string[]) => {
    const refused = authenticator.authenticate(bearer('k', ...headers), 'bearer');
    const { message, challenge } = (await refused.catch((error: unknown) => error)) as UnauthenticatedError;
    expect(challenge).toMatch(/^Bearer error="invalid_token", error_description="[^"\\]*"$/);
    return message;
  };

  test('names the header and what is missing, and no value', async () => {
    expect(await messageOf(USER_ID, 'secret-id')).toBe(
      'The header x-openwebui-user-jwt is missing, and other headers are not believed here; set FORWARD_USER_INFO_HEADER_JWT_SECRET in Open WebUI.',
    );
    expect(await messageOf(USER_JWT, sign({ exp: NOW - 100 }))).toBe(
      'The header x-openwebui-user-jwt is refused: the token has expired.',
    );
    expect(await messageOf(USER_JWT, none)).toBe(await messageOf(USER_JWT, sign({}, 'another')));
  });
});

describe('the principal', () => {
  test('is the same by either way, with the scopes that the key and the role allow both', async () => {
    const scopesByRole = new Map([['admin', ['metrics']]]);
    const keys = [keyRecord('owui', 'k', { assertsUser: true, scopes: ['call:time'] })];
    const expected = {
      kind: 'user',
      issuer: 'open-webui',
      subject: 'u1',
      email: 'zoë@example.org',
      name: 'Zoë O’Neil, Jr.',
      role: 'admin',
      groups: [],
      isEmailVerified: true,
      scopes: expect.objectContaining({ texts: ['call', 'vault', 'docs', 'metrics'] }),
      keyId: 'owui',
      chatId: 'chat-1',
    };
    const plain = bearer(
      'k',
      ...['X-OpenWebUI-User-Id', 'u1', 'X-OpenWebUI-User-Role', 'admin', 'X-OpenWebUI-Chat-Id', 'chat-1'],
      ...['X-OpenWebUI-User-Email', encodeURIComponent('zoë@example.org')],
      ...['X-OpenWebUI-User-Name', 'Zo%C3%AB O%E2%80%99Neil%2C Jr.'],
    );
    const trusting = setUp({ openWebUi: { trustUserHeaders: true }, keys, scopesByRole });
    const principal = await trusting.authenticate(plain, 'bearer');
    expect(principal).toEqual(expected);
    const { scopes } = principal;
    expect([scopes.allowsCall('time', 'now'), scopes.allowsCall('fs', 'now'), scopes.allows('metrics')]).toEqual([
      true,
      false,
      false,
    ]);

    const token = sign({ sub: 'u1', email: 'zoë@example.org', name: 'Zoë O’Neil, Jr.', role: 'admin' });
    const checking = setUp({ openWebUi: { userJwtSecret: SECRET }, keys, scopesByRole });
    const signed = bearer('k', USER_JWT, token, 'X-OpenWebUI-Chat-Id', 'chat-1');
    expect(await checking.authenticate(signed, 'bearer')).toEqual(expected);
  });

  test('has a name or e-mail that is not percent-encoded as it came', async () => {
    const authenticator = setUp({
      openWebUi: { trustUserHeaders: true },
      keys: [keyRecord('owui', 'k', { assertsUser: true })],
    });
    const principal = await authenticator.authenticate(
      bearer('k', USER_ID, 'u', 'X-OpenWebUI-User-Name', '100% Bob', 'X-OpenWebUI-User-Email', 'a+b@c.d'),
      'bearer',
    );
    expect(principal).toEqual(expect.objectContaining({ name: '100% Bob', email: 'a+b@c.d' }));
  });

  test('is read from headers of other names if so configured, and then from no others', async () => {
    const authenticator = setUp({
      openWebUi: {
        trustUserHeaders: true,
        headers: {
          userJwt: 'x-jwt',
          userId: 'x-user-id',
          userEmail: 'x-mail',
          userName: 'x-name',
          userRole: 'x-role',
          userGroups: 'x-groups',
          userGroupIds: 'x-group-ids',
          messageId: 'x-message',
          chatId: 'x-chat',
        },
      },
      keys: [keyRecord('owui', 'k', { assertsUser: true })],
    });
    const run = (...headers: string[]) => outcome(() => authenticator.authenticate(bearer('k', ...headers), 'bearer'));
    expect(await run('X-User-Id', 'u1')).toBe('user open-webui u1');
    expect(await run(USER_ID, 'u1')).toBe('api-key');
    expect(await run('X-User-Id', '{{USER_ID}}')).toBe('401');
  });

  test('is nobody while the admin of Open WebUI has not approved the user', async () => {
    const keys = [keyRecord('owui', 'k', { assertsUser: true })];
    const checking = setUp({ openWebUi: { userJwtSecret: SECRET }, keys });
    const trusting = setUp({ openWebUi: { trustUserHeaders: true }, keys });
    const plain = bearer('k', USER_ID, 'u', 'X-OpenWebUI-User-Role', 'pending');
    const signed = bearer('k', USER_JWT, sign({ role: 'pending' }));
    expect(await outcome(() => trusting.authenticate(plain, 'bearer'))).toBe('403');
    expect(await outcome(() => checking.authenticate(signed, 'bearer'))).toBe('403');
  });
});
