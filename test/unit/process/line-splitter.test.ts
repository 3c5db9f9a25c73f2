import { expect, test } from '@jest/globals';
import { LineSplitter, type LongLine } from '../../../src/process/line-splitter.ts';

function split(chunks: readonly (string | Buffer)[], endsAtCarriageReturn = false) {
  const lines: string[] = [];
  const long: LongLine[] = [];
  const splitter = new LineSplitter({
    maxLineBytes: 20,
    keptBytes: 4,
    endsAtCarriageReturn,
    onLine: (line) => lines.push(line),
    onLongLine: (line) => long.push(line),
  });
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return { lines, long };
}

test.each([
  { name: 'several lines in a chunk', chunks: ['a\nb\n\nc\n'], lines: ['a', 'b', '', 'c'] },
  { name: 'a line over three chunks', chunks: ['he', 'll', 'o\nx\n'], lines: ['hello', 'x'] },
  { name: 'an end without a line feed', chunks: ['a\nrest'], lines: ['a', 'rest'] },
  { name: 'CR LF', chunks: ['a\r\nb\r', '\nc'], lines: ['a', 'b', 'c'] },
  { name: 'exactly the limit', chunks: ['x'.repeat(20), '\n'], lines: ['x'.repeat(20)] },
])('$name', ({ chunks, lines }) => {
  expect(split(chunks)).toEqual({ lines, long: [] });
});

test('a character cut in two by chunks is whole again', () => {
  const bytes = Buffer.from('✓\n');
  expect(split([bytes.subarray(0, 1), bytes.subarray(1, 2), bytes.subarray(2)]).lines).toEqual(['✓']);
});

test('where a carriage return ends a line, all three ends do, wherever the chunks are cut', () => {
  const text = 'a\rb\r\nc\n\r\rd\n';
  const expected = ['a', 'b', 'c', '', '', 'd'];
  expect(split([text], true).lines).toEqual(expected);
  expect(split([...text], true).lines).toEqual(expected);
});

test('a line that is too long is thrown away but for its ends, and the next one is read', () => {
  const text = `head${'-'.repeat(50)}tail\nnext\n`;
  for (const chunks of [[text], [...text], [text.slice(0, 30), text.slice(30)]]) {
    expect(split(chunks)).toEqual({ lines: ['next'], long: [{ head: 'head', tail: 'tail' }] });
  }
});
