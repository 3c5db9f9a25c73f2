import type { ServiceOptions } from '../config/arguments.ts';
import type { Environment } from '../config/environment.ts';
import type { Server } from '../servers/server.ts';
import { describeUnmatchedRule } from '../servers/unmatched-rules.ts';
import type { CommandResult } from './check.ts';
import { withStartedServers } from './start-servers.ts';

/** Starts every server, lists its tools and ends it; one line a server. Rules that match no tool are problems too. */
export function checkStart(options: ServiceOptions, environment: Environment): Promise<CommandResult> {
  return withStartedServers(options, environment, async ({ registry }) => {
    const servers = registry.list();
    const hasUnmatched = servers.some(({ catalogue }) => (catalogue?.unmatchedRules.length ?? 0) > 0);
    return {
      text: servers.map((server) => `${toLine(server)}\n`).join(''),
      exitCode: servers.every(isOk) && !hasUnmatched ? 0 : 1,
    };
  });
}

/** A server whose tools only a user can list is as good as can be told. */
function isOk({ status, config: { isolation, discovery } }: Server): boolean {
  return status.state === 'ready' || (isolation !== 'shared' && discovery === undefined);
}

function toLine(server: Server): string {
  const { state, reason, detail } = server.status;
  const rejected = server.catalogue?.rejected ?? [];
  const tools = server.catalogue === undefined ? '' : `, ${server.catalogue.tools.size} tools`;
  const why = (reason === undefined ? '' : `: ${reason}`) + (detail === undefined ? '' : `; ${detail}`);
  const names = [...(server.catalogue?.tools.keys() ?? [])].map((name) => `\n          ${name.slice(0, 200)}`);
  const leftOut = rejected.map(
    ({ name, reason: because }) => `\n          tool "${name.slice(0, 200)}" is left out: ${because}`,
  );
  const unmatched = (server.catalogue?.unmatchedRules ?? []).map(
    (rule) => `\n          ${describeUnmatchedRule(rule)}`,
  );
  return `${isOk(server) ? 'ok    ' : 'failed'}  ${server.name}  ${state}${tools}${why}${names.join('')}${leftOut.join('')}${unmatched.join('')}`;
}
