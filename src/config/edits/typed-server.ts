import { EditRefusedError } from '../../errors.ts';

/** What the form for one server sends; lists have one item a line. */
export interface TypedServer {
  readonly url: string;
  readonly headers: string;
  readonly command: string;
  readonly args: string;
  readonly env: string;
}

/** The entry for a form. Throws `EditRefusedError` with the line that cannot be read. */
export function readTyped({ url, headers, command, args, env }: TypedServer): Readonly<Record<string, unknown>> {
  if ((url === '') === (command === '')) {
    throw new EditRefusedError('Enter either the URL of a server or the command that starts one.');
  }
  if (url !== '') {
    const pairs = readPairs(headers, ':', 'A header is written as "Name: value"');
    return { url, ...(pairs.length > 0 && { headers: Object.fromEntries(pairs) }) };
  }
  const pairs = readPairs(env, '=', 'A variable is written as NAME=value');
  // A whole command line without quotes has its arguments after the first space.
  const [program = '', ...words] = args === '' && !/["'\\]/.test(command) ? command.split(/\s+/) : [command];
  const all = [...words, ...linesOf(args)];
  return {
    command: program,
    ...(all.length > 0 && { args: all }),
    ...(pairs.length > 0 && { env: Object.fromEntries(pairs) }),
  };
}

function readPairs(text: string, mark: string, rule: string): [string, string][] {
  return linesOf(text).map((line, index) => {
    const at = line.indexOf(mark);
    if (at < 1) throw new EditRefusedError(`${rule}, one a line; line ${index + 1} is not.`);
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  });
}

function linesOf(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
