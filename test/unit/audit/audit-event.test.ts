import { expect, test } from '@jest/globals';
import { type AuditEvent, describeArguments, toAuditBody } from '../../../src/audit/audit-event.ts';

const texts = {
  redact: (text: string, max?: number) => text.replaceAll('s3cret', '[redacted]').slice(0, max),
  pseudonym: (_: string, id: string) => id,
};
const plain: AuditEvent = { eventType: 'call', action: 'call', result: 'success' };
const toEvent = (event: AuditEvent) => JSON.parse(toAuditBody(event, 0, texts)) as Record<string, unknown>;

test('a line has exactly these fields, in this order', () => {
  expect(Object.keys(toEvent(plain))).toEqual(
    'timestamp event_type user_id resource action result details client_ip user_agent request_id session_id'.split(' '),
  );
  expect(toEvent(plain)).toMatchObject({ timestamp: '1970-01-01T00:00:00.000Z', user_id: null, details: null });
});

test('nothing that a caller sends begins a line or steers a terminal', () => {
  const nasty = 'a\r\n{"x":1}\u0000\u001b[2J\u0085\u009b1m\u2028\u2029\u007f\ud800';
  const event = { ...plain, userAgent: nasty, resource: nasty, details: { [nasty]: nasty, list: [nasty] } };
  const body = toAuditBody(event, 0, texts);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  expect(body).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  expect(toEvent(event)).toMatchObject({ user_agent: nasty, resource: nasty, details: { [nasty]: nasty } });
});

test('whatever is sent, a line stays short', () => {
  const long = 'x'.repeat(1_000_000);
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`n${index}`, long]));
  const event = { ...plain, userAgent: long, resource: long, userId: long, requestId: long, details: many };
  expect(toAuditBody(event, 0, texts).length).toBeLessThan(16_000);
  expect(toEvent(event).details).toMatchObject({ is_cut: true });
  expect(String(toEvent(event).user_agent)).toHaveLength(256);
});

test('known secrets are taken out before a text is cut', () => {
  const long = `${'x'.repeat(510)}s3cret`;
  const event = { ...plain, resource: long, userAgent: long.slice(256), details: { a: long, b: [long.slice(415)] } };
  expect(toAuditBody(event, 0, texts)).not.toMatch(/s3/);
  const body = toAuditBody({ ...plain, resource: 's3cret', details: { a: 'xs3cret', b: ['s3cret'] } }, 0, texts);
  expect(body).not.toContain('s3cret');
});

test('only names and size of arguments are recorded', () => {
  const args = JSON.parse('{"city":"canary-1","__proto__":{"deep":"canary-2"}}') as Record<string, unknown>;
  expect(describeArguments(args, 49)).toEqual({
    argument_names: ['city', '__proto__'],
    argument_count: 2,
    argument_bytes: 49,
  });
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`${'n'.repeat(500)}${index}`, 1]));
  const details = describeArguments(many, 1);
  expect(details).toMatchObject({ argument_count: 1_000 });
  expect(toAuditBody({ ...plain, details }, 0, texts).length).toBeLessThan(7_000);
});

test('details named like a prototype stay details', () => {
  const details = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
  expect(toAuditBody({ ...plain, details }, 0, texts)).toContain('"details":{"__proto__":"x"}');
});

test('the user whose data it is about is recorded only if there is one, and as a pseudonym like the caller', () => {
  const pseudonym = (kind: string, id: string) => `${kind}(${id.length})`;
  const body = toAuditBody({ ...plain, userId: 'admin', subjectId: 'alice' }, 0, { ...texts, pseudonym });
  expect(JSON.parse(body)).toMatchObject({ user_id: 'user(5)', subject_id: 'user(5)' });
  expect(body).not.toContain('alice');
});
