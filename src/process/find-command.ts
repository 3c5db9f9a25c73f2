import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, extname, isAbsolute, join, resolve } from 'node:path';

export interface CommandSearch {
  /** The `PATH` that the child process will have. */
  readonly path: string | undefined;
  /** Windows only: `PATHEXT`. */
  readonly pathExtensions?: string | undefined;
  readonly cwd: string | undefined;
  /** This system's if not given. */
  readonly platform?: NodeJS.Platform;
}

/** The file that a command starts, found as the operating system finds it, or `undefined`. */
export function findCommand(
  command: string,
  { path = '', pathExtensions, cwd = '.', platform = process.platform }: CommandSearch,
): string | undefined {
  const isWindows = platform === 'win32';
  const isPath = command.includes('/') || (isWindows && command.includes('\\'));
  const names = isWindows ? withExtensions(command, pathExtensions) : [command];
  for (const folder of isPath ? [''] : path.split(delimiter)) {
    for (const name of names) {
      // An empty entry of PATH is the current folder.
      const file = isAbsolute(name) ? name : resolve(cwd, join(folder, name));
      if (isProgram(file, isWindows)) return file;
    }
  }
  return undefined;
}

function withExtensions(command: string, pathExtensions = '.COM;.EXE;.BAT;.CMD'): readonly string[] {
  const extensions = pathExtensions.split(';').filter((extension) => extension !== '');
  const hasExtension = extensions.some((extension) => extension.toLowerCase() === extname(command).toLowerCase());
  return hasExtension ? [command] : extensions.map((extension) => command + extension);
}

function isProgram(file: string, isWindows: boolean): boolean {
  try {
    if (!statSync(file).isFile()) return false;
    accessSync(file, isWindows ? constants.F_OK : constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
