import { createReadStream } from 'node:fs';

export interface FileLine {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** Without the line end. */
  readonly bytes: Buffer;
  /** False for what stands after the last line end of a file. */
  readonly isComplete: boolean;
}

const LINE_END = 0x0a;
/** Longer than any line of ours; what is longer is handed out in pieces. */
const MAX_LINE_BYTES = 1024 * 1024;

/** The lines of the files, one after the other. Throws the system's error for one that cannot be read. */
export async function* readLines(files: readonly string[]): AsyncGenerator<FileLine, void, undefined> {
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
