import { describe, expect, test } from '@jest/globals';
import type { ToolResult } from '../../../src/mcp/session.ts';
import { toHttpAnswer } from '../../../src/mcp/tool-result.ts';
import { adviceFor, cutResult } from '../../../src/results/cut-result.ts';

const resultOf = (content: readonly unknown[], structuredContent?: unknown): ToolResult => ({
  content,
  structuredContent,
  isError: false,
  raw: { content, structuredContent },
});
const text = (value: string) => ({ type: 'text', text: value });
function cut(result: ToolResult, maxBytes: number, hasOutputSchema = false): unknown {
  const options = { hasOutputSchema: false, accept: undefined };
  return JSON.parse(String(toHttpAnswer(cutResult(result, maxBytes, hasOutputSchema, 'Less.'), options).body));
}

describe('a result that is cut', () => {
  test('is the beginning of its text, and a sentence', () => {
    const sentence = '[The result has 102 bytes, and 22 are allowed. This is its beginning. Less.]';
    expect(cut(resultOf([text('x'.repeat(100))]), 22)).toBe(`${'x'.repeat(20)}\n\n${sentence}`);
  });

  test.each([
    ['ü', 2],
    ['€', 3],
    ['👍', 4],
    ['"', 2],
    ['\n', 2],
    ['\u0001', 6],
    ['\ud800', 6],
  ])('is cut between characters, %j', (character, bytes) => {
    for (const maxBytes of [40, 41, 42, 43]) {
      const [beginning = ''] = String(cut(resultOf([text(character.repeat(50))]), maxBytes)).split('\n\n[');
      expect(beginning).toBe(character.repeat(Math.floor((maxBytes - 2) / bytes)));
      expect(Buffer.byteLength(JSON.stringify(beginning))).toBeLessThanOrEqual(maxBytes);
    }
  });

  test('keeps what fits of several items, and says how many are left out', () => {
    const items = [text('one'), text('{"two":2}'), text('x'.repeat(50)), text('four'), { type: 'image', data: 'x' }];
    const last = expect.stringMatching(/^x{10}\n\n\[.* This is its beginning\. 2 of 5 items are left out\. Less\.\]$/);
    expect(cut(resultOf(items), 30)).toEqual(['one', { two: 2 }, last]);
    const image = { type: 'image', data: 'x'.repeat(100), mimeType: 'image/png' };
    expect(cut(resultOf([text('one'), image]), 30)).toEqual([
      'one',
      expect.stringContaining('1 of 2 items is left out.'),
    ]);
    expect(cut(resultOf([image]), 30)).toEqual(expect.stringContaining('1 of 1 items is left out.'));
  });

  test('never passes a part of a number, or of JSON, for a value', () => {
    expect(cut(resultOf([text('1'.repeat(50))]), 12)).toEqual(expect.stringMatching(/^1{10}\n/));
    expect(cut(resultOf([text('1'.repeat(50)), text('more')]), 12)).toEqual(expect.stringMatching(/^1{10}\n/));
    expect(cut(resultOf([text('[1,2,3,4,5,6,7]')]), 10)).toEqual(expect.stringMatching(/^\[1,2,3,4\n/));
  });

  test('is a text where it was structured, with the digits of its numbers', () => {
    const rawText = `{"structuredContent":{"id":12345678901234567890,"rest":"${'x'.repeat(50)}"}}`;
    const result = { ...resultOf([], { id: 1 }), rawText };
    expect(cut(result, 40, true)).toEqual(expect.stringMatching(/^\{"id":12345678901234567890/));
  });
});

test('advice names the arguments by which the tool gives less', () => {
  expect(adviceFor({ properties: { cursor: {}, limit: {}, query: {} } })).toBe(
    'Ask for less, or for another part, with "limit", "cursor".',
  );
  expect(adviceFor({ properties: { query: {} } })).toContain('a narrower search');
  expect(adviceFor(true)).toContain('a narrower search');
});
