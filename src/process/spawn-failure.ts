import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SessionOpenError } from '../errors.ts';

const REASONS = new Map([
  ['ENOENT', 'its command was not found'],
  ['EACCES', 'its command may not be executed (EACCES)'],
  ['EPERM', 'its command may not be executed (EPERM)'],
  ['ENOEXEC', 'its command is not a program that this system can run'],
  ['E2BIG', 'the arguments and environment of its command are too large'],
  ['ERR_INVALID_ARG_VALUE', 'the arguments or environment of its command hold a NUL character'],
]);

/**
 * Says why a command could not be started, and for admins which one. The platform's own error is dropped, not kept as the cause: it carries all
 * arguments and the environment.
 */
export async function toSpawnFailure(
  error: unknown,
  { command, cwd }: { readonly command: string; readonly cwd: string | undefined },
): Promise<SessionOpenError> {
  const code = String((error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown error');
  if (cwd !== undefined && !(await isDirectory(cwd))) {
    return new SessionOpenError('its working directory (cwd) does not exist or is not a folder');
  }
  const isPath = command.includes('/') || command.includes('\\');
  const name = `command ${JSON.stringify(isPath ? basename(command) : command)}`;
  const missing = isPath ? 'does not exist' : 'is not on PATH';
  const reason = REASONS.get(code) ?? `its command could not be started (${code})`;
  return new SessionOpenError(reason, code === 'ENOENT' ? `${name} ${missing}` : name);
}

function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
