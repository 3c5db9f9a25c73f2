import { describe, expect, test } from '@jest/globals';
import { displayableType, imageType } from '../../../src/mcp/result-media.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const bitmap = Buffer.concat([bytes('BM'), Buffer.alloc(12), Buffer.from([40, 0, 0, 0]), Buffer.alloc(40)]);

describe('image type', () => {
  test.each([
    ['image/png', bytes('\x89PNG\r\n\x1a\n\0\0\0\rIHDR')],
    ['image/jpeg', bytes('\xff\xd8\xff\xe0\0\x10JFIF')],
    ['image/gif', bytes('GIF87a\x01\0')],
    ['image/gif', bytes('GIF89a\x01\0')],
    ['image/webp', bytes('RIFF\x10\0\0\0WEBPVP8 ')],
    ['image/avif', bytes('\0\0\0\x1cftypavif\0\0\0\0mif1miaf')],
    ['image/avif', bytes('\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf')],
    ['image/bmp', bitmap],
    [undefined, bytes('RIFF\x10\0\0\0WAVEfmt ')],
    [undefined, bytes('\0\0\0\x18ftypmp42\0\0\0\0mp42isom')],
    [undefined, bytes('BM is how this text begins, by chance')],
    [undefined, bytes('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    [undefined, bytes(' \x89PNG\r\n\x1a\n')],
    [undefined, bytes('\x89PN')],
    [undefined, Buffer.alloc(0)],
  ])('%s', (type, file) => {
    expect(imageType(file)).toBe(type);
  });
});

describe('displayable type', () => {
  const png = bytes('\x89PNG\r\n\x1a\n');
  const other = bytes('anything');
  test.each([
    [png, 'text/html', 'image/png'],
    [png, 'audio/wav', 'image/png'],
    [png, undefined, 'image/png'],
    [other, 'image/png', undefined],
    [other, 'text/html', undefined],
    [other, 'image/svg+xml', undefined],
    [other, 'audio/mpeg', 'audio/mpeg'],
    [other, 'Audio/OGG; codecs=opus', 'audio/ogg'],
    [other, 'audio/x+xml', undefined],
    [other, 'audio/wav\r\nX: y', undefined],
    [other, 'text/html;audio/wav', undefined],
    [other, 7, undefined],
  ])('%s claimed to be %s is %s', (file, claimed, type) => {
    expect(displayableType(file, claimed)).toBe(type);
  });
});
