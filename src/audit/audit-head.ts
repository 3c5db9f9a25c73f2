import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type ChainState, type Found, openState, signState } from './audit-chain.ts';
import type { AuditKeys } from './audit-keys.ts';

/** The head is always written whole and in place, which needs no space on a full disk. */
const HEAD_BYTES = 256;

/** The content of `<file>.head`, which shows when lines were cut off at either end. */
export interface AuditHead extends ChainState {
  /** The number of the first line in the current file. */
  readonly first: number;
}

const headSchema = z.object({ first: z.int(), seq: z.int(), hmac: z.string().max(43), mac: z.string() });

/** Reads the head of a log. Rejects with the system's error when it is not readable. */
export async function readHead(file: string, keys: AuditKeys): Promise<Found<AuditHead>> {
  const text = await readFile(`${file}.head`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return { kind: 'missing' };
  try {
    const { mac, ...head } = headSchema.parse(JSON.parse(text));
    return openState(head.first, head, mac, keys);
  } catch {
    return { kind: 'forged' };
  }
}

/** Writes the head of a log. Rejects with the system's error. */
export async function writeHead(file: string, head: AuditHead, keys: AuditKeys): Promise<void> {
  const text = JSON.stringify({ ...head, mac: signState(head.first, head, keys) });
  const handle = await open(`${file}.head`, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    await handle.write(`${text.padEnd(HEAD_BYTES - 1)}\n`, 0);
  } finally {
    await handle.close();
  }
}
