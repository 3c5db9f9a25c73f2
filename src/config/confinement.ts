import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { ConfigPlace } from './config-report.ts';
import type { Confinement, RunAs, Sandbox } from './server-config.ts';

/** User ids that nothing else uses: systemd leaves the range free, and it fits into a container's 65,536. */
const DEFAULT_UIDS = { first: 60_600, last: 61_099 };
/** Not in the data folder, which is closed to the users that the homes are for. */
const ROOT_HOMES_DIR = '/var/lib/mcpo-ts/homes';
const MAX_ID = 4_294_967_294;

const id = z.int().min(1, 'must be at least 1; 0 is root.').max(MAX_ID, `is more than ${MAX_ID}.`);
const paths = z.array(z.string().min(1, 'is empty.')).default([]);
const limit = z.int().min(1, 'must be at least 1.');

export const runAsSchema = z.union([z.literal('auto'), z.literal(false), z.strictObject({ uid: id, gid: id })], {
  error: 'must be "auto", false, or {"uid": …, "gid": …} with whole numbers from 1.',
});

export const sandboxSchema = z
  .union([z.boolean(), z.strictObject({ network: z.boolean().default(true), readOnly: paths, writable: paths })], {
    error: 'must be true, false, or an object with "network" (true/false), "readOnly" and "writable" (lists of paths).',
  })
  .transform((given) => {
    if (given === false) return undefined;
    return given === true ? { network: true, readOnly: [], writable: [] } : given;
  });

export const limitsSchema = z.strictObject({
  /** Less than this does not start Node. */
  memoryMb: z.int().min(64, 'must be at least 64 (MiB); Node does not start with less.').optional(),
  cpuSeconds: limit.optional(),
  processes: limit.optional(),
  files: z.int().min(64, 'must be at least 64.').optional(),
});

/** The part of a server's entry that confines its process. */
export interface ConfinementEntry {
  readonly runAs?: z.infer<typeof runAsSchema> | undefined;
  readonly sandbox?: z.infer<typeof sandboxSchema>;
  readonly limits?: z.infer<typeof limitsSchema> | undefined;
}

/** What is the same for the processes of all servers. */
export interface ConfinementContext {
  /** The service's own variables. */
  readonly environment: ReadonlyMap<string, string>;
  readonly dataDir: string;
  /** Files and folders of the service that no sandbox shows; more may be added while the servers are read. */
  readonly privatePaths: ReadonlySet<string>;
}

/** `undefined` for a process that only its own environment sets apart. Unusable paths are reported. */
export function readConfinement(
  entry: ConfinementEntry,
  place: ConfigPlace,
  folder: string,
  context: ConfinementContext,
): Confinement | undefined {
  const confinement = unconfiguredConfinement(context, {
    runAs: resolveRunAs(entry.runAs, context.environment),
    sandbox: entry.sandbox === undefined ? undefined : resolveSandbox(entry.sandbox, place, folder),
    limits: entry.limits !== undefined && Object.keys(entry.limits).length > 0 ? entry.limits : undefined,
  });
  const { runAs, sandbox, limits } = confinement ?? {};
  if (limits?.processes !== undefined && runAs === undefined && (sandbox === undefined || isRoot())) {
    const message = `counts every process of a user, so it needs "runAs"${isRoot() ? '' : ' or "sandbox"'}.`;
    place.at('limits', 'processes').problem(message);
  }
  return confinement;
}

/** Without an entry in a file: that of a server which says nothing. */
export function unconfiguredConfinement(
  { environment, dataDir, privatePaths }: ConfinementContext,
  wanted: Pick<Confinement, 'runAs' | 'sandbox' | 'limits'> = {
    runAs: resolveRunAs(undefined, environment),
    sandbox: undefined,
    limits: undefined,
  },
): Confinement | undefined {
  if (wanted.runAs === undefined && wanted.sandbox === undefined && wanted.limits === undefined) return undefined;
  const home = environment.get('MCPO_HOMES_DIR')?.trim() || (isRoot() ? ROOT_HOMES_DIR : join(dataDir, 'homes'));
  return {
    ...wanted,
    uids: readRange(environment.get('MCPO_RUN_AS_UIDS')) ?? DEFAULT_UIDS,
    homesDir: resolve(home),
    namedPaths: [],
    serviceHome: environment.get('HOME')?.trim() || homedir(),
    dataDir,
    privatePaths,
  };
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** First and last user of `60600-61099`; `undefined` for anything else. */
export function readRange(text: string | undefined): { readonly first: number; readonly last: number } | undefined {
  const [, first, last] = /^\s*(\d{1,9})\s*-\s*(\d{1,9})\s*$/.exec(text ?? '') ?? [];
  const range = { first: Number(first), last: Number(last) };
  return range.first > 0 && range.first <= range.last ? range : undefined;
}

/** `MCPO_RUN_AS=auto` is for servers that say nothing, and only where the service has the right. */
function resolveRunAs(given: ConfinementEntry['runAs'], environment: ReadonlyMap<string, string>): RunAs | undefined {
  if (given !== undefined) return given === false ? undefined : given;
  return isRoot() && environment.get('MCPO_RUN_AS')?.trim() === 'auto' ? 'auto' : undefined;
}

function resolveSandbox(given: NonNullable<ConfinementEntry['sandbox']>, place: ConfigPlace, folder: string): Sandbox {
  const resolved = (key: 'readOnly' | 'writable') =>
    given[key].map((text, index) => {
      const path = resolve(folder, text);
      if (!existsSync(path)) {
        const message = `"${text}" does not exist now; the server cannot start before it does.`;
        place.at('sandbox', key, index).warning(message);
      }
      return path;
    });
  return { network: given.network, readOnly: resolved('readOnly'), writable: resolved('writable') };
}
