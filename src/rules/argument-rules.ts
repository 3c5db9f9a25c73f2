import { matchesName } from '../auth/scope.ts';
import type { PathGround } from './path-rule.ts';
import type { ArgumentRule, GivenRule, RuleCheck } from './rule-check.ts';

/** By the tool's own name or a pattern of `matchesName`, then by argument. */
type ArgumentRules = ReadonlyMap<string, ReadonlyMap<string, ArgumentRule>>;

/** The rules for the arguments of one tool. What checks them is loaded and compiled for its first call. */
export class ToolRules {
  readonly #source: readonly GivenRule[];
  readonly #inputSchema: unknown;
  readonly #ground: PathGround;
  #check: RuleCheck | undefined;

  /** `undefined` if no rule is for the tool. `ownName` is the server's own name for it. */
  static of(rules: ArgumentRules, tool: { ownName: string; inputSchema: unknown }, ground: PathGround) {
    const source = [...rules]
      .filter(([pattern]) => matchesName(pattern, tool.ownName))
      .flatMap(([pattern, ofTool]) => [...ofTool].map(([argument, rule]) => ({ pattern, argument, rule })));
    return source.length === 0 ? undefined : new ToolRules(source, tool.inputSchema, ground);
  }

  private constructor(source: readonly GivenRule[], inputSchema: unknown, ground: PathGround) {
    this.#source = source;
    this.#inputSchema = inputSchema;
    this.#ground = ground;
  }

  /**
   * Checks arguments as the tool gets them; `exactText` is their JSON text where that is what is sent. Takes time in
   * proportion to the arguments, in turns with other calls. Throws `ArgumentForbiddenError`, without the value, and
   * `InvalidArgumentsError` for a text in which a name is given twice: the tool might read the other one.
   */
  async check(args: Readonly<Record<string, unknown>>, exactText: string | undefined): Promise<void> {
    const { RuleCheck } = await import('./rule-check.ts');
    this.#check ??= new RuleCheck(this.#source, this.#inputSchema, this.#ground);
    await this.#check.check(args, exactText);
  }
}
