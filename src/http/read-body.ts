import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { BodyTooLargeError, CallCancelledError, InvalidArgumentsError, UnsupportedMediaTypeError } from '../errors.ts';

const DECOMPRESSORS = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
]);

const NO_BODY = Buffer.alloc(0);

/**
 * Reads a request's body whole, decompressed. `maxBytes` bounds what is read and, again, what comes out of it.
 * Throws `BodyTooLargeError`, `UnsupportedMediaTypeError`, `CallCancelledError` when the caller leaves midway.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const decompress = DECOMPRESSORS.get(encoding);
  if (decompress === undefined && encoding !== 'identity') {
    throw new UnsupportedMediaTypeError('The body may be compressed with gzip, deflate or br only.');
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const body = await collect(request, maxBytes);
  if (decompress === undefined || body.length === 0) return body;
  try {
    return await decompress(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
    throw new InvalidArgumentsError([
      { type: 'json_invalid', loc: ['body'], msg: `The body is not valid ${encoding} data` },
    ]);
  }
}

function collect(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) chunks.push(chunk);
      else {
        request.removeAllListeners('data');
        request.resume();
        reject(tooLarge(maxBytes));
      }
    });
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] ?? NO_BODY) : Buffer.concat(chunks)));
    request.on('error', () => reject(new CallCancelledError('The caller left before the body was whole.')));
    request.on('close', () => {
      if (!request.complete) reject(new CallCancelledError('The caller left before the body was whole.'));
    });
  });
}

function tooLarge(maxBytes: number): BodyTooLargeError {
  return new BodyTooLargeError(`The body is larger than the ${maxBytes} bytes that are taken.`);
}
