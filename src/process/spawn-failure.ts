import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SessionOpenError } from '../errors.ts';

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
  switch (code) {
    case 'ENOENT':
      return new SessionOpenError(
        'its command was not found',
        `${name} ${isPath ? 'does not exist' : 'is not on PATH'}`,
      );
    case 'EACCES':
    case 'EPERM':
      return new SessionOpenError(`its command may not be executed (${code})`, name);
    case 'ENOEXEC':
      return new SessionOpenError('its command is not a program that this system can run', name);
    case 'E2BIG':
      return new SessionOpenError('the arguments and environment of its command are too large', name);
    case 'ERR_INVALID_ARG_VALUE':
      return new SessionOpenError('the arguments or environment of its command hold a NUL character', name);
    default:
      return new SessionOpenError(`its command could not be started (${code})`, name);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
