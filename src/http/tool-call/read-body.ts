import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import {
  BodyTooLargeError,
  CallCancelledError,
  InvalidArgumentsError,
  ServerUnavailableError,
  UnsupportedMediaTypeError,
} from '../../errors.ts';
import { shareOfOne } from '../../turns/fair-turns.ts';

/** What comes out at a time: each piece costs a turn of the event loop. */
const CHUNK_BYTES = 64 * 1024;

/** Opens a stream that decompresses. */
const DECOMPRESSORS: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', () => createGunzip({ chunkSize: CHUNK_BYTES })],
  ['x-gzip', () => createGunzip({ chunkSize: CHUNK_BYTES })],
  ['deflate', () => createInflate({ chunkSize: CHUNK_BYTES })],
  ['br', () => createBrotliDecompress({ chunkSize: CHUNK_BYTES })],
]);

/** Bytes of each body that are not counted: small calls are accepted whatever the large ones take. */
const FREE_BYTES = 16 * 1024;
const RETRY_AFTER_SECONDS = 2;
const NO_BODY = Buffer.alloc(0);

/**
 * Bounds the bytes of all request bodies that the process holds at once, from their first byte to the end of the call:
 * of one caller, all but a quarter.
 */
export class BodyBudget {
  readonly #maxBytes: number;
  readonly #heldBy = new Map<string, number>();
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that count now. */
  get held(): number {
    return this.#held;
  }

  /** Throws `ServerUnavailableError` if so many more bytes are too many now. */
  assertFits(callerId: string, bytes: number): void {
    const ofCaller = (this.#heldBy.get(callerId) ?? 0) + bytes;
    if (this.#held + bytes <= this.#maxBytes && ofCaller <= shareOfOne(this.#maxBytes)) return;
    const message = 'Too many large request bodies are being handled. Try again later.';
    throw new ServerUnavailableError(message, RETRY_AFTER_SECONDS);
  }

  /** Counts `bytes` more, or fewer if negative. */
  add(callerId: string, bytes: number): void {
    this.#held += bytes;
    const ofCaller = (this.#heldBy.get(callerId) ?? 0) + bytes;
    if (ofCaller > 0) this.#heldBy.set(callerId, ofCaller);
    else this.#heldBy.delete(callerId);
  }
}

/** What one request's body takes of the budget. To be released when the request is done with. */
export class HeldBody {
  readonly #budget: BodyBudget;
  readonly #callerId: string;
  #counted = 0;

  constructor(budget: BodyBudget, callerId: string) {
    this.#budget = budget;
    this.#callerId = callerId;
  }

  /** Throws `ServerUnavailableError` if a body of so many bytes could not be held now. */
  expect(bytes: number): void {
    if (bytes > FREE_BYTES) this.#budget.assertFits(this.#callerId, bytes - FREE_BYTES);
  }

  /** The body has grown to so many bytes. Throws `ServerUnavailableError` if those are too many now. */
  grow(bytes: number): void {
    const more = bytes - FREE_BYTES - this.#counted;
    if (more <= 0) return;
    this.#budget.assertFits(this.#callerId, more);
    this.#budget.add(this.#callerId, more);
    this.#counted += more;
  }

  release(): void {
    if (this.#counted > 0) this.#budget.add(this.#callerId, -this.#counted);
    this.#counted = 0;
  }
}

/**
 * Reads a request's body whole, decompressed. `maxBytes` bounds what is read and what comes out of it, while it comes;
 * both count for `held`.
 * Throws `BodyTooLargeError`, `UnsupportedMediaTypeError`, `CallCancelledError` when the caller leaves midway, and
 * `ServerUnavailableError` while bodies of others leave no room for this one.
 */
export async function readBody(request: IncomingMessage, maxBytes: number, held?: HeldBody): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const decompress = DECOMPRESSORS.get(encoding);
  if (decompress === undefined && encoding !== 'identity') {
    throw new UnsupportedMediaTypeError('The body may be compressed with gzip, deflate or br only.');
  }
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  held?.expect(announced);
  if (decompress === undefined) return collect(request, request, maxBytes, held);
  return collectDecompressed(request, decompress(), { encoding, maxBytes, held });
}

interface Decompression {
  readonly encoding: string;
  readonly maxBytes: number;
  readonly held: HeldBody | undefined;
}

/** Chunk by chunk, so that no more is decompressed than is kept. */
async function collectDecompressed(
  request: IncomingMessage,
  stream: Transform,
  { encoding, maxBytes, held }: Decompression,
): Promise<Buffer> {
  let length = 0;
  const limited = new Promise<never>((_resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) reject(tooLarge(maxBytes));
    });
    stream.on('error', () => {
      const msg = `The body is not valid ${encoding} data`;
      reject(new InvalidArgumentsError([{ type: 'json_invalid', loc: ['body'], msg }]));
    });
  });
  try {
    // An empty body is none, whatever it is said to be compressed with.
    const ended = new Promise<Buffer>((resolve) => {
      request.once('end', () => {
        if (length === 0) resolve(NO_BODY);
      });
    });
    request.pipe(stream);
    return await Promise.race([limited, ended, collect(stream, request, maxBytes, held)]);
  } finally {
    request.unpipe(stream);
    request.removeAllListeners('data');
    request.resume();
    stream.destroy();
  }
}

/** What comes out of `source`, which is the request itself or is fed by it. */
function collect(
  source: Readable,
  request: IncomingMessage,
  maxBytes: number,
  held: HeldBody | undefined,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const refuse = (error: unknown) => {
      source.removeAllListeners('data');
      source.resume();
      chunks.length = 0;
      reject(error);
    };
    source.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) {
        refuse(tooLarge(maxBytes));
        return;
      }
      try {
        held?.grow(length);
        chunks.push(chunk);
      } catch (error) {
        refuse(error);
      }
    });
    source.on('end', () => resolve(chunks.length === 1 ? (chunks[0] ?? NO_BODY) : Buffer.concat(chunks)));
    request.on('error', () => reject(new CallCancelledError('The caller left before the body was whole.')));
    request.on('close', () => {
      if (!request.complete) reject(new CallCancelledError('The caller left before the body was whole.'));
    });
  });
}

function tooLarge(maxBytes: number): BodyTooLargeError {
  return new BodyTooLargeError(`The body is larger than the ${maxBytes} bytes that are accepted.`);
}
