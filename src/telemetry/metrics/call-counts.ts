import { entryOf } from './entry-of.ts';
import type { Scrape } from './scrape.ts';

export const CALL_OUTCOMES = [
  'success',
  'tool_error',
  'upstream_error',
  'timeout',
  'cancelled',
  'invalid',
  'unauthenticated',
  'forbidden',
  'not_found',
  'rate_limited',
  'unavailable',
  'setup_required',
  'internal',
] as const;

export type CallOutcome = (typeof CALL_OUTCOMES)[number];

/** Where calls are counted whose tool is not in the server's list, or is beyond the first `MAX_TOOLS` of it. */
const OTHER_TOOLS = 'other';
/** Tools of one server with series of their own. */
const MAX_TOOLS = 200;
/** Characters of a tool's name in a label; the server chooses the name. */
const MAX_NAME_CHARACTERS = 128;
/** Tools of one server that are counted between two scrapes: a server may rename its tools all the time. */
const MAX_COUNTED_TOOLS = 1_000;

/** Seconds: from a local tool's answer to the default deadline of a call. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

const INDEXES: ReadonlyMap<CallOutcome, number> = new Map(CALL_OUTCOMES.map((outcome, index) => [outcome, index]));

interface ServerCalls {
  /** How often each outcome came, by tool. */
  readonly tools: Map<string, Float64Array>;
  /** For each of `BOUNDS` how many calls took at most so long and more than the one before; then those beyond all. */
  readonly durations: Float64Array;
  seconds: number;
}

/**
 * Counts calls and their durations in plain arrays, since every call is counted. prom-client, which would compute a hash
 * of the labels each time, gets the totals at a scrape.
 */
export class CallCounts {
  readonly #servers = new Map<string, ServerCalls>();
  readonly #statusCodes = new Map<number, number>();

  /** A call that has ended. `server` must be configured, or empty; `tool` may be any name, or empty if it is not known. */
  note(server: string, tool: string, outcome: CallOutcome): void {
    const { tools } = this.#of(server);
    const name = tools.size < MAX_COUNTED_TOOLS || tools.has(tool) ? tool : OTHER_TOOLS;
    increase(tools, name, INDEXES.get(outcome) ?? 0);
  }

  noteDuration(server: string, seconds: number): void {
    const calls = this.#of(server);
    let index = 0;
    while (index < BOUNDS.length && seconds > (BOUNDS[index] ?? 0)) index += 1;
    calls.durations[index] = (calls.durations[index] ?? 0) + 1;
    calls.seconds += seconds;
  }

  /** An answer of any kind, with its HTTP status code. */
  noteStatus(code: number): void {
    this.#statusCodes.set(code, (this.#statusCodes.get(code) ?? 0) + 1);
  }

  /**
   * Adds the series of the configured servers, each with the tools that it offers; what other tools have counted goes to
   * `other` for good, and other servers are forgotten.
   */
  write(scrape: Scrape, toolsOf: ReadonlyMap<string, Iterable<string>>): void {
    for (const name of this.#servers.keys()) if (name !== '' && !toolsOf.has(name)) this.#servers.delete(name);
    for (const server of toolsOf.keys()) this.#of(server);
    for (const [server, { tools, durations, seconds }] of this.#servers) {
      keepTools(tools, toolsOf.get(server) ?? []);
      for (const [tool, counts] of tools) {
        for (const [index, outcome] of CALL_OUTCOMES.entries()) {
          const value = counts[index] ?? 0;
          if (value > 0) scrape.add('mcpo_calls_total', { server, tool, outcome }, value);
        }
      }
      if (server === '') continue;
      scrape.addHistogram(
        'mcpo_call_duration_seconds',
        { server },
        { bounds: BOUNDS, counts: durations, sum: seconds },
      );
    }
    for (const [code, value] of this.#statusCodes)
      scrape.add('mcpo_http_requests_total', { code: String(code) }, value);
  }

  #of(server: string): ServerCalls {
    return entryOf(this.#servers, server, () => {
      return { tools: new Map(), durations: new Float64Array(BOUNDS.length + 1), seconds: 0 };
    });
  }
}

function increase(tools: Map<string, Float64Array>, tool: string, index: number, by = 1): void {
  const counts = entryOf(tools, tool, () => new Float64Array(CALL_OUTCOMES.length));
  counts[index] = (counts[index] ?? 0) + by;
}

/** Adds what the tools count that are not among the first of `offered` to `other`. */
function keepTools(tools: Map<string, Float64Array>, offered: Iterable<string>): void {
  const kept = new Set(['', OTHER_TOOLS]);
  for (const tool of offered) {
    if (kept.size >= MAX_TOOLS + 2) break;
    // Half characters of two names would be written alike, as one series twice.
    if (tool.length <= MAX_NAME_CHARACTERS && tool.isWellFormed()) kept.add(tool);
  }
  for (const [tool, counts] of tools) {
    if (kept.has(tool)) continue;
    tools.delete(tool);
    for (const [index, value] of counts.entries()) if (value > 0) increase(tools, OTHER_TOOLS, index, value);
  }
}
