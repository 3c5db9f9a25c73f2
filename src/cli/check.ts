import type { ServerConfig } from '../config/server-config.ts';
import type { Settings } from '../config/settings.ts';
import { parseUrl } from '../parse-url.ts';
import { hasUserPlaceholder, literalText } from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import { findConfinementProblem } from '../process/confinement/confine-child.ts';
import { findCommand } from '../process/find-command.ts';
import { plain } from '../telemetry/paint.ts';
import type { CommandResult } from './command-result.ts';

interface Finding {
  readonly state: 'ok' | 'not found';
  readonly server: string;
  readonly detail: string;
}

/** `checkCommands`, and whether this system can confine each server as its entry asks. */
export async function checkServers(settings: Pick<Settings, 'servers'>, paint = plain): Promise<CommandResult> {
  const { text, exitCode } = checkCommands(settings, process.platform, paint);
  const problems: string[] = [];
  for (const { name, transport, unresolved = [] } of settings.servers) {
    for (const { reference } of unresolved) {
      problems.push(`${paint('red', 'no secret')}  ${name}  \${${reference}} cannot be read; see the warning.\n`);
    }
    if (transport.type !== 'stdio' || transport.confinement === undefined) continue;
    const problem = await findConfinementProblem(transport.confinement);
    if (problem !== undefined) problems.push(`${paint('red', 'not confined')}  ${name}  ${problem}.\n`);
  }
  return { text: text + problems.join(''), exitCode: problems.length > 0 ? 1 : exitCode };
}

/** Looks up the program of every stdio server, as a start would, without starting it; remote ones are not contacted. */
export function checkCommands(
  settings: Pick<Settings, 'servers'>,
  platform: NodeJS.Platform = process.platform,
  paint = plain,
): CommandResult {
  const findings = settings.servers.map((server) => checkServer(server, platform));
  const width = Math.max(0, ...findings.map(({ server }) => server.length));
  const lines = findings.map(({ state, server, detail }) => {
    const label = paint(state === 'ok' ? 'green' : 'red', state.padEnd(9));
    return `${label}  ${server.padEnd(width)}  ${detail}\n`;
  });
  const exitCode = findings.some(({ state }) => state === 'not found') ? 1 : 0;
  return { text: lines.join(''), exitCode };
}

function checkServer(config: ServerConfig, platform: NodeJS.Platform): Finding {
  const { name: server, transport } = config;
  if (transport.type !== 'stdio') {
    return { state: 'ok', server, detail: `${originOf(transport.url)} (not contacted)` };
  }
  const command = literalText(transport.command);
  const variable = (name: string) => environmentOf(transport, name, platform);
  const file = findCommand(command, {
    path: variable('PATH'),
    pathExtensions: variable('PATHEXT'),
    cwd: transport.cwd,
    platform,
  });
  if (file !== undefined) return { state: 'ok', server, detail: file === command ? file : `${command} is ${file}` };
  return { state: 'not found', server, detail: `${command} ${whyNotFound(command)}` };
}

function whyNotFound(command: string): string {
  if (/[/\\]/.test(command)) return 'is not a program that this user may run; check the path and its permissions.';
  if (/\s/.test(command)) return 'is more than one word; put the first one into "command" and the others into "args".';
  return 'is not on the PATH that the server gets; install it, or give its full path in "command".';
}

type StdioTransport = Extract<ServerConfig['transport'], { type: 'stdio' }>;

/** A variable of the child's environment, as far as it is the same for every user. */
function environmentOf(transport: StdioTransport, name: string, platform: NodeJS.Platform): string | undefined {
  const isSame = (other: string) =>
    platform === 'win32' ? other.toLowerCase() === name.toLowerCase() : other === name;
  for (const [other, template] of transport.env) {
    if (isSame(other) && !hasUserPlaceholder(template)) return literalText(template);
  }
  return Object.entries(transport.inheritedEnv).find(([other]) => isSame(other))?.[1];
}

/** Scheme and host only: path and query may contain secrets. */
function originOf(url: Template): string {
  const text = url.map((part) => (part.kind === 'literal' ? part.text : 'x')).join('');
  return parseUrl(text)?.origin ?? 'remote';
}
