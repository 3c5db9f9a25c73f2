import { describe, expect, test } from '@jest/globals';
import { checkTokenClaims } from '../../../src/auth/claims.ts';

const NOW = 1_800_000_000;
const ANY: readonly string[] = [];

function reasonOf(check: () => unknown): unknown {
  try {
    check();
    return 'accepted';
  } catch (error) {
    return (error as { reason?: unknown }).reason;
  }
}

describe('times, with 60 s of skew', () => {
  test.each([
    [{ exp: NOW + 1 }, 'accepted'],
    [{ exp: NOW }, 'accepted'],
    [{ exp: NOW - 59 }, 'accepted'],
    [{ exp: NOW - 59.5 }, 'accepted'],
    [{ exp: NOW - 60 }, 'expired'],
    [{ exp: NOW - 61 }, 'expired'],
    [{ exp: NOW + 0.5 }, 'accepted'],
    [{ exp: 253_402_300_799 }, 'accepted'],
    [{ exp: 253_402_300_800 }, 'not-valid'],
    [{ exp: -1 }, 'not-valid'],
    [{ exp: Number.POSITIVE_INFINITY }, 'not-valid'],
    [{}, 'not-valid'],
    [{ exp: NOW + 600, nbf: NOW }, 'accepted'],
    [{ exp: NOW + 600, nbf: NOW + 60 }, 'accepted'],
    [{ exp: NOW + 600, nbf: NOW + 60.5 }, 'not-yet-valid'],
    [{ exp: NOW + 600, nbf: NOW + 61 }, 'not-yet-valid'],
    [{ exp: NOW + 600, nbf: null }, 'not-valid'],
    [{ exp: NOW + 600, iat: NOW + 60 }, 'accepted'],
    [{ exp: NOW + 600, iat: NOW + 61 }, 'not-yet-valid'],
    [{ exp: NOW + 600, iat: 0 }, 'accepted'],
  ])('%j: %s', (claims, expected) => {
    expect(reasonOf(() => checkTokenClaims(claims, ANY, NOW))).toBe(expected);
  });

  test('the time that the token ends is reported', () => {
    expect(checkTokenClaims({ exp: NOW - 5 }, ANY, NOW)).toBe(NOW - 5);
  });
});

describe('audience', () => {
  const expected = ['a', 'b'];
  test.each([
    [{ aud: 'a' }, 'accepted'],
    [{ aud: ['x', 'b'] }, 'accepted'],
    [{ aud: ['x'] }, 'wrong-audience'],
    [{ aud: 'A' }, 'wrong-audience'],
    [{ aud: 'a b' }, 'wrong-audience'],
    [{}, 'wrong-audience'],
    [{ aud: null }, 'not-valid'],
    [{ aud: ['a', 1] }, 'not-valid'],
  ])('%j: %s', (claims, reason) => {
    expect(reasonOf(() => checkTokenClaims({ exp: NOW + 600, ...claims }, expected, NOW))).toBe(reason);
  });

  test.each([
    [{ aud: 'anything' }, 'accepted'],
    [{}, 'accepted'],
    [{ aud: 7 }, 'not-valid'],
  ])('where none is asked for, %j: %s', (claims, reason) => {
    expect(reasonOf(() => checkTokenClaims({ exp: NOW + 600, ...claims }, ANY, NOW))).toBe(reason);
  });
});
