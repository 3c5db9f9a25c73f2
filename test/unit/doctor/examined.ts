import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { readEnvironment } from '../../../src/config/environment.ts';
import type { ServiceOptions } from '../../../src/config/service-options.ts';
import type { State } from '../../../src/doctor/check.ts';
import { type CheckResult, examine } from '../../../src/doctor/examine.ts';
import { openSubject, type System } from '../../../src/doctor/subject.ts';

export const KEY = '7d1f0a93c84b4e2f9a65d7c1';
const folders = new Set<string>();

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** One surrounding: the servers file, variables, flags, the machine, the time. */
export interface Surroundings {
  /** An object is written as JSON; `undefined`: no servers file. */
  readonly config?: object | string | undefined;
  readonly servers?: Readonly<Record<string, object>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly options?: Partial<ServiceOptions>;
  readonly system?: Partial<System>;
  readonly now?: number;
  /** Makes files in the data folder and beside the servers file. */
  readonly prepare?: (folder: { readonly data: string; readonly config: string }) => void | Promise<void>;
}

/** A fresh folder that is gone after the file's last test. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-doctor-'));
  folders.add(folder);
  return folder;
}

/** The result of one check, or of all: of a machine that is not root's and is no container unless said otherwise. */
async function examined(surroundings: Surroundings): Promise<ReadonlyMap<string, CheckResult>> {
  const { config, servers, env = {}, options = {}, system = {}, now, prepare } = surroundings;
  const [data, folder] = [freshFolder(), freshFolder()];
  const content = config ?? (servers && { mcpServers: servers });
  const file = join(folder, 'servers.json');
  if (content !== undefined) {
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content, null, 2), { mode: 0o600 });
  }
  await prepare?.({ data, config: folder });
  const given = { PATH: process.env.PATH ?? '', HOME: folder, MCPO_DATA_DIR: data, ...env };
  const { envPath } = options;
  const whole: ServiceOptions = {
    env: new Map(),
    header: new Map(),
    allowedHosts: [],
    positional: [],
    ...(content === undefined ? {} : { config: file }),
    ...options,
  };
  const subject = await openSubject(whole, readEnvironment(given, { envPath }), now);
  const machine = { uid: 1000, isContainer: false, mountInfo: '', hasPublicAddress: false, nodeVersion: '24.1.0' };
  const report = await examine({ ...subject, system: { ...machine, ...system } });
  return new Map(report.checks.map((result) => [result.id, result]));
}

/** Its state and what it says. */
export async function stateOf(id: string, surroundings: Surroundings): Promise<{ state: State; text: string }> {
  const result = (await examined(surroundings)).get(id);
  if (result === undefined) throw new Error(`There is no check "${id}".`);
  const texts = result.findings.map((one) => ('advice' in one ? `${one.message} → ${one.advice}` : one.message));
  return { state: result.state, text: texts.join('\n') };
}
