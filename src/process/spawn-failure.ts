import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SessionOpenError } from '../errors.ts';

/**
 * Says why a command could not be started. The platform's own error is dropped, not kept as the cause: it carries all
 * arguments and the environment.
 */
export async function toSpawnFailure(
  error: unknown,
  { command, cwd }: { readonly command: string; readonly cwd: string | undefined },
): Promise<SessionOpenError> {
  const code = String((error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown error');
  if (cwd !== undefined && !(await isDirectory(cwd))) {
    return new SessionOpenError('its working directory (cwd) does not exist or is no directory');
  }
  const isPath = command.includes('/') || command.includes('\\');
  const name = JSON.stringify(isPath ? basename(command) : command);
  switch (code) {
    case 'ENOENT':
      return new SessionOpenError(isPath ? `command ${name} does not exist` : `command ${name} was not found on PATH`);
    case 'EACCES':
    case 'EPERM':
      return new SessionOpenError(`command ${name} may not be executed (${code})`);
    case 'ENOEXEC':
      return new SessionOpenError(`command ${name} is no program that this system can run`);
    case 'E2BIG':
      return new SessionOpenError(`the arguments and environment of command ${name} are too large`);
    case 'ERR_INVALID_ARG_VALUE':
      return new SessionOpenError(`the arguments or environment of command ${name} hold a NUL character`);
    default:
      return new SessionOpenError(`command ${name} could not be started (${code})`);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
