import { statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { literalTemplate } from '../placeholders/parse-template.ts';
import { hasUserPlaceholder, literalParts, literalText } from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import { checkConfinement, confine } from './confinement.ts';
import { inheritedEnvironment, isOwnVariable, withheldVariables } from './environment-variables.ts';
import type { TransportConfig } from './server-config.ts';
import type { EntryContext } from './template-reader.ts';
import { readEnvFile } from './text-file.ts';

const SECRET_NAME = /key|token|secret|pass|auth|credential|(^|_)pat($|_)|dsn/i;

/** How to start a stdio server; what cannot be used is reported and left out. */
export function readStdioTransport(command: string, context: EntryContext): TransportConfig {
  const { entry, place, templates, environment, given, platform, folder, secrets } = context;
  const { inheritEnv } = entry;
  const program = templates.readLiteral(command, place.at('command'), 'only the admin may say which program runs.');
  for (const name of inheritEnv === '*' ? [] : inheritEnv.filter((one) => isOwnVariable(one))) {
    const message = `${name} is the service's own and is not passed on; give the server its value in "env".`;
    place.at('inheritEnv').warning(message);
  }
  const args = readArguments(context);
  const namedPaths = args.filter((template) => !hasUserPlaceholder(template)).map(literalText);
  const sandbox = checkConfinement(entry, place, folder, context.confinement);
  // What the admin passes on by name, and of everything what sounds secret.
  const names = inheritEnv === '*' ? [...environment.keys()].filter((name) => SECRET_NAME.test(name)) : inheritEnv;
  for (const name of names) secrets.addVariable(name, environment.get(name) ?? '');

  const env = readEnv(context);
  const inheritedEnv = inheritedEnvironment({ environment, inheritEnv, given, platform });
  return {
    type: 'stdio',
    command: literalTemplate(program === undefined ? '' : placeCommand(program, folder, platform)),
    args,
    env,
    cwd: readWorkingFolder(context),
    inheritedEnv,
    withheld: withheldVariables(environment, new Set([...Object.keys(inheritedEnv), ...env.keys()])),
    confinement: confine(context.confinement, { ...entry, sandbox }, namedPaths),
  };
}

/** A bare name is looked up on PATH; a path is relative to the servers file, wherever the service was started. */
function placeCommand(command: string, folder: string, platform: NodeJS.Platform): string {
  const isPath = command.includes('/') || (platform === 'win32' && command.includes('\\'));
  return isPath && !isAbsolute(command) ? resolve(folder, command) : command;
}

function readWorkingFolder({ entry, place, templates, folder }: EntryContext): string | undefined {
  const at = place.at('cwd');
  const cwd = entry.cwd && templates.readLiteral(entry.cwd, at, 'a folder must be the same for every user.');
  if (cwd === undefined) return undefined;
  const path = resolve(folder, cwd);
  if (!isFolder(path)) {
    at.warning(`"${cwd}" is not a folder now; the server cannot start before it is.`);
  }
  return path;
}

function readArguments({ entry, place, templates, secrets }: EntryContext): readonly Template[] {
  const args = entry.args.map((text, index) => {
    const at = place.at('args', index);
    const template = templates.read(text, at) ?? [];
    if (text.includes('\0')) at.problem('contains a NUL character, which no argument can.');
    if (hasUserPlaceholder(template) && !entry.allowUserPlaceholdersInArgs) {
      at.problem(
        'contains a value of a user, and arguments show in the process list; put it into "env", or set "allowUserPlaceholdersInArgs": true.',
      );
    }
    return template;
  });
  secrets.addArguments(args.map(literalParts));
  return args;
}

function readEnv(context: EntryContext): ReadonlyMap<string, Template> {
  const { entry, place, templates, secrets } = context;
  const env = new Map<string, Template>();
  // As dotenv has it: values of the file are taken as they are.
  for (const [name, value] of readEntryEnvFile(context)) {
    env.set(name, literalTemplate(value));
    secrets.addVariable(name, value);
  }
  for (const [name, text] of entry.env) {
    const at = place.at('env', name);
    if (name === '' || /[=\0]/.test(name)) {
      at.problem('is not a name of an environment variable: it may not be empty or contain "=".');
      continue;
    }
    const template = templates.read(text, at);
    if (template === undefined) continue;
    if (hasUserPlaceholder(template)) {
      secrets.addParts(template);
    } else {
      const value = literalText(template);
      if (value.includes('\0')) at.problem('contains a NUL character, which no environment variable can.');
      secrets.addVariable(name, value);
    }
    env.set(name, template);
  }
  return env;
}

function readEntryEnvFile({ entry, place, templates, folder, onRead }: EntryContext): ReadonlyMap<string, string> {
  const at = place.at('envFile');
  const name = entry.envFile && templates.readLiteral(entry.envFile, at, 'a file must be the same for every user.');
  if (name === undefined) return new Map();
  const file = resolve(folder, name);
  onRead?.(file);
  try {
    return readEnvFile(file);
  } catch (error) {
    at.problem(`"${name}" ${(error as Error).message}.`);
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
