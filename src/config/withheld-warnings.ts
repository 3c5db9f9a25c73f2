import { basename } from 'node:path';
import type { ConfigProblem } from '../errors.ts';
import { hasUserPlaceholder, literalText } from '../placeholders/resolve-template.ts';
import type { ServerConfig, TransportConfig } from './server-config.ts';

type Stdio = Extract<TransportConfig, { type: 'stdio' }>;

/** Words of programs and packages in general, and prefixes of variables that are about something else. */
const COMMON_WORDS = new Set(
  'app apps bin build cli com config container data dev dist docker exec file files git home host http https image index java lang latest lib local main mcp mcpo modelcontextprotocol module node npm npx path podman pnpm python python3 root run server servers shell src ssh start stdio system term test time tmp tool tools user users usr uvx version www'.split(
    ' ',
  ),
);
const MAX_NAMES = 3;

/**
 * A warning for each stdio server that may miss a variable of the service's environment, which mcpo would have passed on:
 * one that begins with a word of its name or package, as MEMORY_FILE_PATH for `server-memory`, or one that its
 * `docker run -e NAME` passes on. `isSingle`: the server of the command line, which has no entry in a file.
 */
export function withheldWarnings(servers: readonly ServerConfig[], isSingle: boolean): readonly ConfigProblem[] {
  return servers.flatMap(({ name, transport }) => {
    if (transport.type !== 'stdio') return [];
    const forwarded = forwardedNames(transport);
    const unset = forwarded.filter((one) => !isKnown(one, transport));
    const words = wordsOf(name, transport);
    const missed = transport.withheld.filter(
      (one) => forwarded.includes(one) || words.has(one.split('_', 1)[0]?.toLowerCase() ?? ''),
    );
    const server = isSingle ? undefined : name;
    return [
      ...(missed.length === 0 ? [] : [{ server, message: describeMissed(missed, isSingle) }]),
      ...unset.map((one) => ({
        server,
        message: `its container is to get ${one}, which is not set; add it to "env".`,
      })),
    ];
  });
}

function describeMissed(missed: readonly string[], isSingle: boolean): string {
  const names = missed.slice(0, MAX_NAMES);
  const more = missed.length > names.length ? ` and ${missed.length - names.length} more` : '';
  const verb = missed.length === 1 ? 'is' : 'are';
  const pronoun = missed.length === 1 ? 'it' : 'them';
  const remedy = isSingle
    ? names.map((name) => `--env ${name}="$${name}"`).join(' ')
    : `"inheritEnv": [${names.map((name) => JSON.stringify(name)).join(', ')}]`;
  return `${names.join(', ')}${more} ${verb} set for mcpo-ts and not passed on to the server; if it needs ${pronoun}, add ${remedy}.`;
}

function isKnown(name: string, { env, inheritedEnv, withheld }: Stdio): boolean {
  return env.has(name) || name in inheritedEnv || withheld.includes(name);
}

/** `docker run -e NAME` gives the container the variable of the docker command itself. */
function forwardedNames({ command, args }: Stdio): readonly string[] {
  if (!/^(docker|podman)(\.exe)?$/i.test(basename(literalText(command)))) return [];
  return literals(args).flatMap((arg, index, all) => {
    const before = all[index - 1];
    const name = before === '-e' || before === '--env' ? arg : (/^--env=(.*)$/.exec(arg)?.[1] ?? '');
    return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? [name] : [];
  });
}

function wordsOf(name: string, { command, args }: Stdio): ReadonlySet<string> {
  // A path is the user's own, and a flag says nothing of the program.
  const packages = literals(args).filter((arg) => !/^[-./~]|^[A-Za-z]:|=|:\/\//.test(arg));
  const texts = [name, basename(literalText(command)), ...packages];
  const words = texts.flatMap((text) => text.toLowerCase().split(/[^a-z0-9]+/));
  return new Set(words.filter((word) => word.length >= 3 && !COMMON_WORDS.has(word)));
}

function literals(args: Stdio['args']): readonly string[] {
  return args.map((arg) => (hasUserPlaceholder(arg) ? '' : literalText(arg)));
}
