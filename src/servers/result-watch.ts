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
 * Looks whether results keep to their tool's outputSchema, after they were answered: one that does not is delivered
 * all the same, and told in the log once per tool, without its content. Large results are not looked at.
 */
export class ResultWatch {
  readonly #server: string;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #counts = new WeakMap<CatalogueTool, number>();
  readonly #told = new WeakSet<CatalogueTool>();

  constructor(server: string, logger: Pick<Logger, 'warn'>) {
    this.#server = server;
    this.#logger = logger;
  }

  /** Returns at once; the check comes after the answer that is being given. */
  notice(tool: CatalogueTool, { isError, structuredContent }: ToolResult): void {
    const { checkResult } = tool;
    if (checkResult === undefined || isError || structuredContent === undefined || this.#told.has(tool)) return;
    const count = this.#counts.get(tool) ?? 0;
    this.#counts.set(tool, count + 1);
    if (count >= FIRST_RESULTS && count % EVERY !== 0) return;
    setImmediate(() => this.#check(tool, checkResult, structuredContent));
  }

  #check(tool: CatalogueTool, checkResult: NonNullable<CatalogueTool['checkResult']>, value: unknown): void {
    if (this.#told.has(tool) || isLarger(value, MAX_NODES, MAX_CHARACTERS)) return;
    const breaches = checkResult(value);
    if (breaches.length === 0) return;
    this.#told.add(tool);
    this.#logger.warn('a result breaks the outputSchema of its tool and is delivered all the same', {
      server: this.#server,
      tool: tool.definition.name,
      breaks: breaches,
    });
  }
}
