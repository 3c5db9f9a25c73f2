import { z } from 'zod';
import { EditRefusedError } from '../../errors.ts';
import { isObject } from '../shapes.ts';
import { literal, type RegistryInput, RegistryValues, registryInput, registryVariables } from './registry-inputs.ts';

const text = z.string();
const inputs = z.array(registryInput).default([]);

const remote = z.looseObject({ type: text, url: text, headers: inputs, variables: registryVariables });
const packageSchema = z.looseObject({
  registryType: text,
  identifier: text,
  version: text.optional(),
  runtimeHint: text.optional(),
  runtimeArguments: inputs,
  packageArguments: inputs,
  environmentVariables: inputs,
  transport: z.looseObject({ type: text }).optional(),
});
const serverSchema = z.looseObject({
  name: text,
  title: text.optional(),
  packages: z.array(packageSchema).default([]),
  remotes: z.array(remote).default([]),
});
type RegistryPackage = z.infer<typeof packageSchema>;

/** One way to reach or to start a server of the registry. */
export interface RegistryOffer {
  readonly kind: 'remote' | 'package';
  /** In words, for a choice. */
  readonly label: string;
  /** The entry for the servers file, or why there is none. */
  readonly result: { readonly entry: Readonly<Record<string, unknown>> } | { readonly problem: string };
  /** What an admin should know about the entry. */
  readonly notes: readonly string[];
}

/** Whether a value is a `server.json` of the MCP registry. */
export function isRegistryServer(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    isObject(value) && typeof value.name === 'string' && (Array.isArray(value.packages) || Array.isArray(value.remotes))
  );
}

/**
 * Reads a `server.json` (registry.modelcontextprotocol.io, `ServerDetail`). What is secret, required or to be chosen
 * becomes a user variable. Throws `EditRefusedError` for one that does not have that form.
 */
export function readRegistryServer(given: unknown) {
  const { success, data, error } = serverSchema.safeParse(withPresentNames(given));
  if (!success) {
    const [issue] = error.issues;
    throw new EditRefusedError(`The server.json cannot be read: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const offers: RegistryOffer[] = [
    ...data.remotes.map((one) =>
      toOffer('remote', `${one.url} (${one.type})`, data.title, (values) => toRemoteEntry(one, values)),
    ),
    ...data.packages.map((one) => {
      const label = `${one.registryType} package ${one.identifier}${one.version ? ` ${one.version}` : ''}`;
      return toOffer('package', label, data.title, (values) => toPackageEntry(one, values));
    }),
  ];
  if (offers.length === 0) throw new EditRefusedError('The server.json names no package and no remote server.');
  // `io.github.owner/name`: the last part is what people call it.
  const name = (data.name.split('/').pop() ?? '').replace(/[^A-Za-z0-9_.-]+/g, '-');
  return { kind: 'registry', name, offers } as const;
}

function toOffer(
  kind: RegistryOffer['kind'],
  label: string,
  title: string | undefined,
  toEntry: (values: RegistryValues) => Readonly<Record<string, unknown>>,
): RegistryOffer {
  const values = new RegistryValues();
  try {
    const entry = toEntry(values);
    const { userVars, notes } = values;
    const whole = { ...(title && { title }), ...entry, ...(Object.keys(userVars).length > 0 && { userVars }) };
    return { kind, label, notes, result: { entry: whole } };
  } catch (error) {
    if (!(error instanceof EditRefusedError)) throw error;
    return { kind, label, notes: [], result: { problem: error.message } };
  }
}

function toRemoteEntry({ type, url, headers, variables }: z.infer<typeof remote>, values: RegistryValues) {
  if (type !== 'streamable-http' && type !== 'sse') throw new EditRefusedError(`"${type}" is not a known transport.`);
  const found = headers.flatMap((header) => {
    const value = header.name === undefined ? undefined : values.valueOf(header, header.name);
    return value === undefined ? [] : [[header.name, value] as const];
  });
  return {
    type,
    url: values.template(url, variables),
    ...(found.length > 0 && { headers: Object.fromEntries(found) }),
  };
}

/** How each kind of package is run, with the programs that may run it. */
const RUNNERS: ReadonlyMap<
  string,
  { readonly hints: readonly string[]; readonly args: (one: RegistryPackage, more: Words) => string[] }
> = new Map([
  ['npm', { hints: ['npx', 'bunx'], args: runNpm }],
  [
    'pypi',
    {
      hints: ['uvx'],
      args: ({ identifier, version }, { before, after }) => [...before, at(identifier, version), ...after],
    },
  ],
  ['oci', { hints: ['docker', 'podman'], args: runImage }],
  ['nuget', { hints: ['dnx'], args: runNuget }],
]);

/** The words before and after the package, and the names of the variables that it gets. */
interface Words {
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly variables: readonly string[];
}

function toPackageEntry(one: RegistryPackage, values: RegistryValues) {
  const { registryType, transport, runtimeHint, identifier } = one;
  const runner = RUNNERS.get(registryType.toLowerCase());
  if (runner === undefined) {
    throw new EditRefusedError(
      `Packages of the kind "${registryType}" cannot be started from here; install it and add its command yourself.`,
    );
  }
  if (transport !== undefined && transport.type !== 'stdio') {
    throw new EditRefusedError(`This package is a server of its own (${transport.type}): start it, and add its url.`);
  }
  const command = runtimeHint || runner.hints[0] || '';
  if (!runner.hints.includes(command)) {
    throw new EditRefusedError(
      `The package is to be run by "${command}", which is not known here; add its command yourself.`,
    );
  }
  // As a word that begins with "-" it would be a flag of the program that runs it.
  if (!/^[\w@]/.test(identifier)) throw new EditRefusedError(`"${identifier}" is not the name of a package.`);
  const env = one.environmentVariables.flatMap((variable) => {
    const value = variable.name === undefined ? undefined : values.valueOf(variable, variable.name);
    return value === undefined ? [] : [[variable.name ?? '', value] as const];
  });
  const before = one.runtimeArguments.flatMap((argument) => toWords(argument, values));
  const after = one.packageArguments.flatMap((argument) => toWords(argument, values));
  const args = runner.args(one, { before, after, variables: env.map(([name]) => name) });
  // What is each user's own is a placeholder then, and any other "${" is escaped.
  const isPersonal = args.some((word) => /(?<!\$)\$\{/.test(word));
  if (isPersonal) values.notes.push('Values of users are among the arguments, which show in the list of processes.');
  return {
    command,
    args,
    ...(env.length > 0 && { env: Object.fromEntries(env) }),
    ...(isPersonal && { allowUserPlaceholdersInArgs: true }),
  };
}

/** A `--flag value` or a value. A flag of which nothing else is said stands alone. */
function toWords(argument: RegistryInput, values: RegistryValues): readonly string[] {
  const { type, name, valueHint, value, default: given, isRequired, isSecret, choices, format } = argument;
  if (type !== 'named') {
    const word = values.valueOf(argument, valueHint ?? name ?? 'argument');
    return word === undefined ? [] : [word];
  }
  if (name === undefined) return [];
  const isAlone = [value, given, choices, format].every((one) => one === undefined) && !isRequired && !isSecret;
  if (isAlone) return [literal(name)];
  const word = values.valueOf(argument, name.replace(/^-+/, ''));
  return word === undefined ? [] : [literal(name), word];
}

function runNpm({ identifier, version }: RegistryPackage, { before, after }: Words): string[] {
  const flags = before.filter((word) => word !== '-y' && word !== '--yes');
  return ['-y', ...flags, at(identifier, version), ...after];
}

function runNuget({ identifier, version }: RegistryPackage, { before, after }: Words): string[] {
  const flags = before.filter((word) => word !== '--yes');
  return [...flags, at(identifier, version), '--yes', ...(after.length > 0 ? ['--', ...after] : [])];
}

function runImage({ identifier, version }: RegistryPackage, { before, after, variables }: Words): string[] {
  const given = before[0] === 'run' ? before.slice(1) : before;
  const basics = ['-i', '--rm'].filter((flag) => !given.includes(flag));
  const hasTag = /@sha256:|:[\w.-]+$/.test(identifier);
  const image = literal(hasTag || !version ? identifier : `${identifier}:${version}`);
  return ['run', ...basics, ...variables.flatMap((name) => ['-e', name]), ...given, image, ...after];
}

function at(identifier: string, version: string | undefined): string {
  return literal(version ? `${identifier}@${version}` : identifier);
}

/** The registry's first schema had `snake_case` names. */
function withPresentNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withPresentNames);
  if (!isObject(value)) return value;
  const present = Object.entries(value).flatMap(([key, one]) => {
    if (one === null) return [];
    const name =
      key === 'transport_type'
        ? 'type'
        : key.replace(/(?<=[a-z])_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    // Names of variables are the publisher's own.
    const isOwn = key === 'variables' && isObject(one);
    return [
      [
        name,
        isOwn
          ? Object.fromEntries(Object.entries(one).map(([own, input]) => [own, withPresentNames(input)]))
          : withPresentNames(one),
      ],
    ];
  });
  return Object.fromEntries(present);
}
