import { expect, test } from '@jest/globals';
import { EventStreamParser, type StreamEvent } from '../../../src/mcp/event-stream-parser.ts';

function parse(text: string, chunkBytes = Number.POSITIVE_INFINITY, maxDataBytes = 1_000) {
  const events: Partial<StreamEvent>[] = [];
  const retries: number[] = [];
  const parser = new EventStreamParser({
    maxDataBytes,
    onEvent: (event) =>
      events.push(Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined))),
    onRetry: (milliseconds) => retries.push(milliseconds),
  });
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    parser.push(bytes.subarray(start, Math.min(bytes.length, start + chunkBytes)));
  }
  return { events, retries };
}

const STREAM =
  '\uFEFF: a comment\n\nevent: message\nid: 7\ndata: {"a":\ndata: 1}\n\nretry: 60\ndata:x\r\n\r\nid:8\n\nevent: lone\n\ndata\r\rdata: ✓\n\ndata: unfinished';

test.each([Number.POSITIVE_INFINITY, 1, 3])('reads every field, in chunks of %d bytes', (chunkBytes) => {
  expect(parse(STREAM, chunkBytes)).toEqual({
    events: [{ type: 'message', id: '7', data: '{"a":\n1}' }, { data: 'x' }, { id: '8' }, { data: '' }, { data: '✓' }],
    retries: [60],
  });
});

test.each([
  { name: 'one line', data: `data: HEAD${'-'.repeat(5_000)}TAIL\n\n` },
  { name: 'many lines', data: `data: HEAD\n${`data: ${'-'.repeat(50)}\n`.repeat(100)}data: TAIL\n\n` },
])('throws data away that is too long, in $name, and reads on', ({ data }) => {
  const { events } = parse(`${data}data: next\n\n`, 100);
  expect(events).toEqual([
    { longData: { head: expect.stringMatching(/^HEAD/), tail: expect.stringMatching(/TAIL$/) } },
    { data: 'next' },
  ]);
});
