import { describe, expect, test } from '@jest/globals';
import { ToolError } from '../../../src/errors.ts';
import type { ToolResult } from '../../../src/mcp/session.ts';
import { toHttpAnswer } from '../../../src/mcp/tool-result.ts';
import { CHARACTERS_BEFORE_CUT } from '../../../src/telemetry/redactor.ts';

function result(raw: Record<string, unknown>, rawText?: string): ToolResult {
  return {
    content: Array.isArray(raw.content) ? raw.content : [],
    structuredContent: raw.structuredContent,
    isError: raw.isError === true,
    raw,
    rawText,
  };
}

function bodyOf(content: unknown[], accept?: string) {
  return toHttpAnswer(result({ content }), { hasOutputSchema: false, accept }).body;
}

const text = (value: string) => ({ type: 'text', text: value });
const image = { type: 'image', mimeType: 'image/png', data: 'iVBORw0=' };

describe('one text', () => {
  test.each([
    ['{"a": 12345678901234567890, "b":1.0}', '{"a": 12345678901234567890, "b":1.0}'],
    ['  [1e400, -0] \n', '[1e400, -0]'],
    ['null', 'null'],
    ['"quoted"', '"quoted"'],
    ['NaN', '"NaN"'],
    ['Infinity', '"Infinity"'],
    ['-Infinity', '"-Infinity"'],
    ["{'a': 1}", `"{'a': 1}"`],
    ['', '""'],
    ['plain "text"', '"plain \\"text\\""'],
    ['true story', '"true story"'],
    ['1 2', '"1 2"'],
    ['007', '"007"'],
    ['\u00a01', '"\u00a01"'],
  ])('%j becomes %s', (given, expected) => {
    const body = bodyOf([text(given)]);
    expect(body).toBe(expected);
    expect(() => JSON.parse(String(body))).not.toThrow();
  });

  test('with half of a character neither throws nor breaks the JSON', () => {
    expect(bodyOf([text('{"a":"\ud800"}')])).toBe('{"a":"\\ud800"}');
    expect(bodyOf([text('\udc00')])).toBe('"\\udc00"');
  });
});

describe('content', () => {
  test('of no item is an empty array, of several an array', () => {
    expect(bodyOf([])).toBe('[]');
    expect(bodyOf([text('1.0'), text('x'), image])).toBe('[1.0,"x","data:image/png;base64,iVBORw0="]');
  });

  test.each([
    [{ type: 'audio', mimeType: 'audio/wav', data: 'UklG' }, '"data:audio/wav;base64,UklG"'],
    [{ type: 'image', data: 'AA==' }, '"data:application/octet-stream;base64,AA=="'],
    [
      { type: 'resource_link', uri: 'file:///a', name: 'a', mimeType: 'text/plain', size: 3 },
      '{"type":"resource_link","uri":"file:///a","name":"a","mimeType":"text/plain"}',
    ],
    [{ type: 'resource', resource: { uri: 'a', text: '{"a":1}' } }, '"{\\"a\\":1}"'],
    [
      { type: 'resource', resource: { uri: 'a', blob: 'AA==', mimeType: 'application/pdf' } },
      '"data:application/pdf;base64,AA=="',
    ],
    [{ type: 'hologram', depth: 3 }, '{"type":"hologram","depth":3}'],
    [{ type: 'text', text: 7 }, '{"type":"text","text":7}'],
    [null, 'null'],
    ['bare', '"bare"'],
  ])('%j', (item, expected) => {
    expect(bodyOf([item])).toBe(expected);
  });

  test('of an unknown kind keeps its digits', () => {
    const rawText = '{"content":[{"type":"hologram","depth":1.0},{"type":"text","text":"2.0"}]}';
    const answer = toHttpAnswer(result(JSON.parse(rawText), rawText), { hasOutputSchema: false, accept: undefined });
    expect(answer.body).toBe('[{"type":"hologram","depth":1.0},2.0]');
  });
});

describe('structured content', () => {
  const rawText = '{"content":[{"type":"text","text":"x"}],"structuredContent":{"n":1.0}}';

  test('is the value of a tool that declares an outputSchema', () => {
    const options = { hasOutputSchema: true, accept: undefined };
    expect(toHttpAnswer(result(JSON.parse(rawText)), options).body).toBe('{"n":1}');
    expect(toHttpAnswer(result(JSON.parse(rawText), rawText), options).body).toBe('{"n":1.0}');
    expect(toHttpAnswer(result({ content: [text('x')] }), options).body).toBe('"x"');
  });

  test('is left alone otherwise', () => {
    expect(toHttpAnswer(result(JSON.parse(rawText)), { hasOutputSchema: false, accept: undefined }).body).toBe('"x"');
  });
});

describe('the Accept header', () => {
  const content = [text('a screenshot'), image];
  const typeFor = (accept: string | undefined) =>
    toHttpAnswer(result({ content }), { hasOutputSchema: false, accept }).contentType.split(';')[0];

  test.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['application/json', 'application/json'],
    ['text/html', 'application/json'],
    ['text/html,application/xhtml+xml,image/webp,*/*;q=0.8', 'application/json'],
    ['image/*', 'image/png'],
    ['image/png', 'image/png'],
    ['image/avif,image/*,*/*;q=0.8', 'image/png'],
    ['image/jpeg', 'application/json'],
    ['image/*;q=0', 'application/json'],
    ['image/*;q=0.5, application/json', 'application/json'],
    ['image/*, application/json', 'application/json'],
    ['application/vnd.mcp+json', 'application/vnd.mcp+json'],
    ['application/vnd.mcp+json;q=0.1, application/json', 'application/json'],
    ['application/vnd.mcp+json, application/json', 'application/vnd.mcp+json'],
    [',;q=, /;q=x', 'application/json'],
  ])('%s gives %s', (accept, type) => {
    expect(typeFor(accept)).toBe(type);
  });

  test('gives the bytes of one image, and JSON where there are two or it is none', () => {
    expect(bodyOf([image], 'image/*')).toEqual(Buffer.from('iVBORw0=', 'base64'));
    expect(bodyOf([image, image], 'image/*')).toEqual(expect.stringMatching(/^\[/));
    expect(bodyOf([{ ...image, mimeType: 'text/html' }], 'image/*, text/html')).toBe(
      '"data:text/html;base64,iVBORw0="',
    );
    expect(bodyOf([{ ...image, mimeType: 'image/png\r\nX: y' }], 'image/*')).toEqual(expect.stringMatching(/^"data:/));
  });

  test('gives the whole result as it was spelt', () => {
    const rawText = '{"content":[],"_meta":{"n":1.0}}';
    const options = { hasOutputSchema: false, accept: 'application/vnd.mcp+json' };
    expect(toHttpAnswer(result(JSON.parse(rawText), rawText), options).body).toBe(rawText);
    expect(toHttpAnswer(result({ content: [], _meta: { n: 1 } }), options).body).toBe('{"content":[],"_meta":{"n":1}}');
  });
});

describe("a tool's own error", () => {
  const thrownBy = (content: unknown[]) => {
    try {
      toHttpAnswer(result({ content, isError: true }), {
        hasOutputSchema: true,
        accept: undefined,
        toolErrorStatus: 422,
      });
    } catch (error) {
      return error as ToolError;
    }
    throw new Error('nothing was thrown');
  };

  test('is thrown with all its text and the status asked for', () => {
    const error = thrownBy([text('no such city'), image, text('try Berlin')]);
    expect(error).toBeInstanceOf(ToolError);
    expect(error.message).toBe('no such city\ntry Berlin');
    expect(error.status).toBe(422);
  });

  test('is bounded, and says something when the tool does not', () => {
    // Callers get less: secrets are taken out first.
    expect(thrownBy([text('x'.repeat(1_000_000))]).message).toHaveLength(CHARACTERS_BEFORE_CUT);
    expect(thrownBy([image]).message).toBe('The tool failed and did not say why.');
  });
});
