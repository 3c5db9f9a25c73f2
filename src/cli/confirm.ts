import { createInterface } from 'node:readline/promises';

/**
 * Asks a question on the terminal; `true` for y or yes. `undefined` where nobody can be asked: standard input is not a
 * terminal.
 */
export async function confirm(question: string): Promise<boolean | undefined> {
  if (process.stdin.isTTY !== true) return undefined;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const leaving = new AbortController();
  prompt.once('SIGINT', () => leaving.abort());
  prompt.once('close', () => leaving.abort());
  try {
    const answer = await prompt.question(`${question} [y/N] `, { signal: leaving.signal });
    return /^\s*y(es)?\s*$/i.test(answer);
  } catch {
    process.stderr.write('\n');
    return false;
  } finally {
    prompt.close();
  }
}
