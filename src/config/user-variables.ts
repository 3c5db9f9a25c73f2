import { z } from 'zod';
import { checkShape, reportUnknownKeys } from './check-shape.ts';
import type { ConfigPlace } from './config-report.ts';
import { httpUrl, nonEmptyText, text } from './shapes.ts';

export const variableName = text.regex(
  /^[A-Za-z_][A-Za-z0-9_]*$/,
  'the name of a user variable contains letters, digits and "_" and does not begin with a digit.',
);

const choices = z
  .array(
    z
      .union(
        [
          text,
          z.object({
            value: text.describe('The value.'),
            label: text.optional().describe('What users see in its place.'),
          }),
        ],
        {
          error: 'must be a text or {"value": …, "label": …}.',
        },
      )
      .transform((given) => {
        const { value, label = value } = typeof given === 'string' ? { value: given } : given;
        return { value, label };
      }),
  )
  .min(1, 'must contain at least one choice.');

/** LibreChat's declaration of a user variable. */
export const customUserVariable = z.object({
  title: nonEmptyText.optional().describe('Name of the value for people; unset: the name of the variable.'),
  description: text.optional().describe('What the value is and where to get it; Markdown.'),
});

const declared = customUserVariable.extend({
  /** Unset and without a default: the call is refused. Otherwise what names it is left out. */
  required: z
    .boolean()
    .default(true)
    .describe('Without a value and a default, calls are answered with 428; otherwise what names it is left out.'),
  /** Shown as a password field and never given back. */
  sensitive: z
    .boolean()
    .default(true)
    .describe(
      'The value is entered as a password and never shown; `false`: its user sees it on `/vault` and can edit it.',
    ),
  default: text.optional().describe('Value for users who have set none.'),
  /** The only values allowed. */
  choices: choices.optional().describe('The only values that are allowed: texts, or `{"value", "label"}`.'),
  /** A regular expression with the `u` flag that the whole value must match. */
  pattern: nonEmptyText.optional().describe('Regular expression (with the flag `u`) that the whole value must match.'),
  patternHint: nonEmptyText
    .optional()
    .describe('The expected format in words, shown beside the field and when a value does not match `pattern`.'),
  helpUrl: httpUrl.optional().describe('Page on which users find the value.'),
});

type Issues = Pick<z.core.$RefinementCtx, 'addIssue'>;

function checkDefault(
  { pattern, choices: allowed, default: given }: Partial<z.infer<typeof declared>>,
  issues: Issues,
) {
  const problem = (key: string, message: string) => issues.addIssue({ code: 'custom', path: [key], message });
  const expression = pattern === undefined ? undefined : compile(pattern);
  if (expression === 'invalid') problem('pattern', 'is not a valid regular expression.');
  if (given === undefined) return;
  if (allowed && !allowed.some(({ value }) => value === given)) problem('default', 'is not one of the choices.');
  if (expression instanceof RegExp && !expression.test(given)) problem('default', 'does not match the pattern.');
}

function compile(pattern: string): RegExp | 'invalid' {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u');
  } catch {
    return 'invalid';
  }
}

/** A value that the admin declares and each user fills in. */
export const userVariable = declared.superRefine(checkDefault);
export type UserVariable = Readonly<z.infer<typeof userVariable>> & { readonly title: string };

/** VS Code's declaration of the same thing, at the top level of the file. */
export const inputSchema = z.object({
  id: text
    .regex(/^[A-Za-z0-9_.-]+$/, 'may contain letters, digits, "_", "." and "-" only.')
    .describe('The name in `${input:ID}`.'),
  type: z
    .enum(['promptString', 'pickString'], {
      error: 'must be "promptString" or "pickString"; other inputs need VS Code itself.',
    })
    .describe('A text, or a choice from `options`.'),
  description: text.optional().describe('What users are asked for.'),
  password: z.boolean().optional().describe('The value is entered as a password and never shown.'),
  default: text.optional().describe('Value for users who have set none.'),
  options: choices.optional().describe('The only values that are allowed.'),
});
const usableInput = inputSchema
  .refine(({ type, options }) => type !== 'pickString' || options !== undefined, 'a "pickString" needs "options".')
  .superRefine(({ type, options, ...rest }, issues) =>
    checkDefault({ ...rest, choices: type === 'pickString' ? options : undefined }, issues),
  );

interface DeclaredVariables {
  readonly userVars: ReadonlyMap<string, z.infer<typeof userVariable>>;
  readonly customUserVars: ReadonlyMap<string, z.infer<typeof customUserVariable>>;
}

/** A server's `userVars` and LibreChat's `customUserVars`, as one. */
export function readUserVariables(
  { userVars, customUserVars }: DeclaredVariables,
  given: Readonly<Record<string, unknown>>,
  place: ConfigPlace,
): Map<string, UserVariable> {
  const variables = new Map<string, UserVariable>();
  for (const [key, schema, read] of [
    ['userVars', declared, userVars],
    ['customUserVars', customUserVariable, customUserVars],
  ] as const) {
    for (const [name, variable] of read) {
      const at = place.at(key, name);
      reportUnknownKeys(Reflect.get(Object(given[key]), name), Object.keys(schema.shape), at);
      if (variables.has(name)) at.problem('is declared in both "userVars" and "customUserVars"; keep one of them.');
      variables.set(name, { ...declared.parse({}), ...variable, title: variable.title ?? name });
    }
  }
  return variables;
}

/** VS Code's top-level `inputs` by their id; each belongs to the servers that name it as `${input:ID}`. */
export function readInputs(value: unknown, place: ConfigPlace): ReadonlyMap<string, UserVariable> {
  const variables = new Map<string, UserVariable>();
  const items = checkShape(z.array(z.unknown()), value, place) ?? [];
  for (const [index, item] of items.entries()) {
    const at = place.at(index);
    reportUnknownKeys(item, Object.keys(inputSchema.shape), at);
    const read = checkShape(usableInput, item, at);
    if (read === undefined) continue;
    const { id, type, password = false, options, ...rest } = read;
    if (variables.has(id)) at.problem(`the id "${id}" is taken by another input.`);
    // VS Code shows an input unless "password" is set; a choice is not a secret.
    const kind = type === 'pickString' ? { sensitive: false, choices: options } : { sensitive: password };
    variables.set(id, { ...rest, ...kind, title: id, required: true });
  }
  return variables;
}
