import type { ServersFileEdits } from '../config/edits/servers-file-edits.ts';
import { loadServers } from '../config/load-settings.ts';
import { resolveAuth } from '../config/resolve-auth.ts';
import type { ServiceOptions } from '../config/service-options.ts';
import type { Settings } from '../config/settings.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import type { ReadEnvironment } from './running-configuration.ts';

/** The servers file for admins who may edit it; `undefined` where they may not, or there is no file. */
export async function openEdits(
  { adminEdits: mode, configFile: file }: Pick<Settings, 'adminEdits' | 'configFile'>,
  options: ServiceOptions,
  readEnvironment: ReadEnvironment,
  redactor: Redactor,
): Promise<ServersFileEdits | undefined> {
  if (mode === 'off' || file === undefined) return undefined;
  // 5 ms, for those who use it.
  const { ServersFileEdits } = await import('../config/edits/servers-file-edits.ts');
  const check = (text: string) => {
    const environment = readEnvironment();
    const loaded = loadServers(options, environment, undefined, text);
    resolveAuth(loaded.auth, environment, options);
    return loaded;
  };
  return new ServersFileEdits({ file, mode, check, redactor });
}
