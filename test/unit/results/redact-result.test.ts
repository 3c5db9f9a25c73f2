import { describe, expect, test } from '@jest/globals';
import { JsonRpcError } from '../../../src/errors.ts';
import { isAlteredByParsing } from '../../../src/mcp/exact-numbers.ts';
import type { ToolResult } from '../../../src/mcp/session.ts';
import { redactResult, redactServerError } from '../../../src/results/redact-result.ts';
import { resultRedactor } from '../../../src/rules/result-redactor.ts';

const redact = resultRedactor(['emails', 'card-numbers']);
const EMAIL = '[redacted: email]';

/** As a session makes it of a server's text. */
function toResult(text: string): ToolResult {
  const raw = JSON.parse(text) as Record<string, unknown>;
  return {
    raw,
    content: Array.isArray(raw.content) ? raw.content : [],
    structuredContent: raw.structuredContent,
    isError: raw.isError === true,
    ...(isAlteredByParsing(text) && { rawText: text }),
  };
}
const redacted = (raw: object) => redactResult(toResult(JSON.stringify(raw)), redact).raw;

describe('a redacted result', () => {
  test('has every text redacted, names of members too, and what says what it is kept', () => {
    const raw = {
      content: [
        { type: 'text', text: 'to ann@example.org', annotations: { audience: ['ann@example.org'] } },
        {
          type: 'resource',
          resource: { uri: 'mail:ann@example.org', mimeType: 'text/plain', text: 'ann@example.org' },
        },
        { type: 'resource_link', uri: 'x:ann@example.org', name: 'ann@example.org', mimeType: 'a@b.org/x' },
        { type: 'other', deep: [{ 'ann@example.org': ['ann@example.org'] }] },
      ],
      structuredContent: { to: ['ann@example.org'], 'ann@example.org': 1, data: 'ann@example.org' },
      _meta: { from: 'ann@example.org' },
    };
    expect(redacted(raw)).toEqual({
      content: [
        { type: 'text', text: `to ${EMAIL}`, annotations: { audience: [EMAIL] } },
        { type: 'resource', resource: { uri: `mail:${EMAIL}`, mimeType: 'text/plain', text: EMAIL } },
        { type: 'resource_link', uri: `x:${EMAIL}`, name: EMAIL, mimeType: 'a@b.org/x' },
        { type: 'other', deep: [{ [EMAIL]: [EMAIL] }] },
      ],
      structuredContent: { to: [EMAIL], [EMAIL]: 1, data: EMAIL },
      _meta: { from: EMAIL },
    });
  });

  test('keeps a text that is JSON valid, its other numbers exact, and makes a number that matches a string', () => {
    const text = '{"to": "ann@example.org", "card": 4111111111111111, "id": 12345678901234567890, "x": 1.0}';
    const expected = `{"to": "${EMAIL}", "card": "[redacted: card number]", "id": 12345678901234567890, "x": 1.0}`;
    expect(redacted({ content: [{ type: 'text', text }] })).toEqual({ content: [{ type: 'text', text: expected }] });
    const exact = redactResult(toResult(`{"content":[],"structuredContent":${text}}`), redact);
    expect(exact.rawText).toContain('"id": 12345678901234567890, "x": 1.0');
    expect(exact.rawText).not.toContain('ann@');
    expect(exact.structuredContent).toMatchObject({ to: EMAIL });
  });

  test('has its images and files as they were', () => {
    const data = Buffer.from('ann@example.org 4111111111111111').toString('base64');
    const raw = {
      content: [
        { type: 'image', data: `${data}ann@example.org`, mimeType: 'image/png' },
        { type: 'resource', resource: { uri: 'x:1', blob: 'ann@example.org' } },
      ],
    };
    const result = toResult(JSON.stringify(raw));
    expect(redactResult(result, redact)).toBe(result);
  });

  test('is the same object where nothing matches', () => {
    const result = toResult('{"content":[{"type":"text","text":"\\u00fc and \\"quotes\\" {}"}],"isError":true}');
    expect(redactResult(result, redact)).toBe(result);
  });

  test('is an error still, and errors of the server are redacted with their data', () => {
    const result = toResult('{"content":[{"type":"text","text":"no ann@example.org"}],"isError":true}');
    expect(redactResult(result, redact)).toMatchObject({ isError: true, content: [{ text: `no ${EMAIL}` }] });
    const error = redactServerError(
      new JsonRpcError(-32000, 'no ann@example.org', { to: ['ann@example.org'] }),
      redact,
    );
    expect(error).toMatchObject({ rpcCode: -32000, message: `no ${EMAIL}`, data: { to: [EMAIL] } });
  });
});
