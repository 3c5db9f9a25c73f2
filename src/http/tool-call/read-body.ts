import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import {
  BodyMemoryError,
  BodyTooLargeError,
  CallCancelledError,
  InvalidArgumentsError,
  ServiceError,
} from '../../errors.ts';
import { shareOfOne } from '../../turns/fair-turns.ts';
import { createDecompressor } from './decompressor.ts';

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

  /** Counts one request's body, which is to be released when the request is done with. */
  hold(callerId: string): HeldBody {
    let counted = 0;
    return {
      expect: (bytes) => this.#assertFits(callerId, bytes - FREE_BYTES - counted),
      grow: (bytes) => {
        const more = bytes - FREE_BYTES - counted;
        if (more <= 0) return;
        this.#assertFits(callerId, more);
        this.#add(callerId, more);
        counted += more;
      },
      release: () => {
        if (counted > 0) this.#add(callerId, -counted);
        counted = 0;
      },
    };
  }

  #assertFits(callerId: string, more: number): void {
    const ofCaller = (this.#heldBy.get(callerId) ?? 0) + more;
    if (more <= 0 || (this.#held + more <= this.#maxBytes && ofCaller <= shareOfOne(this.#maxBytes))) return;
    const message = 'Too many large request bodies are being handled. Try again later.';
    throw new BodyMemoryError(message, RETRY_AFTER_SECONDS);
  }

  #add(callerId: string, bytes: number): void {
    this.#held += bytes;
    const ofCaller = (this.#heldBy.get(callerId) ?? 0) + bytes;
    if (ofCaller > 0) this.#heldBy.set(callerId, ofCaller);
    else this.#heldBy.delete(callerId);
  }
}

/** What one request's body takes of the budget. */
export interface HeldBody {
  /** Throws `BodyMemoryError` if a body of so many bytes could not be held now. */
  expect(bytes: number): void;
  /** The body has grown to so many bytes. Throws `BodyMemoryError` if those are too many now. */
  grow(bytes: number): void;
  release(): void;
}

/**
 * Reads a request's body whole, decompressed. `maxBytes` bounds what is read and what comes out of it, while it comes;
 * both count for `held`.
 * Throws `BodyTooLargeError`, `UnsupportedMediaTypeError`, `InvalidArgumentsError` for data that cannot be decompressed,
 * `CallCancelledError` when the caller leaves midway, `BodyMemoryError` while bodies of others leave no room for
 * this one, and the reason of `giveUp` when that aborts before the body is whole.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  held?: HeldBody,
  giveUp?: AbortSignal,
): Promise<Buffer> {
  const announced = request.headers['content-length'];
  if (Number(announced ?? 0) > maxBytes) throw tooLarge(maxBytes);
  held?.expect(Number(announced ?? 0));
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  // An empty body is none, whatever it is said to be compressed with; one in chunks shows it at its end.
  if (encoding === 'identity' || announced === '0') return collect(request, request, maxBytes, held, giveUp);
  const decompressor = createDecompressor(encoding);
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxBytes) decompressor.destroy(tooLarge(maxBytes));
  });
  try {
    return await collect(request.pipe(decompressor), request, maxBytes, held, giveUp);
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    if (length === 0) return NO_BODY;
    const msg = `The body is not valid ${encoding} data`;
    throw new InvalidArgumentsError([{ type: 'json_invalid', loc: ['body'], msg }]);
  } finally {
    // Chunk by chunk, so that no more is decompressed than is kept.
    request.unpipe(decompressor);
    decompressor.destroy();
    drain(request);
  }
}

/** What comes out of `source`, which is the request itself or is fed by it. */
function collect(
  source: Readable,
  request: IncomingMessage,
  maxBytes: number,
  held: HeldBody | undefined,
  giveUp: AbortSignal | undefined,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Most bodies have come whole with their headers.
    if (giveUp !== undefined && !request.complete) {
      const onGivenUp = () => reject(giveUp.reason);
      giveUp.addEventListener('abort', onGivenUp);
      request.once('close', () => giveUp.removeEventListener('abort', onGivenUp));
    }
    const chunks: Buffer[] = [];
    let length = 0;
    source.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      try {
        if (length > maxBytes) throw tooLarge(maxBytes);
        held?.grow(length);
      } catch (error) {
        chunks.length = 0;
        drain(source);
        reject(error);
      }
    });
    source.on('end', () => resolve(chunks.length === 1 ? (chunks[0] ?? NO_BODY) : Buffer.concat(chunks)));
    if (source !== request) source.on('error', reject);
    request.on('error', () => reject(callerLeft()));
    request.on('close', () => {
      if (!request.complete) reject(callerLeft());
    });
  });
}

/** Reads on without keeping anything, so that the caller gets to read the answer. */
function drain(source: Readable): void {
  source.removeAllListeners('data');
  source.resume();
}

function callerLeft(): CallCancelledError {
  return new CallCancelledError('The caller left before the body was whole.');
}

function tooLarge(maxBytes: number): BodyTooLargeError {
  return new BodyTooLargeError(`The body is larger than the ${maxBytes} bytes that are accepted.`);
}
