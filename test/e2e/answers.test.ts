import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, type Service, startService, test, waitFor } from './harness.ts';

const pixelStart = 'data:image/png;base64,iVBORw0KGgo';
let service: Service;

beforeAll(async () => {
  service = await startService({ servers: { answers: fixture('answers.js') } });
});

interface Detail {
  readonly detail: { readonly message: string; readonly data?: unknown };
}

describe('a value is unwrapped as mcpo does it', () => {
  // The text of the body, as the digits must be kept too.
  const rows: [tool: string, body: string | RegExp][] = [
    ['text', '"hello"'],
    ['json_text', '{"a":1}'],
    ['big_integer', '12345678901234567890'],
    ['float', '{"x":1.0}'],
    ['almost_json', '"{\\"a\\":1"'],
    ['several', '["one",{"two":2},3.0]'],
    ['nothing', '[]'],
    ['image', new RegExp(`^"${pixelStart}[^"]+"$`)],
    ['image_and_text', new RegExp(`^\\["${pixelStart}[^"]+","a pixel"\\]$`)],
    ['audio', '"data:audio/wav;base64,UklGRg=="'],
    ['embedded_text', '"inside"'],
    ['embedded_blob', new RegExp(`^"${pixelStart}[^"]+"$`)],
    ['structured', '{"degrees":21.5,"from":"structuredContent"}'],
    ['structured_undeclared', '"the text"'],
  ];
  for (const [tool, body] of rows) {
    test(`${tool} → ${body}`, async () => {
      const answer = await service.call('answers', tool, {});
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toMatch(/^application\/json\b/);
      if (typeof body === 'string') expect(answer.text).toBe(body);
      else expect(answer.text).toMatch(body);
    });
  }

  test('a resource link has type, URI, name and MIME type', async () => {
    const answer = await service.call('answers', 'resource_link', {});
    expect(answer.json()).toEqual({
      type: 'resource_link',
      uri: 'file:///notes.md',
      name: 'notes',
      mimeType: 'text/markdown',
    });
  });
});

describe('Accept', () => {
  test('application/vnd.mcp+json gives the whole result', async () => {
    const answer = await service.call('answers', 'image_and_text', {}, { accept: 'application/vnd.mcp+json' });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^application\/vnd\.mcp\+json\b/);
    expect(answer.json()).toMatchObject({ content: [{ type: 'image' }, { type: 'text', text: 'a pixel' }] });
  });

  test('the whole result of a structured tool holds both of its forms', async () => {
    const answer = await service.call('answers', 'structured', {}, { accept: 'application/vnd.mcp+json' });
    expect(answer.json()).toMatchObject({ structuredContent: { degrees: 21.5 }, content: [{ type: 'text' }] });
  });

  test('image/* with one image gives its bytes', async () => {
    const answer = await service.call('answers', 'image', {}, { accept: 'image/*' });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('image/png');
    expect(answer.bytes.subarray(1, 4).toString()).toBe('PNG');
  });

  test('image/* where there is no image gives the value all the same', async () => {
    const answer = await service.call('answers', 'text', {}, { accept: 'image/*, */*;q=0.1' });
    expect([answer.status, answer.text]).toEqual([200, '"hello"']);
  });
});

describe('failures', () => {
  test('isError → 500 with the text of the tool', async () => {
    const answer = await service.call('answers', 'tool_error', {});
    expect(answer.status).toBe(500);
    expect(answer.json()).toEqual({ detail: { message: 'The disk is full.' } });
  });

  const statuses: [code: number, status: number][] = [
    [-32700, 400],
    [-32600, 400],
    [-32601, 404],
    [-32602, 422],
    [-32603, 502],
    [-32000, 502],
    [1234, 502],
  ];
  for (const [code, status] of statuses) {
    test(`JSON-RPC error ${code} → ${status} with its message and data`, async () => {
      const answer = await service.call('answers', 'rpc_error', { code, message: 'no way', data: { hint: [1] } });
      expect(answer.status).toBe(status);
      expect(answer.json()).toEqual({ detail: { message: 'no way', data: { hint: [1] } } });
    });
  }

  test('a JSON-RPC error without data has none in the answer', async () => {
    const answer = await service.call('answers', 'rpc_error', { code: -32603, message: 'no way' });
    expect(answer.json()).toEqual({ detail: { message: 'no way' } });
  });
});

test('toolErrorStatus changes the status of a tool error', async () => {
  const other = await startService({ servers: { answers: fixture('answers.js', [], { toolErrorStatus: 424 }) } });
  const answer = await other.call('answers', 'tool_error', {});
  expect(answer.status).toBe(424);
  expect(answer.json()).toEqual({ detail: { message: 'The disk is full.' } });
});

test('a call past its deadline → 504, and the server hears of the cancellation', async () => {
  const other = await startService({ servers: { answers: fixture('answers.js', [], { timeoutMs: 300 }) } });
  const answer = await other.call('answers', 'slow', { ms: 60_000 });
  expect(answer.status).toBe(504);
  expect((answer.json() as Detail).detail.message).toMatch(/answers/);
  await waitFor(async () => (await slowCounts(other)).cancelled === 1, 5_000, 'the cancellation');
  expect((await other.call('answers', 'text', {})).status).toBe(200);
});

test('progress extends the deadline', async () => {
  const other = await startService({ servers: { answers: fixture('answers.js', [], { timeoutMs: 500 }) } });
  const answer = await other.call('answers', 'progress', { steps: 12, ms: 100 });
  expect([answer.status, answer.text]).toEqual([200, '"arrived"']);
});

test('a caller who goes away cancels the call', async () => {
  const before = await slowCounts(service);
  const leaving = new AbortController();
  const call = service.request('POST', '/answers/slow', {
    headers: { 'content-type': 'application/json' },
    body: '{"ms":60000}',
    signal: leaving.signal,
  });
  const gone = expect(call).rejects.toThrow(/abort/i);
  await waitFor(async () => (await slowCounts(service)).started === before.started + 1, 5_000, 'the call to run');
  leaving.abort();
  await gone;
  await waitFor(async () => (await slowCounts(service)).cancelled === before.cancelled + 1, 5_000, 'the cancellation');
});

test('a server that dies during the call → 502 that says the tool may have run; then it comes back', async () => {
  const other = await startService({ servers: { answers: fixture('answers.js'), second: fixture('answers.js') } });
  const answer = await other.call('answers', 'die', {});
  expect(answer.status).toBe(502);
  expect((answer.json() as Detail).detail.message).toMatch(/may have run/);
  expect((await other.call('second', 'text', {})).status).toBe(200);
  await waitFor(async () => (await other.call('answers', 'text', {})).status === 200, 15_000, 'the server to be back');
});

test('a result over maxResultBytes is refused alone, one of 20 MiB is delivered', async () => {
  const other = await startService({
    servers: {
      small: fixture('answers.js', [], { maxResultBytes: 1_048_576, oversizedResults: 'refuse' }),
      large: fixture('answers.js'),
    },
  });
  const refused = await other.call('small', 'bytes', { count: 2_000_000 });
  expect(refused.status).toBe(502);
  expect((refused.json() as Detail).detail.message).toMatch(/maxResultBytes|too large|larger/);
  expect((await other.call('small', 'text', {})).text).toBe('"hello"');
  const delivered = await other.call('large', 'bytes', { count: 20 * 1_048_576 });
  expect([delivered.status, delivered.text.length]).toEqual([200, 20 * 1_048_576 + 2]);
});

async function slowCounts(of: Service): Promise<{ started: number; finished: number; cancelled: number }> {
  const answer = await of.call('answers', 'slow_counts', {});
  return answer.json() as { started: number; finished: number; cancelled: number };
}
