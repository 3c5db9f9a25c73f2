import { describe, expect, test } from '@jest/globals';
import { KNOWN_PATTERNS, ownPatternProblem, resultRedactor } from '../../../src/rules/result-redactor.ts';
import { processorMs } from '../../processor-time.ts';

const redact = (pattern: (typeof KNOWN_PATTERNS)[number], text: string) => resultRedactor([pattern])(text);
const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const all = resultRedactor([...KNOWN_PATTERNS, { name: 'customer', pattern: '\\bC-\\d{6}\\b' }]);

describe('keys', () => {
  test.each([
    `AKIA${'IOSFODNN7EXAMPLE'}`,
    `ghp_${'a1B2'.repeat(9)}`,
    `github_pat_${'11ABCDE0Y0'.repeat(3)}`,
    `glpat-${'x9-_'.repeat(5)}`,
    `sk-${'proj-a1b2c3d4'.repeat(3)}`,
    `xoxb-${'123456789012-abc'}`,
    `sk_live_${'4eC39HqLyjWDarjtT1zdp7dc'}`,
    `AIza${'SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q'}`,
    `npm_${'a1b2c3'.repeat(6)}`,
    `hvs.${'CAESIJ1b2c3d4e5f6g7h8'}`,
  ])('finds %s', (key) => {
    expect(redact('keys', `the key is "${key}", keep it`)).toBe('the key is "[redacted: key]", keep it');
    expect(redact('keys', `KEY=${key}`)).toBe('KEY=[redacted: key]');
  });

  test('finds tokens of headers and passwords of URLs', () => {
    expect(redact('keys', 'Authorization: Bearer abcdefghijklmnop1234==')).toBe(
      'Authorization: Bearer [redacted: key]',
    );
    expect(redact('keys', 'postgres://app:s3cr3t@db:5432/x')).toBe('postgres://app:[redacted: key]@db:5432/x');
  });

  test.each([
    'sk-learn',
    'sk-circle-fade-dot-animation',
    'risk-a1b2c3d4e5f6g7h8i9j0',
    'npm_config_cache',
    'bearer of news',
    'https://a.example:8080/x@y',
    'AKIA',
  ])('leaves %s', (text) => {
    expect(redact('keys', text)).toBe(text);
  });
});

describe('web tokens and private keys', () => {
  const token = `${b64({ alg: 'HS256' })}.${b64({ sub: 'ann' })}.${'x'.repeat(43)}`;
  test('finds them', () => {
    expect(redact('web-tokens', `token=${token};`)).toBe('token=[redacted: token];');
    expect(redact('web-tokens', `${token.split('.')[0]}.x.y`)).not.toContain('redacted');
    const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\nbnNz\n-----END OPENSSH PRIVATE KEY-----';
    expect(redact('private-keys', `a\n${key}\nb\n${key}\nc`)).toBe(
      'a\n[redacted: private key]\nb\n[redacted: private key]\nc',
    );
    expect(redact('private-keys', `a ${key.slice(0, 50)}`)).toBe('a [redacted: private key]');
    expect(redact('private-keys', '-----BEGIN PUBLIC KEY-----')).toBe('-----BEGIN PUBLIC KEY-----');
  });
});

describe('emails', () => {
  test.each([
    ['ann@example.org', '[redacted: email]'],
    ['<ann.lee+x@mail.example.co.uk>, "bob@b.example"', '<[redacted: email]>, "[redacted: email]"'],
    ['mailto:ann@example.org?subject=x', 'mailto:[redacted: email]?subject=x'],
    ['jörg@müller.example', '[redacted: email]'],
    ['ann@example.org.', '[redacted: email].'],
    ['ann@@bob@example.org', 'ann@@[redacted: email]'],
    ['git@github.com:a/b.git', 'git@github.com:a/b.git'],
    ['icon@2x.png', 'icon@2x.png'],
    ['@scope/name@1.2.3', '@scope/name@1.2.3'],
    ['a @ b.org, user@localhost, @ann', 'a @ b.org, user@localhost, @ann'],
  ])('%s', (text, expected) => {
    expect(redact('emails', text)).toBe(expected);
  });
});

describe('card numbers', () => {
  test.each([
    ['4111111111111111', true],
    ['4111 1111 1111 1111', true],
    ['5500-0055-5555-5559', true],
    ['371449635398431', true],
    ['6011000990139424', true],
    ['4111111111111112', false],
    ['1111111111111117', false],
    ['3714 496353 98431', true],
    ['4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1', false],
    ['11111111-4111-1111-1111-111111111111', false],
    ['4111 1111-1111 1111', false],
    ['1763791234567', false],
    ['0.4111111111111111', false],
    ['4111111111111111.5', false],
    ['12344111111111111111', false],
    ['a4111111111111111', false],
    ['2026-11-22 06:10:00 4', false],
  ])('%s', (text, isCard) => {
    expect(redact('card-numbers', `no ${text} x`)).toBe(isCard ? 'no [redacted: card number] x' : `no ${text} x`);
  });
});

test('own patterns have the name that the admin gives', () => {
  expect(all('order of C-123456')).toBe('order of [redacted: customer]');
  expect(ownPatternProblem('x*')).toContain('empty text');
  expect(ownPatternProblem('(')).toContain('RE2');
});

describe('time', () => {
  const parts = [
    'a',
    '@',
    'a@',
    'a.b@c.',
    'a@aaaaaaaaaaaaaaaa.',
    'eyJ',
    '-eyJaaaaa.',
    'sk-',
    'sk-a',
    '4',
    '4 ',
    '4-',
    '://a:',
    'Bearer ',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN A ',
    'SG.aaaaaaaaaaaaaaaa.',
    'C-12345',
    '﷽@',
  ];
  test.each(parts)('grows with the text and no faster, for many %j', (part) => {
    const cost = (length: number) => {
      const text = part.repeat(length / part.length);
      const before = processorMs();
      all(text);
      return processorMs() - before;
    };
    cost(20_000);
    const short = Math.max(4, Math.min(cost(200_000), cost(200_000)));
    expect(Math.min(cost(800_000), cost(800_000)) / short).toBeLessThan(10);
  });
});
