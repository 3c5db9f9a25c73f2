import { z } from 'zod';
import type { TableName } from '../db/snapshot.ts';

/**
 * A backup is a file of age (https://age-encryption.org/v1) around lines of JSON, one record each: a header, keys, rows,
 * files in pieces, and an end that counts them.
 */
const FORMAT = 'mcpo-ts backup';
const FORMAT_VERSION = 1;

/** What a backup holds of the database, in the order in which it is written. */
export const backedUpTables = [
  'vault_keys',
  'secrets',
  'user_profiles',
  'identity_links',
  'erasure_keys',
  'erased_users',
  'verified_emails',
  'api_keys',
  'tool_uses',
  'refused_credentials',
  'audit_anchors',
  'revisions',
  'catalogues',
] as const satisfies readonly TableName[];

export type BackedUpTable = (typeof backedUpTables)[number];

/** Longer ones are refused: nothing that is stored, but for a list of tools, is longer than some kB. */
export const MAX_LINE_BYTES = 32 * 1024 * 1024;
/** Of a file, in one record. */
export const PIECE_BYTES = 96 * 1024;

const count = z.int().nonnegative();
/** Nothing that a terminal would obey. */
const plainText = z
  .string()
  .max(4096)
  .regex(/^[^\p{Cc}\p{Cf}\u2028\u2029]*$/u);
const migrationName = z.string().regex(/^[\w-]{1,100}$/);
/** One step, so that it leads out of no folder. */
const fileName = z.string().regex(/^(?!\.{1,2}$)[\w.@+-]{1,150}$/);

const headerSchema = z.strictObject({
  kind: z.literal('header'),
  format: z.literal(FORMAT),
  formatVersion: z.literal(FORMAT_VERSION),
  createdAt: count.max(8.64e15),
  /** Of mcpo-ts. */
  version: z.string().regex(/^[\w.+-]{1,64}$/),
  engine: z.enum(['SQLite', 'PostgreSQL']),
  migrations: z.array(migrationName).min(1).max(1000),
});

const keySchema = z.strictObject({
  kind: z.literal('key'),
  name: z.enum(['vault', 'audit']),
  /** As in the key file. */
  text: z.string().min(1).max(65_536),
});

const rowSchema = z.strictObject({
  kind: z.literal('row'),
  table: z.enum(backedUpTables),
  values: z.record(z.string(), z.union([z.string(), z.int(), z.null()])),
});

const fileSchema = z.strictObject({
  kind: z.literal('file'),
  folder: z.enum(['config', 'audit-log']),
  name: fileName,
  /** Where it was. */
  path: plainText,
  bytes: count,
});

const pieceSchema = z.strictObject({ kind: z.literal('piece'), base64: z.base64().max(2 * PIECE_BYTES) });

const endSchema = z.strictObject({
  kind: z.literal('end'),
  /** By table. */
  rows: z.partialRecord(z.enum(backedUpTables), count),
  files: count,
  /** Values that the keys did not decrypt when the backup was made. */
  unreadable: count,
  /** Of all lines before this one, with their line ends; lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const recordSchema = z.discriminatedUnion('kind', [
  headerSchema,
  keySchema,
  rowSchema,
  fileSchema,
  pieceSchema,
  endSchema,
]);

export type BackupRecord = z.infer<typeof recordSchema>;
export type BackupHeader = z.infer<typeof headerSchema>;
export type BackupFile = z.infer<typeof fileSchema>;
export type BackupEnd = z.infer<typeof endSchema>;

/** The first record of a backup. */
export function createHeader(facts: Omit<BackupHeader, 'kind' | 'format' | 'formatVersion'>): BackupHeader {
  return { kind: 'header', format: FORMAT, formatVersion: FORMAT_VERSION, ...facts };
}

/** The record of one line. Throws `SyntaxError` or zod's error. */
export function parseRecord(line: string): BackupRecord {
  return recordSchema.parse(JSON.parse(line));
}

/** A name for a file of this path, which leads out of no folder: its last step without unusual characters. */
export function toFileName(path: string): string {
  const name = (path.split(/[\\/]/).at(-1) ?? '').replaceAll(/[^\w.@+-]/g, '_').slice(-100);
  return /^\.{0,2}$/.test(name) ? '_' : name;
}
