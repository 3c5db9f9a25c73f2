import { expect, test } from '@jest/globals';
import { isBaggage, readTraceContext, toTraceparent } from '../../../src/telemetry/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const VALID = `00-${TRACE}-${SPAN}-01`;

test('a valid traceparent is read and written again', () => {
  const context = readTraceContext({ traceparent: VALID });
  expect(context).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true, state: undefined });
  expect(context && toTraceparent(context)).toBe(VALID);
});

test.each([
  ['00', false],
  ['02', false],
  ['03', true],
  ['ff', true],
])('flags %s', (flags, isSampled) => {
  expect(readTraceContext({ traceparent: `00-${TRACE}-${SPAN}-${flags}` })?.isSampled).toBe(isSampled);
});

test.each([
  ['nothing', ''],
  ['version ff', `ff-${TRACE}-${SPAN}-01`],
  ['version in upper case', `0A-${TRACE}-${SPAN}-01`],
  ['a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
  ['a span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
  ['a short trace id', `00-${TRACE.slice(1)}-${SPAN}-01`],
  ['a long span id', `00-${TRACE}-${SPAN}0-01`],
  ['flags of one digit', `00-${TRACE}-${SPAN}-1`],
  ['no hexadecimal digits', `00-${TRACE}-${SPAN}-0g`],
  ['more than version 00 has', `${VALID}-more`],
  ['a dash at the end', `${VALID}-`],
  ['one that was sent twice', `${VALID}, ${VALID}`],
  ['a later version that goes on without a dash', `01-${TRACE}-${SPAN}-01more`],
  ['a later version that is too long', `01-${TRACE}-${SPAN}-01-${'x'.repeat(300)}`],
  ['a line of a log', `${VALID}\n{"level":"error"}`],
])('%s is ignored', (_, traceparent) => {
  expect(readTraceContext({ traceparent })).toBeUndefined();
});

test('a later version is passed on in the one that is known', () => {
  const context = readTraceContext({ traceparent: `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like` });
  expect(context && toTraceparent(context)).toBe(VALID);
});

const stateOf = (tracestate: string) => readTraceContext({ traceparent: VALID, tracestate })?.state;

test.each([
  ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
  ['fw529a3039@dt=FfAAAAA'],
  [`one=${'x'.repeat(256)}`],
  [Array.from({ length: 32 }, (_, index) => `k${index}=v`).join(',')],
])('tracestate %s is passed on', (tracestate) => {
  expect(stateOf(tracestate)).toBe(tracestate);
});

test('empty members and spaces around members are taken out', () => {
  expect(stateOf('a=1 , ,\tb=2')).toBe('a=1,b=2');
});

test.each([
  ['without a value', 'rojo'],
  ['with a key in upper case', 'Rojo=1'],
  ['with one key twice', 'rojo=1,rojo=2'],
  ['with a value that is too long', `one=${'x'.repeat(257)}`],
  ['with more than 32 members', Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(',')],
  ['with letters beyond ASCII', 'rojo=é'],
  ['that is too long', Array.from({ length: 30 }, (_, index) => `k${index}=${'x'.repeat(200)}`).join(',')],
])('a tracestate %s is dropped, and the traceparent is not', (_, tracestate) => {
  expect(readTraceContext({ traceparent: VALID, tracestate })).toMatchObject({ traceId: TRACE, state: undefined });
});

test.each([
  ['userId=alice,serverNode=DF%2028;ttl=3 ; internal,isProduction=false', true],
  ['key=', true],
  ['key', false],
  ['', false],
  ['key=two words', false],
  ['key="quoted"', false],
  ['key=a\nb', false],
  [`key=${'x'.repeat(8_192)}`, false],
])('baggage %j: %s', (text, isValid) => {
  expect(isBaggage(text)).toBe(isValid);
});

test('hostile headers are judged in linear time', () => {
  const length = 16_000;
  for (const text of ['00-'.repeat(length), 'a='.repeat(length), 'k=v; '.repeat(length), ' '.repeat(length)]) {
    expect(readTraceContext({ traceparent: text })).toBeUndefined();
    expect(stateOf(text)).toBeUndefined();
    isBaggage(text.slice(0, 8_192));
  }
});
