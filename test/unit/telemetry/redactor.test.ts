import { expect, test } from '@jest/globals';
import { Redactor } from '../../../src/telemetry/redactor.ts';

test('takes the longest value out where several begin alike, and all that overlap as one', () => {
  const redactor = new Redactor();
  redactor.add(['token', 'token-long', 'long-tail']);
  expect(redactor.redact('a token, a token-long, a tokenize')).toBe('a [redacted], a [redacted], a [redacted]ize');
  expect(redactor.redact('<token-long-tail>')).toBe('<[redacted]>');
  expect(redactor.redact('tokentoken')).toBe('[redacted][redacted]');
  expect(redactor.redact('tok')).toBe('tok');
});

test('forgets a held value when nobody holds it any more', () => {
  const redactor = new Redactor();
  const values = ['se"cret', 'se"cret', 'abc'];
  const [first, second] = [redactor.hold(values), redactor.hold(values)];
  first();
  first();
  expect(redactor.redact('se"cret se\\"cret abc')).toBe('[redacted] [redacted] abc');
  second();
  expect(redactor.redact('se"cret')).toBe('se"cret');
});

test('a value that was added stays, even if it was held too', () => {
  const redactor = new Redactor();
  redactor.add(['secret']);
  redactor.hold(['secret'])();
  expect(redactor.redact('secret')).toBe('[redacted]');
});

test('finds one of thousands of values', () => {
  const redactor = new Redactor();
  const values = Array.from({ length: 1_000 }, (_, index) => `value-${index}-${index * 7}`);
  const release = redactor.hold(values.map((value) => value.split('').reverse().join('')));
  redactor.hold(values.slice(0, 10));
  expect(redactor.redact(`${'x'.repeat(10_000)}value-9-63.`)).toBe(`${'x'.repeat(10_000)}[redacted].`);
  release();
  expect(redactor.redact('value-3-21')).toBe('[redacted]');
});

test('what a user is shown lacks the lasting secrets and their own, and reveals nothing of those of others', () => {
  const redactor = new Redactor();
  redactor.add(['admin-secret']);
  const release = redactor.hold(['alice-pin', 'bobs-pin']);
  const text = 'admin-secret alice-pin bobs-pin';
  expect(redactor.redact(text)).toBe('[redacted] [redacted] [redacted]');
  expect(redactor.redactorFor(['alice-pin'])(text)).toBe('[redacted] [redacted] bobs-pin');
  expect(redactor.redactorFor()(text)).toBe('[redacted] alice-pin bobs-pin');
  expect(new Redactor().redactorFor()(text)).toBe(text);
  release();
  expect(redactor.redact(text)).toBe('[redacted] alice-pin bobs-pin');
});

test.each(['', 'u', 'us', 'user'])('a value is found inside of a longer text in base64, after %j', (before) => {
  const redactor = new Redactor();
  redactor.add(['token-of-alice-4711']);
  const basic = Buffer.from(`${before}token-of-alice-4711`).toString('base64');
  expect(Buffer.from(redactor.redact(basic).replaceAll('[redacted]', ''), 'base64').toString()).not.toMatch(
    /alice|token/,
  );
});
