import { statSync } from 'node:fs';
import type { Confinement, ServerConfig } from '../config/server-config.ts';
import type { OwnMemory } from '../process/own-memory.ts';

const MAX_NAMES = 5;

type LocalServer = Pick<ServerConfig, 'name'> & { readonly confinement: Confinement | undefined };

/** What the servers' processes can and cannot read, in a few sentences; `undefined` without any process. */
export function describeProtections(
  servers: readonly Pick<ServerConfig, 'name' | 'transport'>[],
  { environment, memory }: OwnMemory,
): string | undefined {
  const local = servers.flatMap(({ name, transport }): LocalServer[] =>
    transport.type === 'stdio' ? [{ name, confinement: transport.confinement }] : [],
  );
  if (local.length === 0) return undefined;
  const sandboxed = local.filter(({ confinement }) => confinement?.sandbox !== undefined);
  const others = local.filter((server) => !sandboxed.includes(server));
  const asUsers = others.filter(({ confinement }) => confinement?.runAs !== undefined);
  const plain = others.filter((server) => !asUsers.includes(server));
  const also = memory === 'closed' ? '' : ", the service's memory";
  const hidden =
    environment === 'hidden'
      ? "The service's environment variables are hidden from its servers."
      : "On this system a server's process can read the service's environment variables; put secrets into files (MCPO_API_KEY_FILE and so on).";
  return [
    hidden,
    ...(sandboxed.length === 0 ? [] : [`In a sandbox: ${listNames(sandboxed)}.`]),
    ...(asUsers.length === 0 ? [] : [`Under another user: ${listNames(asUsers)}.${warnOfOpenFolder(asUsers)}`]),
    ...(plain.length === 0
      ? []
      : [
          `As the service's own user, and so able to read its data folder${also} and other servers' variables: ${listNames(plain)}; "sandbox" or "runAs" prevents that.`,
        ]),
  ].join(' ');
}

function warnOfOpenFolder(servers: readonly LocalServer[]): string {
  const folder = servers[0]?.confinement?.dataDir ?? '';
  try {
    return (statSync(folder).mode & 0o077) === 0
      ? ''
      : ` The data folder ${folder} is open to them: run chmod 700 on it.`;
  } catch {
    return '';
  }
}

function listNames(servers: readonly Pick<ServerConfig, 'name'>[]): string {
  const names = servers.slice(0, MAX_NAMES).map(({ name }) => name);
  const more = servers.length - names.length;
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ');
}
