import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { messageOf } from '../errors.ts';
import { SourceError } from './source-error.ts';

const TIMEOUT_MS = 5_000;
/** Vault's own limit for a request is 32 MB; a secret is small. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface JsonRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object | undefined;
  /** Certificate authorities (PEM) in place of the system's. */
  readonly ca?: string | undefined;
}

export interface JsonAnswer {
  readonly status: number;
  /** `undefined`: the answer is not JSON. */
  readonly body: unknown;
}

/** Sends one request; redirects are not followed. Rejects with a temporary `SourceError` without the URL's secrets. */
export async function requestJson(url: URL, options: JsonRequest): Promise<JsonAnswer> {
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  const { method, body, ca } = options;
  const content = body === undefined ? undefined : JSON.stringify(body);
  const headers = { ...options.headers, ...(content && { 'content-type': 'application/json' }) };
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(new SourceError(`cannot be reached (${reasonOf(error)})`, true));
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const sent = request(url, { method, headers, signal, ...(ca && { ca }) }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) response.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.on('error', fail);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString('utf8')) }),
      );
    });
    sent.on('error', fail);
    sent.end(content);
  });
}

function reasonOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError' || name === 'AbortError') return `no answer within ${TIMEOUT_MS / 1_000} s`;
  return typeof code === 'string' ? code : messageOf(error);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
