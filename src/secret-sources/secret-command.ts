import { spawn } from 'node:child_process';
import type { SecretSourceSettings } from '../config/secret-source-variables.ts';
import { codeOf } from '../key-file.ts';
import { SourceError } from './source-error.ts';

const TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

/**
 * What a command prints. It runs without a shell, in a process group of its own, with few variables; what it writes to
 * standard error is not read, as it may be a secret. Rejects with `SourceError`.
 */
export async function runSecretCommand(
  words: readonly string[],
  { environment, opEnvironment }: SecretSourceSettings['commands'],
): Promise<string> {
  const [program = '', ...args] = words;
  const env = { ...environment, ...(/(^|\/)op$/.test(program) && opEnvironment) };
  return new Promise((resolve, reject) => {
    const fail = (message: string, isTemporary: boolean) =>
      reject(new SourceError(`${program} ${message}`, isTemporary));
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'ignore'], detached: true, windowsHide: true });
    const end = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => {
      fail(`did not end within ${TIMEOUT_MS / 1_000} s`, true);
      end();
    }, TIMEOUT_MS);
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_OUTPUT_BYTES) return void chunks.push(chunk);
      fail(`printed more than ${MAX_OUTPUT_BYTES / 1024} kB`, false);
      end();
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      fail(`cannot be run (${codeOf(error)})`, false);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
      else fail(`ended with ${code === null ? `signal ${signal}` : `code ${code}`}; run it by hand to see why`, true);
    });
  });
}
