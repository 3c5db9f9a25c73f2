import { publishedTools } from '../servers/catalogue.ts';
import type { Server } from '../servers/server.ts';

const REDRAW_MS = 200;
const REMINDER_MS = 5_000;
const MAX_NAMES = 4;
const SETTLED_STATES: ReadonlySet<string> = new Set(['ready', 'stopped']);

interface Progress {
  readonly ready: number;
  readonly total: number;
  readonly tools: number;
  readonly starting: readonly string[];
  readonly failed: readonly string[];
}

/** How far the servers are. */
export function progressOf(servers: readonly Server[]): Progress {
  // One that starts again after a failure has the failure's reason still.
  const isFirstStart = ({ status }: Server) => status.state === 'starting' && status.reason === undefined;
  const starting = servers.filter(isFirstStart);
  const failed = servers.filter((server) => !isFirstStart(server) && !SETTLED_STATES.has(server.status.state));
  return {
    ready: servers.filter(({ status }) => status.state === 'ready').length,
    total: servers.length,
    tools: servers.reduce((sum, { catalogue }) => sum + publishedTools(catalogue).length, 0),
    starting: starting.map(({ name }) => name),
    failed: failed.map(({ name }) => name),
  };
}

/** `3 of 4 ready, 27 tools`: without those that are not ready. */
export function countReady({ ready, total, tools }: Progress): string {
  return `${ready} of ${total} ${total === 1 ? 'server' : 'servers'} ready, ${countTools(tools)}`;
}

/** `1 tool`, `2 tools`. */
export function countTools(tools: number): string {
  return tools === 1 ? '1 tool' : `${tools} tools`;
}

/** `3 of 4 ready, 27 tools; waiting for slow (12 s); failing: broken`. */
function describeProgress(servers: readonly Server[], sinceMs: number): string {
  const progress = progressOf(servers);
  const { starting, failed } = progress;
  const waiting = `waiting for ${listNames(starting)} (${Math.floor(sinceMs / 1_000)} s)`;
  return [
    countReady(progress),
    ...(starting.length === 0 ? [] : [waiting]),
    ...(failed.length === 0 ? [] : [`failing: ${listNames(failed)}`]),
  ].join('; ');
}

/** Calls `show` with the progress, a few times a second, until the returned function is called. */
export function followProgress(servers: readonly Server[], show: (line: string) => void): () => void {
  const startedAt = performance.now();
  const draw = () => show(describeProgress(servers, performance.now() - startedAt));
  const timer = setInterval(draw, REDRAW_MS);
  timer.unref();
  draw();
  return () => clearInterval(timer);
}

/** Prints a line for each server that has settled, and from time to time for those that have not. */
export function printProgress(servers: readonly Server[], print: (line: string) => void): () => void {
  const startedAt = performance.now();
  const settled = new Set<string>();
  const note = (server: Server) => {
    if (settled.has(server.name) || server.status.state === 'starting') return;
    settled.add(server.name);
    const { status, name, catalogue } = server;
    const tools = catalogue === undefined ? '' : `, ${countTools(publishedTools(catalogue).length)}`;
    const what = status.state === 'ready' ? `ready${tools}` : (status.reason ?? status.state);
    print(`${settled.size} of ${servers.length}: ${name}: ${what}`);
  };
  for (const server of servers) void server.whenSettled(Number.POSITIVE_INFINITY).then(() => note(server));
  const timer = setInterval(() => print(describeProgress(servers, performance.now() - startedAt)), REMINDER_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    for (const server of servers) note(server);
  };
}

function listNames(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
