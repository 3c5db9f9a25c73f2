import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { ChainState } from './audit-chain.ts';
import { type AuditKeys, isMac, mac } from './audit-keys.ts';

/** What the small file beside the log holds, so that lines cut off at either end are missed. */
export interface AuditHead extends ChainState {
  /** The number of the first line in the current file. */
  readonly first: number;
}

export type FoundHead =
  | { readonly kind: 'found'; readonly head: AuditHead }
  | { readonly kind: 'missing' }
  | { readonly kind: 'forged' };

/** Always written whole and in place, which takes no room on a full disk. */
const HEAD_BYTES = 256;

const headSchema = z.object({ first: z.int(), seq: z.int(), hmac: z.string().max(43), mac: z.string() });

export function headFileOf(file: string): string {
  return `${file}.head`;
}

/** Reads the head of a log; `forged` is one that its key did not make. Throws the system's error when it is not readable. */
export async function readHead(file: string, keys: AuditKeys): Promise<FoundHead> {
  const text = await readFile(headFileOf(file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return { kind: 'missing' };
  const parsed = headSchema.safeParse(parseJson(text));
  if (!parsed.success || !isMac(keys.head, signedText(parsed.data), parsed.data.mac)) return { kind: 'forged' };
  const { first, seq, hmac } = parsed.data;
  return { kind: 'found', head: { first, seq, hmac } };
}

export async function writeHead(file: string, head: AuditHead, keys: AuditKeys): Promise<void> {
  const text = JSON.stringify({ ...head, mac: mac(keys.head, signedText(head)) });
  const handle = await open(headFileOf(file), constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    await handle.write(`${text.padEnd(HEAD_BYTES - 1)}\n`, 0);
  } finally {
    await handle.close();
  }
}

function signedText({ first, seq, hmac }: AuditHead): string {
  return `${first}:${seq}:${hmac}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
