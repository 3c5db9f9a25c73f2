import type { ToolResult } from '../mcp/session.ts';
import { isLarger } from '../schema/check/value-size.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { CatalogueTool } from './catalogue.ts';

/** A tool's first results are all checked, later ones now and then. */
const FIRST_RESULTS = 20;
const EVERY = 50;
const MAX_NODES = 5_000;
const MAX_CHARACTERS = 256 * 1024;

/**
 * Checks results against their tool's outputSchema after the call was answered. A violation is logged once per tool,
 * without the result's content; the result is delivered unchanged. Large results are not checked.
 */
export class ResultWatch {
  readonly #server: string;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #counts = new WeakMap<CatalogueTool, number>();
  readonly #reported = new WeakSet<CatalogueTool>();

  constructor(server: string, logger: Pick<Logger, 'warn'>) {
    this.#server = server;
    this.#logger = logger;
  }

  /** Schedules the check for after the answer. */
  watch(tool: CatalogueTool, { isError, structuredContent }: ToolResult): void {
    const { checkResult } = tool;
    if (checkResult === undefined || isError || structuredContent === undefined || this.#reported.has(tool)) return;
    const count = this.#counts.get(tool) ?? 0;
    this.#counts.set(tool, count + 1);
    if (count >= FIRST_RESULTS && count % EVERY !== 0) return;
    setImmediate(() => this.#check(tool, checkResult, structuredContent));
  }

  #check(tool: CatalogueTool, checkResult: NonNullable<CatalogueTool['checkResult']>, value: unknown): void {
    if (this.#reported.has(tool) || isLarger(value, MAX_NODES, MAX_CHARACTERS)) return;
    const breaches = checkResult(value);
    if (breaches.length === 0) return;
    this.#reported.add(tool);
    this.#logger.warn('a result breaks the outputSchema of its tool and is delivered all the same', {
      server: this.#server,
      tool: tool.definition.name,
      breaks: breaches,
    });
  }
}
