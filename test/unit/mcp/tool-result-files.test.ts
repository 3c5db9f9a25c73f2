import { describe, expect, test } from '@jest/globals';
import type { ResultFile } from '../../../src/mcp/result-media.ts';
import { toHttpAnswer } from '../../../src/mcp/tool-result.ts';

const png = { type: 'image', mimeType: 'image/jpeg', data: 'iVBORw0KGgo=' };
const wav = { type: 'audio', mimeType: 'audio/wav', data: 'UklG' };
const text = (value: string) => ({ type: 'text', text: value });

function answer(raw: Record<string, unknown>, accept?: string, canKeep = true) {
  const kept: ResultFile[] = [];
  const keepFile = (file: ResultFile) => {
    kept.push(file);
    return canKeep ? `https://tools.example/files/${kept.length}` : undefined;
  };
  const content = raw.content as unknown[];
  const result = { content, structuredContent: raw.structuredContent, isError: raw.isError === true, raw };
  const { body } = toHttpAnswer(result, { hasOutputSchema: true, accept, keepFile });
  return { body, kept };
}

describe('images and audio as URLs', () => {
  test('stand where the data URIs would', () => {
    const { body, kept } = answer({ content: [text('1.0'), png, wav, text('x')] });
    expect(body).toBe('[1.0,"https://tools.example/files/1","https://tools.example/files/2","x"]');
    expect(kept).toEqual([
      { bytes: Buffer.from(png.data, 'base64'), displayType: 'image/png' },
      { bytes: Buffer.from(wav.data, 'base64'), displayType: 'audio/wav' },
    ]);
    expect(answer({ content: [png] }).body).toBe('"https://tools.example/files/1"');
  });

  test('so do embedded resources that are images, and no others', () => {
    const resource = (mimeType: string) => ({ type: 'resource', resource: { uri: 'a', mimeType, blob: png.data } });
    expect(answer({ content: [resource('Image/PNG')] }).body).toBe('"https://tools.example/files/1"');
    const { body, kept } = answer({ content: [resource('application/pdf')] });
    expect([body, kept]).toEqual([`"data:application/pdf;base64,${png.data}"`, []]);
  });

  test('what cannot be kept stays a data URI', () => {
    expect(answer({ content: [png] }, undefined, false).body).toBe(`"data:image/jpeg;base64,${png.data}"`);
    const empty = answer({ content: [{ ...png, data: '' }] });
    expect([empty.body, empty.kept]).toEqual(['"data:image/jpeg;base64,"', []]);
  });

  test.each(['application/vnd.mcp+json', 'image/*'])('nothing is kept for Accept: %s', (accept) => {
    expect(answer({ content: [png] }, accept).kept).toEqual([]);
  });

  test('the whole result is not rewritten', () => {
    const raw = { content: [png, text('x')] };
    expect(answer(raw, 'application/vnd.mcp+json').body).toBe(JSON.stringify(raw));
  });

  test('nothing is kept where structured content is the value, or the tool failed', () => {
    expect(answer({ content: [png], structuredContent: { a: 1 } })).toEqual({ body: '{"a":1}', kept: [] });
    expect(() => answer({ content: [png], isError: true })).toThrow('The tool failed');
  });
});

describe('the bytes of one image', () => {
  test('are given the type that they are, whatever the server claims', () => {
    const result = { content: [png], isError: false, raw: { content: [png] } };
    const { contentType } = toHttpAnswer(result, { hasOutputSchema: false, accept: 'image/*' });
    expect(contentType).toBe('image/png');
  });
});
