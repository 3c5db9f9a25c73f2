import { readFileSync } from 'node:fs';

let info: { readonly name: string; readonly version: string } | undefined;

/** What we tell a server about ourselves; the version is the package's own, wherever this file lies beneath it. */
export function clientInfo(): { readonly name: string; readonly version: string } {
  info ??= { name: 'mcpo-ts', version: readVersion() };
  return info;
}

function readVersion(): string {
  for (const folder of ['..', '../..', '../../..']) {
    try {
      const text = readFileSync(new URL(`${folder}/package.json`, import.meta.url), 'utf8');
      const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
      if (name === 'mcpo-ts' && typeof version === 'string') return version;
    } catch {
      // Not here: the next folder up may have it.
    }
  }
  return '0.0.0';
}
