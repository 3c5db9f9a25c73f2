import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import type { Environment } from '../config/environment.ts';
import { type LoadedSettings, loadSettings } from '../config/load-settings.ts';
import type { ServiceOptions } from '../config/service-options.ts';
import type { Secrets, Settings } from '../config/settings.ts';
import { hasStoredApiKeys } from '../db/has-stored-api-keys.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { readHost } from '../service/container-storage.ts';
import { type RunningService, readRuntimeFiles } from '../service/runtime-file.ts';
import { createProbe, type Probe } from './probe.ts';

/** The machine and the process. */
export interface System {
  readonly nodeVersion: string;
  /** User id; `undefined` on Windows. */
  readonly uid: number | undefined;
  readonly isContainer: boolean;
  /** The text of `/proc/self/mountinfo` in a container. */
  readonly mountInfo: string;
  /** An interface has an address that the internet routes. */
  readonly hasPublicAddress: boolean;
}

/** What is examined: the configuration as a start would read it, and what surrounds it. */
export interface Subject {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly options: ServiceOptions;
  readonly environment: Environment;
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly dataDir: string;
  readonly system: System;
  /** What a start would complain about, secrets that are too weak aside. */
  readonly configProblems: readonly ConfigProblem[];
  readonly configWarnings: readonly ConfigProblem[];
  readonly weakSecrets: readonly ConfigProblem[];
  /** `false`: there is no servers file, or it cannot be read. */
  readonly hasServers: boolean;
  /** The services that run here with this data folder. */
  readonly running: readonly RunningService[];
  /** Asks a URL; each is asked once. */
  readonly probe: Probe;
}

/**
 * Reads everything that the checks look at without changing anything. A configuration that a start would refuse is read
 * as far as possible. Throws `UsageError` for flags that contradict each other.
 */
export async function openSubject(
  options: ServiceOptions,
  environment: Environment,
  now = Date.now(),
): Promise<Subject> {
  const { dataDir } = environment.database;
  const hasStoredKeys = await hasStoredApiKeys(environment.database);
  const loaded = loadLeniently(options, environment, hasStoredKeys);
  return {
    now,
    options,
    environment,
    settings: loaded.settings,
    secrets: loaded.secrets,
    dataDir,
    system: readSystem(),
    configProblems: loaded.problems,
    configWarnings: loaded.warnings,
    weakSecrets: loaded.weakSecrets,
    hasServers: loaded.hasServers,
    running: readRuntimeFiles(dataDir).running,
    probe: createProbe(),
  };
}

export function readSystem(): System {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return {
    nodeVersion: process.versions.node,
    uid: process.getuid?.(),
    ...readHost(),
    hasPublicAddress: addresses.some(
      ({ address }) => ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast',
    ),
  };
}

type Lenient = Pick<LoadedSettings, 'settings' | 'secrets' | 'warnings'> & {
  readonly problems: readonly ConfigProblem[];
  readonly weakSecrets: readonly ConfigProblem[];
  readonly hasServers: boolean;
};

function loadLeniently(options: ServiceOptions, environment: Environment, hasStoredKeys: boolean): Lenient {
  const { allowWeakSecrets: _, ...strict } = options;
  const load = (tried: ServiceOptions) => tryLoad(tried, environment, hasStoredKeys);
  const hasServers = options.config !== undefined || options.positional.length > 0;
  const strictly = load(strict);
  if (strictly.kind === 'loaded') return { ...strictly.loaded, problems: [], weakSecrets: [], hasServers };

  // Weak secrets are allowed on this machine only.
  const weakly = load({ ...strict, allowWeakSecrets: true, host: '127.0.0.1' });
  if (weakly.kind === 'loaded') {
    const host = options.host ?? (options.allowWeakSecrets ? '127.0.0.1' : '0.0.0.0');
    const warnings = weakly.loaded.warnings.filter(({ key }) => key !== '--allow-weak-secrets');
    const settings = { ...weakly.loaded.settings, host };
    return { ...weakly.loaded, settings, warnings, problems: [], weakSecrets: strictly.problems, hasServers };
  }
  // What is wrong is more than weak secrets: the servers file, most often.
  const { config: _config, sslCertfile: _cert, sslKeyfile: _key, strictAuth: _auth, ...bare } = strict;
  const bareStrictly = load({ ...bare, positional: [] });
  const without = load({ ...bare, positional: [], allowWeakSecrets: true, host: '127.0.0.1' });
  if (without.kind === 'refused') throw new ConfigError(strictly.problems);
  return {
    ...without.loaded,
    settings: { ...without.loaded.settings, host: options.host ?? without.loaded.settings.host },
    warnings: [],
    problems: weakly.problems,
    weakSecrets: bareStrictly.kind === 'refused' ? bareStrictly.problems : [],
    hasServers: false,
  };
}

type Attempt =
  | { readonly kind: 'loaded'; readonly loaded: LoadedSettings }
  | { readonly kind: 'refused'; readonly problems: readonly ConfigProblem[] };

function tryLoad(options: ServiceOptions, environment: Environment, hasStoredKeys: boolean): Attempt {
  try {
    return { kind: 'loaded', loaded: loadSettings(options, environment, hasStoredKeys) };
  } catch (error) {
    if (error instanceof ConfigError) return { kind: 'refused', problems: error.problems };
    throw error;
  }
}
