import type { z } from 'zod';
import { checkShape } from './check-shape.ts';
import type { ConfigPlace, ConfigReport } from './config-report.ts';
import type { JsonPath } from './json-document.ts';
import { nearestName } from './nearest-name.ts';
import type { UserVariable } from './server-config.ts';
import { customUserVariableSchema, inputSchema, type ServerEntry, userVariableSchema } from './servers-file-schema.ts';

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A server's `userVars` and LibreChat's `customUserVars`, as one. */
export function readUserVariables(
  entry: ServerEntry,
  place: ConfigPlace,
  report: ConfigReport,
): Map<string, UserVariable> {
  const variables = new Map<string, UserVariable>();
  for (const key of ['userVars', 'customUserVars'] as const) {
    const schema = key === 'userVars' ? userVariableSchema : customUserVariableSchema;
    for (const [name, value] of entry[key]) {
      const at = { ...place, path: [...place.path, key, name], key: `${key}.${name}` };
      if (!namePattern.test(name)) {
        report.problem(at, 'a user variable is named with letters, digits and "_" and does not begin with a digit.');
      } else if (variables.has(name)) {
        report.problem(at, 'is declared in both "userVars" and "customUserVars"; keep one of them.');
      } else {
        warnOfUnknownKeys(value, schema, at, report);
        const declared = checkShape(schema, value, at, report);
        if (declared) variables.set(name, checkedVariable(toUserVariable(name, declared), at, report));
      }
    }
  }
  return variables;
}

/** VS Code's top-level `inputs` by their id; each belongs to the servers that name it as `${input:ID}`. */
export function readInputs(value: unknown, path: JsonPath, report: ConfigReport): ReadonlyMap<string, UserVariable> {
  const inputs = new Map<string, UserVariable>();
  if (!Array.isArray(value)) {
    report.problem({ path, key: 'inputs' }, 'must be a list.');
    return inputs;
  }
  value.forEach((item: unknown, index) => {
    const at = { path: [...path, index], key: `inputs[${index}]` };
    warnOfUnknownKeys(item, inputSchema, at, report);
    const input = checkShape(inputSchema, item, at, report);
    if (input === undefined) return;
    if (inputs.has(input.id)) {
      report.problem(at, `the id "${input.id}" is taken by another input.`);
    } else if (input.type === 'pickString' && input.options === undefined) {
      report.problem(at, 'a "pickString" needs "options".');
    } else {
      inputs.set(input.id, checkedVariable(inputToVariable(input), at, report));
    }
  });
  return inputs;
}

type Declared = z.infer<typeof customUserVariableSchema> & Partial<z.infer<typeof userVariableSchema>>;

function toUserVariable(name: string, declared: Declared): UserVariable {
  return {
    title: declared.title ?? name,
    description: declared.description,
    required: declared.required ?? true,
    sensitive: declared.sensitive ?? true,
    default: declared.default,
    choices: declared.choices,
    pattern: declared.pattern,
    helpUrl: declared.helpUrl,
  };
}

function inputToVariable(input: z.infer<typeof inputSchema>): UserVariable {
  return {
    title: input.id,
    description: input.description,
    required: true,
    // VS Code shows an input as it is typed unless told otherwise; a choice is no secret.
    sensitive: input.type === 'promptString' && input.password === true,
    default: input.default,
    choices: input.type === 'pickString' ? input.options : undefined,
    pattern: undefined,
    helpUrl: undefined,
  };
}

function checkedVariable(variable: UserVariable, place: ConfigPlace, report: ConfigReport): UserVariable {
  const pattern = variable.pattern === undefined ? undefined : compile(variable.pattern);
  if (pattern === 'invalid') {
    report.problem({ ...place, path: [...place.path, 'pattern'] }, 'its "pattern" is no regular expression.');
  }
  const given = variable.default;
  if (given === undefined) return variable;
  const at = { ...place, path: [...place.path, 'default'] };
  if (variable.choices && !variable.choices.some((choice) => choice.value === given)) {
    report.problem(at, 'its "default" is none of its choices.');
  }
  if (pattern instanceof RegExp && !pattern.test(given)) {
    report.problem(at, 'its "default" does not match its "pattern".');
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

function warnOfUnknownKeys(
  value: unknown,
  schema: { readonly shape: object },
  place: ConfigPlace,
  report: ConfigReport,
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const known = Object.keys(schema.shape);
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    report.warning({ ...place, path: [...place.path, key] }, unknownKeyMessage(key, known));
  }
}

/** One sentence about a key that nothing reads, with the key that was probably meant. */
export function unknownKeyMessage(key: string, known: Iterable<string>): string {
  const nearest = nearestName(key, known);
  return `"${key}" is not known and has no effect${nearest === undefined ? '.' : `; did you mean "${nearest}"?`}`;
}
