import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTENING = '0A';

/**
 * Says which process listens on a TCP port, as `name (pid 123)`; `undefined` where that cannot be known: on other
 * systems than Linux, and for other users' processes (proc(5), `/proc/net/tcp`).
 */
export function portOwner(port: number): string | undefined {
  try {
    const inodes = listeningInodes(port);
    if (inodes.size === 0) return undefined;
    for (const pid of readdirSync('/proc')) {
      if (/^\d+$/.test(pid) && holdsSocket(pid, inodes)) {
        return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (pid ${pid})`;
      }
    }
  } catch {
    // Not Linux, or the process is gone already: then it is not known.
  }
  return undefined;
}

function listeningInodes(port: number): Set<string> {
  const portHex = port.toString(16).toUpperCase().padStart(4, '0');
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readFileSync(file, 'utf8').split('\n'));
  const fields = lines.map((line) => line.trim().split(/\s+/));
  const listening = fields.filter(([, local, , state]) => state === LISTENING && local?.endsWith(`:${portHex}`));
  return new Set(listening.map((field) => `socket:[${field[9]}]`));
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`)));
  } catch {
    return false;
  }
}
