import { constants } from 'node:fs';
import { access, open, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { type ChainState, type Found, openState, signState } from './audit-chain.ts';
import type { AuditKeys } from './audit-keys.ts';

const DAY_MS = 24 * 3_600_000;
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
  const parsed = headSchema.safeParse(parseJson(text));
  if (!parsed.success) return { kind: 'forged' };
  const { mac, ...head } = parsed.data;
  return openState(head.first, head, mac, keys);
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The first free name for the lines of a day: `<file>.2025-12-31`, `<file>.2025-12-31.1` and so on. */
export async function rotatedName(file: string, day: string): Promise<string> {
  for (let count = 0; ; count += 1) {
    const name = count === 0 ? `${file}.${day}` : `${file}.${day}.${count}`;
    const isFree = await access(name).then(
      () => false,
      () => true,
    );
    if (isFree) return name;
  }
}

/**
 * Removes the files that the log itself rotated and whose day is more than `retentionDays` ago; returns their names
 * without folder, oldest first. Files of other programs are left alone: they are not named this way.
 */
export async function removeOldFiles(file: string, retentionDays: number, now: number): Promise<readonly string[]> {
  const folder = dirname(file);
  const prefix = `${basename(file)}.`;
  const removed: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const suffix = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    const day = /^(\d{4}-\d{2}-\d{2})(?:\.\d{1,6})?$/.exec(suffix)?.[1];
    const endOfDay = Date.parse(`${day}T00:00:00Z`) + DAY_MS;
    if (!(now - endOfDay >= retentionDays * DAY_MS)) continue;
    await rm(join(folder, name));
    removed.push(name);
  }
  return removed;
}
