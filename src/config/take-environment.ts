import { isInheritedByDefault } from './inherited-environment.ts';
import { isOwnVariable } from './own-variables.ts';

/** What the C library and other native code ask for by themselves, at any time. */
const NATIVE =
  /^(TZ|TEMP|TMP|LOCALDOMAIN|RES_OPTIONS|HOSTALIASES|OPENSSL_.*|MALLOC_.*|SQLITE_TMPDIR|UV_THREADPOOL_SIZE)$/;

/**
 * Takes the variables out of the process, so that neither a library nor a child process that was started without an
 * environment of its own finds the service's secrets; returns all of them. What remains natively is what every child
 * process gets anyway; libraries also find the other names that are not secrets of the service.
 */
export function takeEnvironment(): Readonly<NodeJS.ProcessEnv> {
  const all = { ...process.env };
  // There the names are case-insensitive, which no plain object is, and no process shows another one its environment.
  if (process.platform === 'win32') return all;
  for (const name of Object.keys(all)) {
    if (!staysInProcess(name)) delete process.env[name];
  }
  process.env = Object.fromEntries(Object.entries(all).filter(([name]) => !isOwnVariable(name)));
  return all;
}

/** Whether the variable stays in the environment block of the process, which child processes can read. */
export function staysInProcess(name: string): boolean {
  return isInheritedByDefault(name) || NATIVE.test(name);
}
