import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { UnsupportedMediaTypeError } from '../../errors.ts';

/** What comes out at a time: each piece costs a turn of the event loop. */
const OPTIONS = { chunkSize: 64 * 1024 };

/** A stream that decompresses. Throws `UnsupportedMediaTypeError`. */
export function createDecompressor(encoding: string): Transform {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(OPTIONS);
    case 'deflate':
      return createInflate(OPTIONS);
    case 'br':
      return createBrotliDecompress(OPTIONS);
    default:
      throw new UnsupportedMediaTypeError('The body may be compressed with gzip, deflate or br only.');
  }
}
