import { type AnchorStore, type FoundAnchor, readAnchor } from './audit-anchor.ts';
import { type ChainLine, type ChainState, openLine } from './audit-chain.ts';
import { type FoundHead, readHead } from './audit-head.ts';
import { type AuditKeys, deriveAuditKeys } from './audit-keys.ts';
import { type FileLine, readLines } from './read-lines.ts';

export interface AuditProblem {
  readonly kind:
    | 'edited'
    | 'inserted'
    | 'deleted'
    | 'reordered'
    | 'cut'
    | 'head-missing'
    | 'head-forged'
    | 'anchor-forged'
    | 'wrong-key'
    | 'noticed-at-start';
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

interface Progress {
  lines: number;
  last: ChainLine | undefined;
  firstSeq: number | undefined;
  /** The first line of the file that the head belongs to. */
  firstSeqOfLastFile: number | undefined;
  /** The HMAC of the line that the head names. */
  hmacAtHead: string | undefined;
  readonly anchor: FoundAnchor;
  /** The HMAC of the line that the anchor names. */
  hmacAtAnchor: string | undefined;
  readonly notes: string[];
}

/** What the log itself writes when it finds at start that somebody was there. */
const FINDINGS = new Set([
  'line_not_ours',
  'lines_missing',
  'head_missing',
  'head_forged',
  'anchor_missed',
  'anchor_forged',
]);
const OWN_EVENT = Buffer.from('"event_type":"audit_log"');

/**
 * Checks the files of one log, oldest first, the current one last; up to the first thing that is wrong. What was cut
 * off at the end is known from the head beside the last file, as of the last second of its writing, and from the
 * anchor in the database, as of the last ten.
 * Throws the system's error for a file that cannot be read.
 */
export async function verifyAuditLog(
  files: readonly string[],
  masterKey: Buffer,
  anchors?: AnchorStore,
): Promise<AuditVerification> {
  const keys = deriveAuditKeys(masterKey);
  const lastFile = files.at(-1) ?? '';
  const anchor: FoundAnchor = anchors === undefined ? { kind: 'missing' } : await readAnchor(anchors, keys);
  // Before the lines: while the service writes on, there are more of them than the head says, never fewer.
  const head = await readHead(lastFile, keys);
  const progress: Progress = {
    lines: 0,
    last: undefined,
    firstSeq: undefined,
    firstSeqOfLastFile: undefined,
    hmacAtHead: undefined,
    anchor,
    hmacAtAnchor: undefined,
    notes: [],
  };
  const problem =
    (await walk(readLines(files), lastFile, head, keys, progress)) ??
    checkHead(head, lastFile, progress) ??
    checkAnchor(lastFile, progress);
  const { lines, firstSeq, last, notes } = progress;
  return { lines, firstSeq, lastSeq: last?.seq, notes, problem };
}

async function walk(
  lines: AsyncGenerator<FileLine>,
  lastFile: string,
  head: FoundHead,
  keys: AuditKeys,
  progress: Progress,
): Promise<AuditProblem | undefined> {
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    const found = next.value;
    if (!found.isComplete) {
      progress.notes.push(`${found.file}: the last line is incomplete (being written, or the service crashed).`);
      continue;
    }
    const line = openLine(found.bytes, keys.chain);
    if (line?.isAuthentic !== true) return diagnoseForeign(found, lines, head, keys, progress);
    const { last } = progress;
    if (last === undefined) {
      progress.firstSeq = line.seq;
      if (line.seq > 1)
        progress.notes.push(`${found.file} begins with entry ${line.seq}; the earlier ones were not given.`);
    } else if (line.seq !== last.seq + 1 || line.previous !== last.hmac) {
      return diagnoseGap(found, line, last, lines, keys);
    }
    const finding = readFinding(found);
    if (finding !== undefined && FINDINGS.has(finding)) {
      const message = `the service found at start that the log had been changed before this entry (${finding}).`;
      return { kind: 'noticed-at-start', file: found.file, line: found.line, message };
    }
    if (finding === 'events_lost')
      progress.notes.push(`${found.file}, line ${found.line}: events were lost before this.`);
    progress.lines += 1;
    progress.last = line;
    if (found.file === lastFile) progress.firstSeqOfLastFile ??= line.seq;
    if (head.kind === 'found' && head.head.seq === line.seq) progress.hmacAtHead = line.hmac;
    if (progress.anchor.kind === 'found' && progress.anchor.anchor.seq === line.seq) progress.hmacAtAnchor = line.hmac;
  }
  return undefined;
}

/** A line that the key did not make: changed, or put in if the next authentic line follows the one before it. */
async function diagnoseForeign(
  { file, line }: FileLine,
  rest: AsyncGenerator<FileLine>,
  head: FoundHead,
  keys: AuditKeys,
  { last, lines }: Progress,
): Promise<AuditProblem> {
  const before: ChainState | undefined = last;
  for await (const { bytes } of rest) {
    const next = openLine(bytes, keys.chain);
    if (next?.isAuthentic !== true) continue;
    const isNextOfBefore = next.previous === (before?.hmac ?? '') && next.seq === (before?.seq ?? 0) + 1;
    return isNextOfBefore
      ? { kind: 'inserted', file, line, message: 'this line was put in; the service did not write it.' }
      : { kind: 'edited', file, line, message: 'this line was changed after the service wrote it.' };
  }
  if (lines === 0 && head.kind !== 'found') {
    const message = 'no line was made with this key: it is the wrong key, or the file is no audit log.';
    return { kind: 'wrong-key', file, line, message };
  }
  return { kind: 'edited', file, line, message: 'this line was changed or put in after the service wrote the log.' };
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
  const hint = line === 1 ? ' Are the files given oldest first, and none left out?' : '';
  if (found.seq < expected) {
    const message = `entry ${found.seq} stands here though entry ${last.seq} came before: it was copied or moved.${hint}`;
    return { kind: 'inserted', file, line, message };
  }
  if (found.seq === expected) {
    return {
      kind: 'edited',
      file,
      line,
      message: `entry ${found.seq} follows another line than the one before it here.`,
    };
  }
  for await (const later of rest) {
    const one = openLine(later.bytes, keys.chain);
    if (one?.isAuthentic !== true || one.seq !== expected) continue;
    const message = `entry ${found.seq} stands before entry ${expected}, which is in line ${later.line}: lines were reordered.${hint}`;
    return { kind: 'reordered', file, line, message };
  }
  const missing = found.seq - 1 === expected ? `entry ${expected} is` : `entries ${expected} to ${found.seq - 1} are`;
  return { kind: 'deleted', file, line, message: `${missing} missing before this line.${hint}` };
}

function checkHead(found: FoundHead, file: string, progress: Progress): AuditProblem | undefined {
  const { last, lines, hmacAtHead, firstSeqOfLastFile } = progress;
  const problem = (kind: AuditProblem['kind'], message: string): AuditProblem => ({
    kind,
    file,
    line: undefined,
    message,
  });
  switch (found.kind) {
    case 'missing':
      if (lines === 0) return undefined;
      return problem('head-missing', 'its .head file is missing, so lines may have been cut off at the end.');
    case 'forged':
      if (lines === 0) return problem('wrong-key', 'its .head file was not made with this key.');
      return problem('head-forged', 'its .head file was changed, so lines may have been cut off at the end.');
    case 'found': {
      const { first, seq, hmac } = found.head;
      const lastSeq = last?.seq ?? first - 1;
      if (seq > lastSeq) return problem('cut', `entries ${lastSeq + 1} to ${seq} were cut off at the end.`);
      const isOfThisFile = firstSeqOfLastFile !== undefined && seq >= firstSeqOfLastFile;
      if (isOfThisFile && first < firstSeqOfLastFile) {
        return problem('deleted', `entries ${first} to ${firstSeqOfLastFile - 1} were cut off at the beginning.`);
      }
      if (hmacAtHead === undefined || hmacAtHead === hmac) return undefined;
      return problem('edited', `entry ${seq} is not the one that the .head file names.`);
    }
  }
}

/** The database's own memory of how far the log goes, which is not lost with the folder of the log. */
function checkAnchor(file: string, { anchor: found, last, hmacAtAnchor }: Progress): AuditProblem | undefined {
  const problem = (kind: AuditProblem['kind'], message: string): AuditProblem => ({
    kind,
    file,
    line: undefined,
    message,
  });
  if (found.kind === 'missing') return undefined;
  if (found.kind === 'forged') {
    return problem('anchor-forged', "the log's anchor in the database was not made with this key.");
  }
  const { seq, hmac } = found.anchor;
  const lastSeq = last?.seq ?? 0;
  if (seq > lastSeq) {
    return problem('cut', `entries ${lastSeq + 1} to ${seq} are missing at the end, as the database knows.`);
  }
  if (hmacAtAnchor === undefined || hmacAtAnchor === hmac) return undefined;
  return problem('edited', `entry ${seq} is not the one that the database knows.`);
}

/** What the log said of itself in this line, if it did. */
function readFinding({ bytes }: FileLine): string | undefined {
  if (!bytes.includes(OWN_EVENT)) return undefined;
  const event: unknown = JSON.parse(bytes.toString('utf8'));
  if (typeof event !== 'object' || event === null || !('event_type' in event) || !('action' in event)) return undefined;
  return event.event_type === 'audit_log' ? String(event.action) : undefined;
}
