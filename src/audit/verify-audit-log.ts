import { createReadStream } from 'node:fs';
import { CHAIN_START, type ChainLine, type ChainState, type Found, openLine } from './audit-chain.ts';
import { type AuditHead, readHead } from './audit-head.ts';
import type { AuditKeys } from './audit-keys.ts';

interface AuditProblem {
  /** One stable word, such as `edited`, `deleted` or `cut`. */
  readonly kind: string;
  readonly file: string;
  /** 1-based; `undefined` for what is wrong with a file as a whole. */
  readonly line: number | undefined;
  readonly message: string;
}

export interface AuditVerification {
  readonly lines: number;
  readonly firstSeq: number | undefined;
  readonly lastSeq: number | undefined;
  /** What is worth knowing and proves nothing wrong. */
  readonly notes: readonly string[];
  /** The first thing that is wrong. */
  readonly problem: AuditProblem | undefined;
}

/** What the walk through the lines has found so far. */
interface Progress {
  readonly keys: AuditKeys;
  readonly lastFile: string;
  readonly head: Found<AuditHead>;
  readonly anchor: Found<ChainState>;
  readonly notes: string[];
  first: ChainLine | undefined;
  firstOfLastFile: ChainLine | undefined;
  last: ChainLine | undefined;
}

interface FileLine {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** Without the line end. */
  readonly bytes: Buffer;
  /** False for what follows the last line end of a file. */
  readonly isComplete: boolean;
}

/** What the log itself records when it finds at start that it was changed. */
const FINDINGS: ReadonlySet<string> = new Set(
  'line_not_ours lines_missing head_missing head_forged anchor_missed anchor_forged'.split(' '),
);
const OWN_EVENT = Buffer.from('"event_type":"audit_log"');
const LINE_END = 0x0a;
/** Longer than any line of ours; a longer one is read in pieces. */
const MAX_LINE_BYTES = 1024 * 1024;

/**
 * Checks the files of one log, oldest first, the current one last; up to the first thing that is wrong. Lines cut off at
 * the end are known from the head beside the last file, as of its last second of writing, and from the anchor in the
 * database, as of the last ten.
 * Rejects with the system's error for a file that cannot be read.
 */
export async function verifyAuditLog(
  files: readonly string[],
  keys: AuditKeys,
  anchor: Found<ChainState> = { kind: 'missing' },
): Promise<AuditVerification> {
  const lastFile = files.at(-1) ?? '';
  // Before the lines: while the service continues writing, there are more of them than the head says, never fewer.
  const head = await readHead(lastFile, keys);
  const start = { first: undefined, firstOfLastFile: undefined, last: undefined };
  const progress: Progress = { keys, lastFile, head, anchor, notes: [], ...start };
  const problem = (await walk(readLines(files), progress)) ?? checkHead(progress) ?? checkAnchor(progress);
  const { first, last, notes } = progress;
  const lines = first === undefined || last === undefined ? 0 : last.seq - first.seq + 1;
  return { lines, firstSeq: first?.seq, lastSeq: last?.seq, notes, problem };
}

async function walk(lines: AsyncGenerator<FileLine>, progress: Progress): Promise<AuditProblem | undefined> {
  const { keys, notes, head, anchor, lastFile } = progress;
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    const { file, line: number, bytes, isComplete } = next.value;
    if (!isComplete) {
      notes.push(`${file}: the last line is incomplete (being written, or the service crashed).`);
      continue;
    }
    const line = openLine(bytes, keys.chain);
    if (line?.isAuthentic !== true) return diagnoseForeign(next.value, lines, progress);
    const { last } = progress;
    if (last === undefined && line.seq > 1) {
      notes.push(`${file} begins with entry ${line.seq}; the earlier ones were not given.`);
    }
    if (last !== undefined && (line.seq !== last.seq + 1 || line.previous !== last.hmac)) {
      return diagnoseGap(next.value, line, last, lines, keys);
    }
    const finding = readFinding(bytes) ?? '';
    if (FINDINGS.has(finding)) {
      const message = `the service found at start that the log had been changed before this entry (${finding}).`;
      return { kind: 'noticed-at-start', file, line: number, message };
    }
    if (finding === 'events_lost') notes.push(`${file}, line ${number}: events were lost before this.`);
    progress.first ??= line;
    if (file === lastFile) progress.firstOfLastFile ??= line;
    progress.last = line;
    for (const [found, where] of [
      [head, 'the .head file'],
      [anchor, 'the database'],
    ] as const) {
      const isOther = found.kind === 'found' && found.state.seq === line.seq && found.state.hmac !== line.hmac;
      const message = `entry ${line.seq} is not the one that ${where} names.`;
      if (isOther) return { kind: 'edited', file, line: number, message };
    }
  }
  return undefined;
}

/** A line that the key did not sign: changed, or inserted if the next authentic line follows the one before it. */
async function diagnoseForeign(
  { file, line }: FileLine,
  rest: AsyncGenerator<FileLine>,
  { last, head, keys }: Progress,
): Promise<AuditProblem> {
  const before: ChainState = last ?? CHAIN_START;
  for await (const { bytes } of rest) {
    const next = openLine(bytes, keys.chain);
    if (next?.isAuthentic !== true) continue;
    return next.previous === before.hmac && next.seq === before.seq + 1
      ? { kind: 'inserted', file, line, message: 'this line was inserted; the service did not write it.' }
      : { kind: 'edited', file, line, message: 'this line was changed after the service wrote it.' };
  }
  if (last === undefined && head.kind !== 'found') {
    const message = 'no line was signed with this key: it is the wrong key, or the file is not an audit log.';
    return { kind: 'wrong-key', file, line, message };
  }
  return { kind: 'edited', file, line, message: 'this line was changed or inserted after the service wrote the log.' };
}

/** An authentic line that does not follow the one before it. */
async function diagnoseGap(
  { file, line }: FileLine,
  found: ChainLine,
  last: ChainLine,
  rest: AsyncGenerator<FileLine>,
  keys: AuditKeys,
): Promise<AuditProblem> {
  const expected = last.seq + 1;
  const hint = line === 1 ? ' Are the files given oldest first, with none left out?' : '';
  const problem = (kind: string, message: string) => ({ kind, file, line, message: message + hint });
  if (found.seq < expected) {
    return problem('inserted', `entry ${found.seq} comes after entry ${last.seq}: it was copied or moved.`);
  }
  if (found.seq === expected) {
    return problem('edited', `entry ${found.seq} follows another line than the one before it here.`);
  }
  for await (const later of rest) {
    const one = openLine(later.bytes, keys.chain);
    if (one?.isAuthentic !== true || one.seq !== expected) continue;
    const message = `entry ${found.seq} comes before entry ${expected}, which is in line ${later.line}: lines were reordered.`;
    return problem('reordered', message);
  }
  const missing = found.seq - 1 === expected ? `entry ${expected} is` : `entries ${expected} to ${found.seq - 1} are`;
  return problem('deleted', `${missing} missing before this line.`);
}

function checkHead({ head, lastFile: file, last, firstOfLastFile }: Progress): AuditProblem | undefined {
  const problem = (kind: string, message: string) => ({ kind, file, line: undefined, message });
  if (head.kind === 'missing') {
    if (last === undefined) return undefined;
    return problem('head-missing', 'its .head file is missing, so lines may have been cut off at the end.');
  }
  if (head.kind === 'forged') {
    if (last === undefined) return problem('wrong-key', 'its .head file was not signed with this key.');
    return problem('head-forged', 'its .head file was changed, so lines may have been cut off at the end.');
  }
  const { first, seq } = head.state;
  const lastSeq = last?.seq ?? first - 1;
  if (seq > lastSeq) return problem('cut', `entries ${lastSeq + 1} to ${seq} were cut off at the end.`);
  const firstSeq = firstOfLastFile?.seq;
  if (firstSeq === undefined || seq < firstSeq || first >= firstSeq) return undefined;
  return problem('deleted', `entries ${first} to ${firstSeq - 1} were cut off at the beginning.`);
}

/** The database's own record of how far the log goes, which is not lost with the folder of the log. */
function checkAnchor({ anchor, lastFile: file, last }: Progress): AuditProblem | undefined {
  const problem = (kind: string, message: string) => ({ kind, file, line: undefined, message });
  if (anchor.kind === 'missing') return undefined;
  if (anchor.kind === 'forged') {
    return problem('anchor-forged', "the log's anchor in the database was not signed with this key.");
  }
  const { seq } = anchor.state;
  const lastSeq = last?.seq ?? 0;
  if (seq <= lastSeq) return undefined;
  return problem('cut', `entries ${lastSeq + 1} to ${seq} are missing at the end, according to the database.`);
}

/** The action that the log recorded about itself in this line, if it did. */
function readFinding(bytes: Buffer): string | undefined {
  if (!bytes.includes(OWN_EVENT)) return undefined;
  const event = JSON.parse(bytes.toString('utf8')) as { readonly event_type?: unknown; readonly action?: unknown };
  return event.event_type === 'audit_log' ? String(event.action) : undefined;
}

/** The lines of the files, one after the other. Throws the system's error for one that cannot be read. */
async function* readLines(files: readonly string[]): AsyncGenerator<FileLine, void, undefined> {
  for (const file of files) {
    let rest: Buffer = Buffer.alloc(0);
    let line = 0;
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let start = 0;
      for (let end = data.indexOf(LINE_END); end !== -1; end = data.indexOf(LINE_END, start)) {
        line += 1;
        yield { file, line, bytes: data.subarray(start, end), isComplete: true };
        start = end + 1;
      }
      rest = data.subarray(start);
      if (rest.length > MAX_LINE_BYTES) {
        line += 1;
        yield { file, line, bytes: rest, isComplete: true };
        rest = Buffer.alloc(0);
      }
    }
    if (rest.length > 0) yield { file, line: line + 1, bytes: rest, isComplete: false };
  }
}
