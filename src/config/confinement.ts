import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { ConfigPlace } from './config-report.ts';
import type { Environment } from './environment.ts';
import { texts } from './shapes.ts';

/** User ids that nothing else uses: systemd leaves the range free, and it fits into a container's 65,536. */
const DEFAULT_UIDS = { first: 60_600, last: 61_099 };
/** Not in the data folder, which is closed to the users that the homes are for. */
const ROOT_HOMES_DIR = '/var/lib/mcpo-ts/homes';
const MAX_ID = 4_294_967_294;

const id = z.int().min(1, 'must be at least 1; 0 is root.').max(MAX_ID, `is more than ${MAX_ID}.`);
const limit = z.int().min(1, 'must be at least 1.');

/** The keys of a server's entry that confine its process. */
export const confinementKeys = {
  runAs: z
    .union(
      [
        z.literal('auto'),
        z.literal(false),
        z.strictObject({ uid: id.describe('User id.'), gid: id.describe('Group id.') }),
      ],
      {
        error: 'must be "auto", false, or {"uid": …, "gid": …} with whole numbers from 1.',
      },
    )
    .optional()
    .describe(
      'User of the process: `"auto"` for one of its own, `{"uid", "gid"}`, or false for the user of the service.',
    ),
  sandbox: z
    .union(
      [
        z.boolean(),
        z.strictObject({
          network: z.boolean().default(true).describe('The process reaches the network.'),
          readOnly: texts.default([]).describe('Further paths that the process may read.'),
          writable: texts.default([]).describe('Further paths that the process may write.'),
        }),
      ],
      {
        error:
          'must be true, false, or an object with "network" (true/false), "readOnly" and "writable" (lists of paths).',
      },
    )
    .transform((given) => (given === true ? { network: true, readOnly: [], writable: [] } : given || undefined))
    .optional()
    .describe('The process sees a read-only system without the files of the service and of other servers.'),
  limits: z
    .strictObject({
      memoryMb: z
        .int()
        .min(64, 'must be at least 64 (MiB); no Node starts with less.')
        .optional()
        .describe('Memory that a process may write to, in MiB; Node 24 and later need 600 for themselves.'),
      cpuSeconds: limit
        .optional()
        .describe('Processor time of a process in its whole life; after it, the process ends and is started again.'),
      processes: limit.optional().describe('Processes and threads of its user; needs `runAs` or `sandbox`.'),
      files: z.int().min(64, 'must be at least 64.').optional().describe('Open files of a process.'),
    })
    .transform((given) => (Object.keys(given).length > 0 ? given : undefined))
    .optional()
    .describe('What each process of the server may use up.'),
};

type ConfinementEntry = { readonly [Key in keyof typeof confinementKeys]?: z.infer<(typeof confinementKeys)[Key]> };

/** `auto`: a user of the server's own, chosen by the service. */
type RunAs = Exclude<NonNullable<ConfinementEntry['runAs']>, false>;
/** The paths are absolute, and seen in addition. */
export type Sandbox = Readonly<NonNullable<ConfinementEntry['sandbox']>>;
export type ResourceLimits = Readonly<NonNullable<ConfinementEntry['limits']>>;

/** What is the same for the processes of all servers. */
export interface CommonConfinement {
  /** For servers that say nothing. */
  readonly runAs: RunAs | undefined;
  /** The users of `"auto"`. */
  readonly uids: { readonly first: number; readonly last: number };
  /** Where processes that are not to use the service's home get one of their own. */
  readonly homesDir: string;
  readonly serviceHome: string;
  readonly dataDir: string;
  /** Files and folders of the service that no sandbox shows; more are added while the servers are read. */
  readonly privatePaths: ReadonlySet<string>;
}

/** How the process of a server is confined. */
export interface Confinement extends CommonConfinement {
  readonly sandbox: Sandbox | undefined;
  readonly limits: ResourceLimits | undefined;
  /** The arguments without a value of a user; files and folders that they name are visible in the sandbox. */
  readonly namedPaths: readonly string[];
}

export function commonConfinement(
  { values, variables, database }: Pick<Environment, 'values' | 'variables' | 'database'>,
  privatePaths: ReadonlySet<string>,
): CommonConfinement {
  const dataDir = resolve(database.dataDir);
  return {
    // Only where the service has the right.
    runAs: isRoot() && values.MCPO_RUN_AS === 'auto' ? 'auto' : undefined,
    uids: values.MCPO_RUN_AS_UIDS ?? DEFAULT_UIDS,
    homesDir: resolve(values.MCPO_HOMES_DIR ?? (isRoot() ? ROOT_HOMES_DIR : join(dataDir, 'homes'))),
    serviceHome: variables.get('HOME')?.trim() || homedir(),
    dataDir,
    privatePaths,
  };
}

/** `undefined` for a process that only its own environment sets apart. */
export function confine(
  common: CommonConfinement,
  { runAs = common.runAs, sandbox, limits }: ConfinementEntry,
  namedPaths: readonly string[] = [],
): Confinement | undefined {
  if (!runAs && sandbox === undefined && limits === undefined) return undefined;
  return { ...common, runAs: runAs || undefined, sandbox, limits, namedPaths };
}

/** Reports paths and limits that cannot be used; returns the sandbox with its paths counted from `folder`. */
export function checkConfinement(
  { runAs, sandbox, limits }: ConfinementEntry,
  place: ConfigPlace,
  folder: string,
  common: CommonConfinement,
): Sandbox | undefined {
  if (limits?.processes !== undefined && !(runAs ?? common.runAs) && (sandbox === undefined || isRoot())) {
    const message = `counts every process of a user, so it needs "runAs"${isRoot() ? '' : ' or "sandbox"'}.`;
    place.at('limits', 'processes').problem(message);
  }
  if (sandbox === undefined) return undefined;
  const resolved = (key: 'readOnly' | 'writable') =>
    sandbox[key].map((text, index) => {
      const path = resolve(folder, text);
      if (!existsSync(path)) {
        const message = `"${text}" does not exist now; the server cannot start before it does.`;
        place.at('sandbox', key, index).warning(message);
      }
      return path;
    });
  return { network: sandbox.network, readOnly: resolved('readOnly'), writable: resolved('writable') };
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
