import { describe, expect, test } from '@jest/globals';
import { createApiKeyCheck } from '../../../src/auth/api-key.ts';
import { authenticate } from '../../../src/auth/authenticate.ts';
import { ForbiddenError, UnauthenticatedError } from '../../../src/errors.ts';

const settings = { checkApiKey: createApiKeyCheck('the-key') };
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('authenticate', () => {
  test('lets everybody in as anonymous when no key is asked for', () => {
    expect(authenticate(undefined, { checkApiKey: undefined }, 'bearer')).toEqual(
      expect.objectContaining({ kind: 'anonymous' }),
    );
  });

  test.each(['Bearer the-key', 'bearer the-key', 'Bearer   the-key '])('takes %j', (header) => {
    expect(authenticate(header, settings, 'bearer')).toEqual(
      expect.objectContaining({ kind: 'api-key', keyId: 'default' }),
    );
  });

  test.each([undefined, '', 'the-key', 'Bearer', 'Bearer ', 'Token the-key', basic('user:the-key')])(
    'finds nothing usable in %j',
    (header) => {
      expect(() => authenticate(header, settings, 'bearer')).toThrow(UnauthenticatedError);
    },
  );

  test.each(['Bearer the-ke', 'Bearer the-key2', 'Bearer THE-KEY', `Bearer ${'x'.repeat(100_000)}`])(
    'refuses a wrong key',
    (header) => {
      expect(() => authenticate(header, settings, 'bearer')).toThrow(ForbiddenError);
    },
  );

  test('takes the key as the password of HTTP Basic only where a browser may open the page', () => {
    expect(authenticate(basic('anyone:the-key'), settings, 'bearer-or-basic').kind).toBe('api-key');
    expect(() => authenticate(basic('anyone:wrong'), settings, 'bearer-or-basic')).toThrow(ForbiddenError);
    expect(() => authenticate(basic('no colon'), settings, 'bearer-or-basic')).toThrow(UnauthenticatedError);
  });
});
