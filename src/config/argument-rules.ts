import { z } from 'zod';
import { denyPatternProblem } from '../rules/deny-pattern.ts';
import { hostProblem } from '../rules/host-rule.ts';
import { isAbsolutePath } from '../rules/path-text.ts';
import { count, mapOf, nonEmptyText, ONE_OR_MORE, text } from './shapes.ts';

/** The name that means every text anywhere in the arguments. */
const EVERYWHERE = '*';

const root = nonEmptyText
  .refine((path) => isAbsolutePath(path), 'must be an absolute path, such as "/data".')
  .refine((path) => !/\$\{|\{\{/.test(path), 'has a placeholder; the paths of rules are the same for everyone.')
  .refine((path) => !/[*?]/.test(path), 'is a folder, without "*" and "?"; patterns belong into "deny".');
const host = text.superRefine((entry, issues) => {
  const message = hostProblem(entry);
  if (message !== undefined) issues.addIssue({ code: 'custom', message });
});

const argumentRule = z
  .strictObject({
    within: oneOrMoreOf(root).describe('Folders: the path, without links and `..`, must be below one of them.'),
    deny: z
      .array(nonEmptyText)
      .min(1, 'denies nothing; leave it out, or name a pattern.')
      .optional()
      .describe('What is refused: globs for paths such as `**/.env`, regular expressions (RE2) for other texts.'),
    hosts: oneOrMoreOf(host).describe('Hosts, such as `api.example.org` or `*.example.org`, of an http or https URL.'),
    maxLength: count.optional().describe('Most characters (Unicode code points) of a text.'),
  })
  .superRefine(({ within, deny, hosts, maxLength }, issues) => {
    if ([within, deny, hosts, maxLength].every((rule) => rule === undefined)) {
      const message = 'restricts nothing; give it "within", "deny", "hosts" or "maxLength".';
      issues.addIssue({ code: 'custom', message });
    }
    for (const [index, pattern] of (deny ?? []).entries()) {
      const message = denyPatternProblem(pattern, within !== undefined);
      if (message !== undefined) issues.addIssue({ code: 'custom', path: ['deny', index], message });
    }
  })
  .meta({ minProperties: 1 });

const rulesOfTool = mapOf(argumentRule, 'must be an object that maps an argument to its rule.')
  .superRefine((rules, issues) => {
    if (rules.size === 0) issues.addIssue({ code: 'custom', message: 'restricts nothing; name an argument, or "*".' });
    if (rules.has('')) issues.addIssue({ code: 'custom', message: 'has a rule for an argument without a name.' });
    for (const key of ['within', 'hosts'] as const) {
      if (rules.get(EVERYWHERE)?.[key] === undefined) continue;
      const message = 'is for one argument, since not every text is a path or URL; name the argument in place of "*".';
      issues.addIssue({ code: 'custom', path: [EVERYWHERE, key], message });
    }
  })
  .meta({ minProperties: 1 });

/** `rules` of a server: for tools by their own name or a pattern, then for arguments. */
export const argumentRules = mapOf(rulesOfTool, 'must be an object that maps a tool to the rules of its arguments.')
  .superRefine((rules, issues) => {
    if (rules.size > 0) return;
    issues.addIssue({ code: 'custom', message: 'restricts nothing; name a tool, or leave it out.' });
  })
  .meta({ minProperties: 1 });

/** One text or a list; an empty list allows nothing, unlike no list. */
function oneOrMoreOf<Item extends z.ZodType<string>>(item: Item) {
  const asList = (given: unknown) => (typeof given === 'string' ? [given] : given);
  return z
    .preprocess(asList, z.array(item))
    .meta({ [ONE_OR_MORE]: true })
    .optional();
}
