import { basename, resolve } from 'node:path';
import type { TransportConfig } from '../config/server-config.ts';
import { literalParts } from '../placeholders/resolve-template.ts';
import type { PathGround } from '../rules/path-rule.ts';

/** Programs that run another one in a container or on another machine, with other files. */
const ELSEWHERE: ReadonlySet<string> = new Set(
  'docker podman nerdctl kubectl oc ssh wsl chroot lxc lxc-attach machinectl systemd-nspawn nsenter distrobox toolbox flatpak'.split(
    ' ',
  ),
);
/** Programs that start the one that their arguments name. */
const STARTERS: ReadonlySet<string> = new Set(['sudo', 'doas', 'env', 'nice']);
const REMOTE: PathGround = { base: undefined, isLocal: false };

/** Which files a server's paths mean, as far as its command says. */
export function groundOf(transport: TransportConfig | undefined): PathGround {
  if (transport?.type !== 'stdio') return REMOTE;
  const { command, args, cwd, confinement } = transport;
  const [program = '', ...words] = [command, ...args].map((word) => basename(literalParts(word)));
  const isElsewhere = ELSEWHERE.has(program) || (STARTERS.has(program) && words.some((word) => ELSEWHERE.has(word)));
  if (isElsewhere) return REMOTE;
  // Without a folder of its own, a sandboxed program starts where the service does or in its home.
  const base = cwd ?? (confinement?.sandbox === undefined ? resolve('.') : undefined);
  return { base, isLocal: true };
}
