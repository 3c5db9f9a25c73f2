import { createHash } from 'node:crypto';
import type { OperationIdStyle } from '../config/settings.ts';

const MAX_LENGTH = 64;

/** A server and its tools, by name: all that ids depend on. A server without a catalogue yet has no tools here. */
export interface NamedServer {
  readonly name: string;
  readonly tools: readonly { readonly name: string }[];
  /** Its one tool is the one that connects, whose name has the server's in front already. */
  readonly awaitedSource?: unknown;
}

/** Operation ids by server name, then by tool name. */
export type OperationIds = ReadonlyMap<string, ReadonlyMap<string, string>>;

interface Candidate {
  readonly server: string;
  readonly tool: string;
  readonly wanted: string;
  /** Nothing had to be replaced or cut, so this one has the first right to the id. */
  readonly isExact: boolean;
  /** Another server of the configuration owns ids that begin like this. */
  readonly isForeign: boolean;
}

/**
 * One id per tool, each matching `^[A-Za-z_][A-Za-z0-9_-]{0,63}$` and unique over all `servers` given.
 * An id that two tools would share gets a hash of the exact names instead. In the style `server`, which server owns a
 * prefix is settled by the servers' names alone, so that ids do not change when another catalogue arrives: pass every
 * configured server, with or without tools.
 */
export function toOperationIds(
  servers: readonly NamedServer[],
  style: OperationIdStyle,
  singleServer: boolean,
): OperationIds {
  const hasPrefix = style === 'server' && !singleServer;
  const ownerOf = hasPrefix ? prefixOwners(servers.map((server) => server.name)) : () => undefined;

  const candidates: Candidate[] = [];
  for (const server of servers) {
    for (const tool of new Set(server.tools.map(({ name }) => name))) {
      const isWhole = style === 'server' && server.awaitedSource !== undefined;
      const raw = isWhole ? tool : rawId(server.name, tool, style, singleServer);
      const wanted = clean(raw);
      const owner = ownerOf(wanted);
      candidates.push({
        server: server.name,
        tool,
        wanted,
        isExact: wanted === raw,
        isForeign: owner !== undefined && owner !== server.name,
      });
    }
  }
  return assign(candidates);
}

/** The ids in each server's own document: in the styles other than `server` they are unique within it only. */
export function toOwnOperationIds(
  servers: readonly NamedServer[],
  style: OperationIdStyle,
  singleServer: boolean,
): OperationIds {
  if (style === 'server') return toOperationIds(servers, style, singleServer);
  return new Map(servers.flatMap((server) => [...toOperationIds([server], style, singleServer)]));
}

function rawId(server: string, tool: string, style: OperationIdStyle, singleServer: boolean): string {
  if (style === 'mcpo') return `tool_${tool.replace(/[^\p{L}\p{N}_]/gu, '_')}_post`;
  if (style === 'tool' || singleServer) return tool;
  return `${server}_${tool}`;
}

/** The longest server prefix wins: with the servers `a` and `a_b`, everything that begins with `a_b_` is `a_b`'s. */
function prefixOwners(names: readonly string[]): (id: string) => string | undefined {
  const owners = new Map<string, string>();
  for (const name of [...names].sort()) {
    const prefix = clean(`${name}_`);
    const isExact = prefix === `${name}_`;
    // Two inexact names with one prefix: an owner that is not a server, so that both get hashes.
    if (isExact || !owners.has(prefix)) owners.set(prefix, name);
    else if (clean(`${owners.get(prefix)}_`) !== `${owners.get(prefix)}_`) owners.set(prefix, '');
  }
  const prefixes = [...owners.keys()].sort((a, b) => b.length - a.length);
  return (id) => {
    const prefix = prefixes.find((candidate) => id.startsWith(candidate));
    return prefix === undefined ? undefined : owners.get(prefix);
  };
}

function assign(candidates: readonly Candidate[]): OperationIds {
  const ids = new Map<string, Map<string, string>>();
  const taken = new Set<string>();
  const give = ({ server, tool }: Candidate, id: string) => {
    taken.add(id);
    const ofServer = ids.get(server) ?? new Map<string, string>();
    ids.set(server, ofServer.set(tool, id));
  };

  const rivals = new Map<string, Candidate[]>();
  const hashed: Candidate[] = [];
  for (const candidate of candidates) {
    if (candidate.isForeign || candidate.wanted.length > MAX_LENGTH) hashed.push(candidate);
    else rivals.set(candidate.wanted, [...(rivals.get(candidate.wanted) ?? []), candidate]);
  }
  for (const [wanted, group] of rivals) {
    const exact = group.filter((candidate) => candidate.isExact);
    const winner = group.length === 1 ? group[0] : exact.length === 1 ? exact[0] : undefined;
    if (winner !== undefined) give(winner, wanted);
    hashed.push(...group.filter((candidate) => candidate !== winner));
  }
  for (const candidate of hashed.sort(byNames)) {
    let id = withHash(candidate, 0);
    for (let salt = 1; taken.has(id); salt++) id = withHash(candidate, salt);
    give(candidate, id);
  }
  return ids;
}

function byNames(a: Candidate, b: Candidate): number {
  const [left, right] = [JSON.stringify([a.server, a.tool]), JSON.stringify([b.server, b.tool])];
  return left < right ? -1 : left > right ? 1 : 0;
}

function withHash({ server, tool, wanted }: Candidate, salt: number): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([server, tool, salt]))
    .digest('hex')
    .slice(0, 8);
  return `${wanted.slice(0, MAX_LENGTH - 1 - hash.length)}_${hash}`;
}

function clean(raw: string): string {
  const cleaned = raw.replace(/[^A-Za-z0-9_-]/gu, '_');
  return /^[A-Za-z_]/.test(cleaned) ? cleaned : `_${cleaned}`;
}
