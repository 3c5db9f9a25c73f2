import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder of the embedded database and of generated keys; an empty variable counts as unset. */
export function dataFolder(env: Readonly<NodeJS.ProcessEnv> = process.env): string {
  const value = (name: string) => env[name]?.trim() || undefined;
  const base = () => value('XDG_DATA_HOME') ?? join(homedir(), '.local', 'share');
  return value('MCPO_DATA_DIR') ?? value('MCPO_DEFAULT_DATA_DIR') ?? join(base(), 'mcpo-ts');
}

/** The same with a dotenv file, in which the environment wins. Rejects with an `Error` if the file cannot be read. */
export async function dataFolderWith(envPath: string): Promise<string> {
  const [{ readEnvFile }, { withOwnVariables }] = await Promise.all([
    import('./text-file.ts'),
    import('./environment-variables.ts'),
  ]);
  try {
    return dataFolder(withOwnVariables(process.env, readEnvFile(envPath)));
  } catch (error) {
    throw new Error(`--env-path: the file "${envPath}" ${(error as Error).message}.`, { cause: error });
  }
}
