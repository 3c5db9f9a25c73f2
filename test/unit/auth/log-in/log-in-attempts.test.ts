import { describe, expect, test } from '@jest/globals';
import { LogInAttempts, toAttemptTag } from '../../../../src/auth/log-in/log-in-attempts.ts';

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const NOW = 1_800_000_000_000;
const begun = { provider: 'p1', page: 'vault' };
const at = (now = NOW, keys: readonly Buffer[] = [NEW]) => new LogInAttempts(keys, () => now);

describe('an attempt to log in', () => {
  test('is read back with the same secrets for its own state, on every replica, after a change of keys too', () => {
    const opened = at(NOW, [OLD]).begin(begun);
    expect(opened.attempt).toMatchObject(begun);
    expect(at(NOW + 1, [NEW, OLD]).read(opened.text, opened.state)).toStrictEqual(opened);
    expect(at(NOW + 1, [NEW]).read(opened.text, opened.state)).toBeUndefined();
  });

  test('has a state, a nonce and a verifier of its own, which its cookie does not hold', () => {
    const [one, other] = [at().begin(begun), at().begin(begun)];
    const secrets = [one, other].flatMap(({ state, nonce, codeVerifier }) => [state, nonce, codeVerifier]);
    expect(new Set(secrets).size).toBe(6);
    for (const secret of secrets) {
      expect(secret).toMatch(/^[\w-]{43}$/);
      expect(one.text).not.toContain(secret);
    }
    expect(toAttemptTag(one.state)).not.toBe(toAttemptTag(other.state));
  });

  test('is none for another state, altered, or after ten minutes', () => {
    const { text, state, nonce } = at().begin(begun);
    const other = at().begin(begun);
    for (const wrong of [other.state, nonce, '', `${state}x`, state.slice(1)]) {
      expect(at().read(text, wrong)).toBeUndefined();
    }
    const [payload = '', signature = ''] = text.split('.');
    const [, otherSignature = ''] = other.text.split('.');
    const altered = Buffer.from(Buffer.from(payload, 'base64url').toString().replace('vault', 'admin'));
    for (const wrong of [
      undefined,
      '',
      payload,
      `${payload}.${otherSignature}`,
      `${altered.toString('base64url')}.${signature}`,
      `${text}.x`,
    ]) {
      expect(at().read(wrong, state)).toBeUndefined();
    }
    expect(at(NOW + 600_000 - 1).read(text, state)).toBeDefined();
    expect(at(NOW + 600_000).read(text, state)).toBeUndefined();
    expect(at(NOW - 60_000).read(text, state)).toBeUndefined();
  });

  test('needs a key', () => {
    expect(() => at(NOW, [])).toThrow(RangeError);
  });
});
