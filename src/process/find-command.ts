import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, extname, isAbsolute, join, resolve } from 'node:path';

export interface CommandSearch {
  /** The `PATH` that the child process will have. */
  readonly path: string | undefined;
  /** Windows only: `PATHEXT`. */
  readonly pathExtensions: string | undefined;
  readonly cwd: string | undefined;
  readonly platform: NodeJS.Platform;
}

/** The file that a command starts, found as the operating system finds it, or `undefined`. */
export function findCommand(command: string, search: CommandSearch): string | undefined {
  const cwd = resolve(search.cwd ?? '.');
  const isPath = command.includes('/') || (search.platform === 'win32' && command.includes('\\'));
  const folders = isPath ? [''] : (search.path ?? '').split(delimiter);
  for (const folder of folders) {
    for (const name of withExtensions(command, search)) {
      // An empty entry of PATH is the current folder.
      const file = isAbsolute(name) ? name : resolve(cwd, join(folder, name));
      if (isProgram(file, search.platform)) return file;
    }
  }
  return undefined;
}

function withExtensions(command: string, { platform, pathExtensions }: CommandSearch): readonly string[] {
  if (platform !== 'win32') return [command];
  const extensions = (pathExtensions ?? '.COM;.EXE;.BAT;.CMD').split(';').filter((extension) => extension !== '');
  const hasExtension = extensions.some((extension) => extension.toLowerCase() === extname(command).toLowerCase());
  return hasExtension ? [command] : extensions.map((extension) => command + extension);
}

function isProgram(file: string, platform: NodeJS.Platform): boolean {
  try {
    if (!statSync(file).isFile()) return false;
    accessSync(file, platform === 'win32' ? constants.F_OK : constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
