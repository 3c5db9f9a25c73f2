import { basename } from 'node:path';

/** Programs that fetch a package before they start it. */
const PACKAGE_RUNNERS = /^(npx|npm|pnpm|pnpx|yarn|bunx|bun|uvx|uv|pipx)(\.(cmd|exe))?$/i;
/** How these, and Docker, say that they are at it. */
const FETCHING =
  /^\s*(downloading|resolving|building|preparing|installing|pulling|unable to find image)\b|: pulling from /i;
const USAGE = /^\s*usage:/i;
const MAX_QUOTED_CHARACTERS = 1_000;
const MAX_QUOTED_LINES = 5;

/** What is known of a child process that did not become a session. */
export interface StartEvidence {
  readonly command: string;
  readonly args: readonly string[];
  /** Names of variables that are set for the service and that the child was not given. */
  readonly withheld: readonly string[];
  /** The last of its stderr, oldest first, without secrets. */
  readonly lines: readonly string[];
  /** The last line on stdout that is not an MCP message, without secrets. */
  readonly noise: string | undefined;
  /** It was still running when it was given up. */
  readonly isSilent: boolean;
  /** Whether it has child processes of its own; `undefined` if that cannot be found out. */
  readonly hasChildren: boolean | undefined;
}

/** What the child said last and what probably helps, for admins; `undefined` if it said nothing and nothing is known. */
export function describeStartEvidence(evidence: StartEvidence): string | undefined {
  const { noise } = evidence;
  const parts = [
    quote(evidence.lines),
    noise && `on stdout, where only MCP messages belong, it wrote: ${noise}`,
    describeFetching(evidence) ?? describeArguments(evidence),
    describeWithheld(evidence),
  ];
  return parts.filter(Boolean).join('; ') || undefined;
}

/** The end of what a child wrote to stderr. */
export function quote(lines: readonly string[]): string | undefined {
  const quoted = lines.slice(-MAX_QUOTED_LINES).join(' | ');
  if (quoted === '') return undefined;
  const isLong = quoted.length > MAX_QUOTED_CHARACTERS;
  return `its last lines on stderr: ${isLong ? `…${quoted.slice(-MAX_QUOTED_CHARACTERS).toWellFormed()}` : quoted}`;
}

function describeFetching({ command, lines, noise, isSilent, hasChildren }: StartEvidence): string | undefined {
  const program = basename(command);
  const hasStartedNothing = PACKAGE_RUNNERS.test(program) && hasChildren === false && noise === undefined;
  if (!isSilent || !(hasStartedNothing || FETCHING.test(lines.at(-1) ?? ''))) return undefined;
  return `${program} is probably still downloading a package: run the command once by hand, or set a longer "startTimeoutMs"`;
}

/** A flag that its program does not know, most often one that a newer version has dropped. */
function describeArguments({ args, lines, isSilent }: StartEvidence): string | undefined {
  if (isSilent) return undefined;
  const said = lines.join('\n');
  const flags = args.map((arg) => arg.split('=', 1)[0] ?? '').filter((arg) => /^--?[A-Za-z]/.test(arg));
  const named = flags.filter((flag) => flag.length > 2 && mentions(said, flag));
  if (named.length > 0) {
    return `it complains of ${named.join(' and ')}: change or remove that in "args"; this version of the server may not know it`;
  }
  return lines.some((line) => USAGE.test(line))
    ? 'it printed its usage: "args" are not what this version of the server expects'
    : undefined;
}

function describeWithheld({ withheld, lines }: StartEvidence): string | undefined {
  const said = lines.join('\n');
  const names = withheld.filter((name) => name.length > 3 && mentions(said, name));
  if (names.length === 0) return undefined;
  const list = names.map((name) => JSON.stringify(name)).join(', ');
  return `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} set for mcpo-ts but not passed on to servers: add "inheritEnv": [${list}] to its entry, or start mcpo-ts with --env`;
}

/** As a word of its own. */
function mentions(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!/[\w-]/.test(text[at - 1] ?? '') && !/[\w-]/.test(text[at + word.length] ?? '')) return true;
  }
  return false;
}
