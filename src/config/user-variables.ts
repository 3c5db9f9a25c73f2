import type { z } from 'zod';
import { checkShape, reportUnknownKeys } from './check-shape.ts';
import type { ConfigPlace } from './config-report.ts';
import { nearestName } from './nearest-name.ts';
import type { Isolation, UserVariable } from './server-config.ts';
import type { EntryContext } from './server-context.ts';
import { customUserVariableSchema, inputSchema, type ServerEntry, userVariableSchema } from './servers-file-schema.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A server's `userVars` and LibreChat's `customUserVars`, as one. */
export function readUserVariables(entry: ServerEntry, place: ConfigPlace): Map<string, UserVariable> {
  const variables = new Map<string, UserVariable>();
  for (const [key, schema] of [
    ['userVars', userVariableSchema],
    ['customUserVars', customUserVariableSchema],
  ] as const) {
    for (const [name, value] of entry[key]) {
      const at = place.at(key, name);
      if (!NAME.test(name)) {
        at.problem('the name of a user variable contains letters, digits and "_" and does not begin with a digit.');
      } else if (variables.has(name)) {
        at.problem('is declared in both "userVars" and "customUserVars"; keep one of them.');
      } else {
        reportUnknownKeys(value, Object.keys(schema.shape), at);
        const declared = checkShape(schema, value, at);
        if (declared)
          variables.set(
            name,
            checkedVariable({ ...NOTHING_SET, ...defined(declared), title: declared.title ?? name }, at),
          );
      }
    }
  }
  return variables;
}

/** VS Code's top-level `inputs` by their id; each belongs to the servers that name it as `${input:ID}`. */
export function readInputs(value: unknown, place: ConfigPlace): ReadonlyMap<string, UserVariable> {
  const inputs = new Map<string, UserVariable>();
  if (!Array.isArray(value)) {
    place.problem('must be a list.');
    return inputs;
  }
  value.forEach((item: unknown, index) => {
    const at = place.at(index);
    reportUnknownKeys(item, Object.keys(inputSchema.shape), at);
    const input = checkShape(inputSchema, item, at);
    if (input === undefined) return;
    if (inputs.has(input.id)) {
      at.problem(`the id "${input.id}" is taken by another input.`);
    } else if (input.type === 'pickString' && input.options === undefined) {
      at.problem('a "pickString" needs "options".');
    } else {
      inputs.set(input.id, checkedVariable(inputToVariable(input), at));
    }
  });
  return inputs;
}

const NOTHING_SET: Omit<UserVariable, 'title'> = {
  description: undefined,
  required: true,
  sensitive: true,
  default: undefined,
  choices: undefined,
  pattern: undefined,
  helpUrl: undefined,
};

function inputToVariable(input: z.infer<typeof inputSchema>): UserVariable {
  return {
    ...NOTHING_SET,
    title: input.id,
    description: input.description,
    // VS Code shows an input unless "password" is set; a choice is not a secret.
    sensitive: input.type === 'promptString' && input.password === true,
    default: input.default,
    choices: input.type === 'pickString' ? input.options : undefined,
  };
}

function checkedVariable(variable: UserVariable, place: ConfigPlace): UserVariable {
  const { pattern, choices, default: given } = variable;
  const expression = pattern === undefined ? undefined : compile(pattern);
  if (expression === 'invalid') place.at('pattern').problem('is not a valid regular expression.');
  if (given === undefined) return variable;
  if (choices && !choices.some((choice) => choice.value === given)) {
    place.at('default').problem('is not one of the choices.');
  }
  if (expression instanceof RegExp && !expression.test(given)) {
    place.at('default').problem('does not match the pattern.');
  }
  return variable;
}

function compile(pattern: string): RegExp | 'invalid' {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u');
  } catch {
    return 'invalid';
  }
}

/**
 * A server's `discovery`. Without it, a server whose settings are the same for every user can list its tools all the
 * same; `undefined`: the tools are known only from a user's session.
 */
export function readDiscovery(
  { entry, templates, place, secrets }: EntryContext,
  variables: ReadonlyMap<string, UserVariable>,
  isolation: Isolation,
): ReadonlyMap<string, string> | undefined {
  const root = place.at('discovery');
  if (entry.discovery === undefined) {
    return isolation === 'shared' || templates.hasUserPlaceholders ? undefined : new Map();
  }
  if (isolation === 'shared') {
    root.warning('has no effect on a server that all users share.');
    return undefined;
  }
  const values = new Map<string, string>();
  for (const [name, text] of entry.discovery) {
    const at = root.at(name);
    if (!variables.has(name)) {
      const nearest = nearestName(name, variables.keys());
      const hint = nearest === undefined ? '.' : `; did you mean "${nearest}"?`;
      at.problem(`is not a user variable of this server${hint}`);
      continue;
    }
    const value = templates.readLiteral(text, at, 'it is the value with which the service itself lists the tools.');
    if (value === undefined) continue;
    if (/[\r\n]/.test(value)) at.problem('contains a line break.');
    secrets.add(value);
    values.set(name, value);
  }
  for (const [name, { required, default: given }] of variables) {
    if (!required || given !== undefined || entry.discovery.has(name)) continue;
    root.problem(`lacks a value for ${name}, which is required and has no default.`);
  }
  return values;
}

/** Without the keys that are `undefined`. */
export function defined<Value extends object>(
  value: Value,
): { [Key in keyof Value]-?: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;
}
