import { matchesName } from '../auth/scope.ts';
import type { PathGround } from './path-rule.ts';
import type { RuleCheck } from './rule-check.ts';

/** What one argument may be. An empty list allows nothing. */
export interface ArgumentRule {
  /** Absolute paths of folders. */
  readonly within?: readonly string[] | undefined;
  /** As `DenyList` reads them. */
  readonly deny?: readonly string[] | undefined;
  /** As `toHostCheck` reads them. */
  readonly hosts?: readonly string[] | undefined;
  /** In code points. */
  readonly maxLength?: number | undefined;
}

/** By the tool's own name or a pattern of `matchesName`, then by argument. */
type ArgumentRules = ReadonlyMap<string, ReadonlyMap<string, ArgumentRule>>;

/** As the servers file has it. */
export interface GivenRule {
  /** Of tools. */
  readonly pattern: string;
  readonly argument: string;
  readonly rule: ArgumentRule;
}

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
