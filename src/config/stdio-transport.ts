import { statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { literalTemplate } from '../placeholders/parse-template.ts';
import { hasUserPlaceholder, literalParts, literalText } from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import type { ConfigPlace, ConfigReport } from './config-report.ts';
import type { ConfiguredSecrets } from './configured-secrets.ts';
import { type ConfinementContext, readConfinement } from './confinement.ts';
import { readEnvFile } from './env-file.ts';
import { inheritedEnvironment } from './inherited-environment.ts';
import { isOwnVariable } from './own-variables.ts';
import type { TransportConfig } from './server-config.ts';
import type { ServerEntry } from './servers-file-schema.ts';
import type { TemplateReader } from './template-reader.ts';

export interface StdioTransportOptions {
  readonly entry: ServerEntry;
  readonly command: string;
  /** The server's own place in the file. */
  readonly place: ConfigPlace;
  /** The servers file's folder. */
  readonly folder: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly given: ReadonlyMap<string, string>;
  readonly platform: NodeJS.Platform;
  readonly templates: TemplateReader;
  readonly confinement: ConfinementContext;
  /** Told of each file just before it is read. */
  readonly onRead?: ((file: string) => void) | undefined;
  readonly secrets: ConfiguredSecrets;
  readonly report: ConfigReport;
}

const secretName = /key|token|secret|pass|auth|credential|(^|_)pat($|_)|dsn/i;

/** How to start a stdio server; whatever cannot be used is reported and left out. */
export function readStdioTransport(options: StdioTransportOptions): TransportConfig {
  const { entry, place, report, templates, environment, given, platform } = options;
  const keyPlace = (key: keyof ServerEntry) => ({ ...place, path: [...place.path, key], key });

  const command = templates.readLiteral(
    options.command,
    keyPlace('command'),
    'which program runs is for the admin alone to say.',
  );
  const cwd =
    entry.cwd === undefined
      ? undefined
      : templates.readLiteral(entry.cwd, keyPlace('cwd'), 'a folder must be the same for every user.');
  const folder = cwd === undefined ? undefined : resolve(options.folder, cwd);
  if (folder !== undefined && !isFolder(folder)) {
    report.warning(keyPlace('cwd'), `"${cwd}" is no folder now; the server cannot start before it is.`);
  }
  if (entry.inheritEnv !== '*') {
    for (const name of entry.inheritEnv.filter((one) => isOwnVariable(one))) {
      const message = `${name} is the service's own and is not passed on; give the server its value in "env".`;
      report.warning(keyPlace('inheritEnv'), message);
    }
  }

  const args = readArguments(options);
  const confinement = readConfinement(entry, place, options.folder, options.confinement, report);
  addInheritedSecrets(options);

  return {
    type: 'stdio',
    command: literalTemplate(command === undefined ? '' : placeCommand(command, options.folder, platform)),
    args,
    env: readEnvironmentOfChild(options),
    cwd: folder,
    inheritedEnv: inheritedEnvironment({ environment, inheritEnv: entry.inheritEnv, given, platform }),
    confinement: confinement && { ...confinement, namedPaths: args.filter(isLiteral).map(literalText) },
  };
}

/** What the admin passes on by name, and of everything what sounds secret. */
function addInheritedSecrets({ entry, environment, secrets }: StdioTransportOptions): void {
  const { inheritEnv } = entry;
  const names = inheritEnv === '*' ? [...environment.keys()].filter((name) => secretName.test(name)) : inheritEnv;
  for (const name of names) secrets.addVariable(name, environment.get(name) ?? '');
}

/** A bare name is looked up on PATH; a path is relative to the servers file, wherever the service was started. */
function placeCommand(command: string, folder: string, platform: NodeJS.Platform): string {
  const isPath = command.includes('/') || (platform === 'win32' && command.includes('\\'));
  return isPath && !isAbsolute(command) ? resolve(folder, command) : command;
}

function isLiteral(template: Template): boolean {
  return !hasUserPlaceholder(template);
}

function readArguments({ entry, place, templates, secrets, report }: StdioTransportOptions): readonly Template[] {
  const args = entry.args.map((text, index) => {
    const at = { ...place, path: [...place.path, 'args', index], key: `args[${index}]` };
    const template = templates.read(text, at) ?? [];
    if (text.includes('\0')) report.problem(at, 'holds a NUL character, which no argument can.');
    if (hasUserPlaceholder(template) && !entry.allowUserPlaceholdersInArgs) {
      report.problem(
        at,
        'holds a value of a user, and arguments show in the process list; put it into "env", or set "allowUserPlaceholdersInArgs": true.',
      );
    }
    return template;
  });
  secrets.addArguments(args.map(literalParts));
  return args;
}

function readEnvironmentOfChild(options: StdioTransportOptions): ReadonlyMap<string, Template> {
  const { entry, place, templates, secrets, report } = options;
  const env = new Map<string, Template>();
  for (const [name, value] of readEntryEnvFile(options)) {
    secrets.addVariable(name, value);
    env.set(name, literalTemplate(value));
  }
  for (const [name, text] of entry.env) {
    const at = { ...place, path: [...place.path, 'env', name], key: `env.${name}` };
    if (name === '' || /[=\0]/.test(name)) {
      report.problem(at, 'is no name of an environment variable: it may not be empty or hold "=".');
      continue;
    }
    const template = templates.read(text, at);
    if (template === undefined) continue;
    if (hasUserPlaceholder(template)) {
      secrets.addParts(template);
    } else {
      const value = literalText(template);
      if (value.includes('\0')) report.problem(at, 'holds a NUL character, which no environment variable can.');
      secrets.addVariable(name, value);
    }
    env.set(name, template);
  }
  return env;
}

function readEntryEnvFile(options: StdioTransportOptions): ReadonlyMap<string, string> {
  const { entry, place, templates, report } = options;
  if (entry.envFile === undefined) return new Map();
  const at = { ...place, path: [...place.path, 'envFile'], key: 'envFile' };
  const name = templates.readLiteral(entry.envFile, at, 'a file must be the same for every user.');
  if (name === undefined) return new Map();
  const file = resolve(options.folder, name);
  options.onRead?.(file);
  try {
    return readEnvFile(file);
  } catch (error) {
    report.problem(at, `"${name}" ${error instanceof Error ? error.message : 'cannot be read'}.`);
    return new Map();
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
