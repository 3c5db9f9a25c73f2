import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test } from './harness.ts';

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const text = (value: string) => ({ type: 'text', text: value });
const mcp = { accept: 'application/vnd.mcp+json' };

describe('results', () => {
  let service: Service;
  const answer = (server: string, result: object, headers = {}, tool = 'answer') =>
    service.call(server, tool, { result }, headers);
  beforeAll(async () => {
    const redactResults = ['emails', 'keys', { name: 'customer', pattern: '\\bC-\\d{6}\\b' }];
    service = await startService({
      servers: {
        small: fixture('obedient.js', [], { maxResultBytes: 1_000 }),
        strict: fixture('obedient.js', [], { maxResultBytes: 1_000, oversizedResults: 'refuse' }),
        clean: fixture('obedient.js', [], { redactResults, maxResultBytes: 1_000 }),
      },
    });
  }, 60_000);

  test('that are too large are cut, with a sentence that says how to ask for less', async () => {
    const cut = await answer('small', { content: [text('ü'.repeat(2_000))] });
    const sentence =
      '[The result has 4002 bytes, and 1000 are allowed. This is its beginning. Ask for less, or for another part, with "max_results", "cursor".]';
    expect([cut.status, cut.json()]).toEqual([200, `${'ü'.repeat(499)}\n\n${sentence}`]);
    const fits = await answer('small', { content: [text('x'.repeat(998))] });
    expect(fits.json()).toBe('x'.repeat(998));
  });

  test('that are structured or JSON become a text, in either form of the answer', async () => {
    const list = { items: Array(100).fill('twenty characters ab') };
    const structured = { content: [text(JSON.stringify(list))], structuredContent: list };
    for (const tool of ['answer', 'answer_structured']) {
      const cut = await answer('small', structured, {}, tool);
      expect(cut.json()).toEqual(expect.stringMatching(/^\{"items":\["twenty[\s\S]*\[The result has \d+ bytes/));
      const whole = (await answer('small', structured, mcp, tool)).json() as Record<string, unknown>;
      expect(Object.keys(whole)).toEqual(['content']);
      expect(JSON.stringify(whole).length).toBeLessThan(1_500);
    }
  });

  test('have their images whole or not at all', async () => {
    const image = { type: 'image', data: png, mimeType: 'image/png' };
    const kept = await answer('small', { content: [image, text('x'.repeat(2_000))] });
    expect(kept.json()).toEqual([`data:image/png;base64,${png}`, expect.stringContaining('This is its beginning.')]);
    const left = await answer('small', {
      content: [{ ...image, data: Buffer.alloc(1_500).toString('base64') }, text('small')],
    });
    expect(left.json()).toEqual(['small', expect.stringContaining('1 of 2 items is left out.')]);
  });

  test('are refused where that is wanted, with the same advice', async () => {
    const refused = await answer('strict', { content: [text('x'.repeat(2_000))] });
    const message = expect.stringContaining('with "max_results", "cursor".');
    expect([refused.status, refused.json()]).toEqual([502, { detail: { message, code: 'result_too_large' } }]);
    expect((await answer('strict', { content: [text('x')] })).json()).toBe('x');
  });

  test('are redacted: texts, structured content, errors, in either form of the answer', async () => {
    const mail = 'ann@example.org';
    expect((await answer('clean', { content: [text(`to ${mail} of C-123456`)] })).json()).toBe(
      'to [redacted: email] of [redacted: customer]',
    );
    const structuredContent = { to: mail, n: 1 };
    const result = { content: [text(JSON.stringify(structuredContent))], structuredContent };
    for (const headers of [{}, mcp]) {
      for (const tool of ['answer', 'answer_structured']) {
        const clean = await answer('clean', result, headers, tool);
        expect([clean.status, clean.text.includes(mail), clean.text.includes('[redacted: email]')]).toEqual([
          200,
          false,
          true,
        ]);
      }
    }
    const failed = await answer('clean', { content: [text(`no ${mail}`)], isError: true });
    expect([failed.status, failed.json()]).toEqual([500, { detail: { message: 'no [redacted: email]' } }]);
    const broken = await service.call('clean', 'fail', { message: `no ${mail}`, data: { mail } });
    expect([broken.status, broken.text.includes(mail)]).toEqual([502, false]);
    expect(broken.text).toContain('"data":{"mail":"[redacted: email]"}');
    const image = { type: 'image', data: png, mimeType: 'image/png' };
    expect((await answer('clean', { content: [image] }, { accept: 'image/png' })).headers['content-type']).toBe(
      'image/png',
    );
  });

  test('are redacted before they are cut', async () => {
    for (let length = 970; length < 1_010; length += 1) {
      const cut = await answer('clean', {
        content: [text(`${'x '.repeat(length / 2)}ann@example.org${' y'.repeat(50)}`)],
      });
      expect(cut.text).not.toContain('ann');
    }
  });
});
