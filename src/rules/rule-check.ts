import { setImmediate as nextTurn } from 'node:timers/promises';
import { ArgumentForbiddenError, InvalidArgumentsError } from '../errors.ts';
import {
  type FoundText,
  type FoundValue,
  foldName,
  textList,
  textsEverywhere,
  textsIn,
  valuesAt,
} from './argument-values.ts';
import { type DenyEntry, DenyList } from './deny-pattern.ts';
import { findDuplicateName } from './duplicate-names.ts';
import { toHostCheck } from './host-rule.ts';
import { listedArguments } from './listed-arguments.ts';
import { deniedPath, deniedText, lexicalForms, type PathGround, readPath } from './path-rule.ts';

/** The argument name of a rule for all texts. */
const EVERYWHERE = '*';
/** Of one call; each costs a look at the file system. */
const MAX_PATHS = 1_000;
/** So many characters are tested against patterns before other calls get their turn: about 10 ms. */
const CHARACTERS_PER_TURN = 1_000_000;
/** What a test of a short text costs beside its characters. */
const CHARACTERS_OF_A_TEST = 100;
const MAX_NAME_CHARACTERS = 100;

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

/** As the servers file has it. */
export interface GivenRule {
  /** Of tools. */
  readonly pattern: string;
  readonly argument: string;
  readonly rule: ArgumentRule;
}

/** All rules for one argument, each of which must hold. */
interface ArgumentGroup {
  /** The folded argument. */
  readonly path: string;
  readonly rules: readonly GivenRule[];
  readonly deny: DenyList;
  /** For each entry of `deny`. */
  readonly denyKeys: readonly { readonly rule: GivenRule; readonly key: string }[];
  readonly hosts: readonly { readonly rule: GivenRule; readonly isAllowed: (url: string) => boolean }[];
}

/** Rules that are compiled, for the arguments of one tool. */
export class RuleCheck {
  readonly #groups: readonly ArgumentGroup[];
  readonly #known: ReadonlySet<string> | undefined;
  readonly #ground: PathGround;

  constructor(rules: readonly GivenRule[], inputSchema: unknown, ground: PathGround) {
    this.#groups = toGroups(rules);
    this.#ground = ground;
    const isNamed = rules.some(({ argument }) => argument !== EVERYWHERE);
    this.#known = isNamed ? listedArguments(inputSchema) : undefined;
  }

  /** As `ToolRules.check`. */
  async check(args: Readonly<Record<string, unknown>>, exactText: string | undefined): Promise<void> {
    if (exactText !== undefined) refuseDuplicates(exactText);
    this.#refuseUnknown(args);
    const checking = new Checking(args, this.#ground);
    for (const group of this.#groups) await checking.check(group);
  }

  /** An argument that the schema does not list may be another name of one that has a rule. */
  #refuseUnknown(args: Readonly<Record<string, unknown>>): void {
    const unknown = this.#known && Object.keys(args).find((name) => !this.#known?.has(name));
    if (unknown === undefined) return;
    const message = `The tool does not list an argument ${quote(unknown)}, and others may not be sent to it.`;
    throw new ArgumentForbiddenError(message, cut(unknown), 'unknown argument');
  }
}

/** One call's arguments on their way through the rules. */
class Checking {
  readonly #args: Readonly<Record<string, unknown>>;
  readonly #ground: PathGround;
  #paths = 0;
  #characters = 0;

  constructor(args: Readonly<Record<string, unknown>>, ground: PathGround) {
    this.#args = args;
    this.#ground = ground;
  }

  async check(group: ArgumentGroup): Promise<void> {
    if (group.path === EVERYWHERE) {
      await this.#checkTexts(group, textsEverywhere(this.#args));
      return;
    }
    for (const found of valuesAt(this.#args, group.path)) await this.#checkValue(group, found);
  }

  async #checkValue(group: ArgumentGroup, found: FoundValue): Promise<void> {
    const { rules, deny, hosts } = group;
    const texts = textList(found);
    const textRule = rules.find(({ rule: { within, hosts } }) => within !== undefined || hosts !== undefined);
    if (texts === undefined && textRule !== undefined) {
      const key = textRule.rule.within === undefined ? 'hosts' : 'within';
      throw broken(textRule, key, found.argument, 'must be a text, or a list of texts');
    }
    const forbidden = hosts.find(({ isAllowed }) => texts?.some(({ text }) => !isAllowed(text)));
    if (forbidden !== undefined) {
      throw broken(forbidden.rule, 'hosts', found.argument, describeHosts(forbidden.rule.rule.hosts ?? []));
    }
    const hasPaths = deny.hasGlobs || rules.some(({ rule }) => rule.within !== undefined);
    if (hasPaths && texts !== undefined) await this.#checkPaths(group, texts);
    else await this.#checkTexts(group, textsIn(found, true));
  }

  async #checkPaths(group: ArgumentGroup, texts: readonly FoundText[]): Promise<void> {
    checkLengths(group, texts);
    const bounded = group.rules.filter(({ rule }) => rule.within !== undefined);
    for (const { text, argument } of texts) {
      this.#paths += 1;
      if (this.#paths > MAX_PATHS) {
        throw broken(bounded[0] ?? group.rules[0], 'within', argument, `has more than ${MAX_PATHS} paths`);
      }
      await this.#spend(text.length);
      const { forms, isInside } = await readPath(text, bounded[0]?.rule.within, this.#ground);
      for (const [index, given] of bounded.entries()) {
        const { within = [] } = given.rule;
        const path = index === 0 ? undefined : await readPath(text, within, this.#ground);
        for (const form of path?.forms ?? []) forms.add(form);
        if (path?.isInside ?? isInside) continue;
        throw broken(given, 'within', argument, describeFolders(within, this.#ground));
      }
      refuseDenied(group, Math.max(deniedText(group.deny, text), deniedPath(group.deny, forms)), argument);
    }
  }

  /** Lengths first: they cost nothing, and bound what the patterns cost. */
  async #checkTexts(group: ArgumentGroup, texts: readonly FoundText[]): Promise<void> {
    checkLengths(group, texts);
    const { deny } = group;
    if (deny.isEmpty) return;
    for (const { text, argument } of texts) {
      const turn = this.#spend(text.length + CHARACTERS_OF_A_TEST);
      if (turn !== undefined) await turn;
      refuseDenied(group, deniedText(deny, text), argument);
      if (deny.hasGlobs) refuseDenied(group, deniedPath(deny, lexicalForms(text)), argument);
    }
  }

  #spend(characters: number): Promise<void> | undefined {
    this.#characters += characters;
    if (this.#characters < CHARACTERS_PER_TURN) return undefined;
    this.#characters = 0;
    return nextTurn();
  }
}

function toGroups(source: readonly GivenRule[]): readonly ArgumentGroup[] {
  const byPath = new Map<string, GivenRule[]>();
  for (const given of source) {
    const path = foldName(given.argument);
    byPath.set(path, [...(byPath.get(path) ?? []), given]);
  }
  return [...byPath].map(([path, rules]) => {
    const entries = rules.flatMap((rule) =>
      (rule.rule.deny ?? []).map((text, index) => {
        const entry: DenyEntry = { source: text, within: rule.rule.within };
        return { entry, rule, key: `deny[${index}]` };
      }),
    );
    return {
      path,
      rules,
      deny: new DenyList(entries.map(({ entry }) => entry)),
      denyKeys: entries.map(({ rule, key }) => ({ rule, key })),
      hosts: rules.flatMap((rule) => (rule.rule.hosts ? { rule, isAllowed: toHostCheck(rule.rule.hosts) } : [])),
    };
  });
}

function checkLengths({ rules }: ArgumentGroup, texts: readonly FoundText[]): void {
  for (const given of rules) {
    const { maxLength } = given.rule;
    if (maxLength === undefined) continue;
    const long = texts.find(({ text }) => isLonger(text, maxLength));
    if (long !== undefined) {
      throw broken(given, 'maxLength', long.argument, `may have at most ${maxLength} characters`);
    }
  }
}

/** The pattern is for the audit log: shown to callers, it would say what to write in another way. */
function refuseDenied({ deny, denyKeys }: ArgumentGroup, index: number, argument: string): void {
  const found = denyKeys[index];
  if (found === undefined) return;
  const what = deny.kindAt(index) === 'glob' ? 'names a file or folder' : 'has a text';
  throw broken(found.rule, found.key, argument, `${what} that the rules of this service do not allow`);
}

/** In code points. */
function isLonger(text: string, max: number): boolean {
  if (text.length <= max) return false;
  if (text.length > 2 * max) return true;
  let characters = 0;
  for (const _ of text) characters += 1;
  return characters > max;
}

function refuseDuplicates(text: string): void {
  const name = findDuplicateName(text);
  if (name === undefined) return;
  const msg = `Input should have each name once, and has ${quote(name)} twice`;
  throw new InvalidArgumentsError([{ type: 'duplicate_name', loc: ['body'], msg }]);
}

function broken(given: GivenRule | undefined, key: string, argument: string, what: string): ArgumentForbiddenError {
  const message = `The argument ${quote(argument)} ${what}.`;
  return new ArgumentForbiddenError(message, cut(argument), `${given?.pattern}: ${given?.argument}.${key}`);
}

function describeFolders(folders: readonly string[], { base }: PathGround): string {
  if (folders.length === 0) return 'may not be used: no folder is allowed';
  return `must be ${base === undefined ? 'an absolute path' : 'a path'} below ${toList(folders)}`;
}

function describeHosts(hosts: readonly string[]): string {
  if (hosts.length === 0) return 'may not be used: no host is allowed';
  return `must be an http or https URL of ${hosts.includes('*') ? 'a host' : toList(hosts)}, written in full`;
}

function toList(names: readonly string[]): string {
  return names.length === 1 ? `${names[0]}` : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function quote(name: string): string {
  return JSON.stringify(cut(name));
}

function cut(name: string): string {
  return name.length > MAX_NAME_CHARACTERS ? `${name.slice(0, MAX_NAME_CHARACTERS).toWellFormed()}…` : name;
}
