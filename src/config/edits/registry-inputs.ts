import { z } from 'zod';
import { EditRefusedError } from '../../errors.ts';
import { toVariableName } from './variable-name.ts';

const text = z.string();

/** An input of the registry's schema (`Input`, `KeyValueInput`, `Argument`), in its present and its first spelling. */
const plain = z.looseObject({
  description: text.optional(),
  isRequired: z.boolean().default(false),
  isSecret: z.boolean().default(false),
  format: text.optional(),
  value: text.optional(),
  default: text.optional(),
  placeholder: text.optional(),
  choices: z.array(text).optional(),
});
export const registryVariables = z.record(text, plain).default({});
export const registryInput = plain.extend({
  name: text.optional(),
  valueHint: text.optional(),
  type: text.optional(),
  variables: registryVariables,
});
export type RegistryInput = Readonly<z.infer<typeof registryInput>>;
type PlainInput = z.infer<typeof plain>;

/** The values of one entry: literal ones, and those that each user enters. */
export class RegistryValues {
  readonly userVars: Record<string, object> = {};
  /** What was left out, in words. */
  readonly notes: string[] = [];
  readonly #names = new Set<string>();

  /** The text for an input of this name; `undefined`: it is left out. */
  valueOf(input: RegistryInput, name: string): string | undefined {
    if (input.value !== undefined) return this.template(input.value, input.variables);
    return this.#value(input, name);
  }

  /** A text in which `{name}` stands for a variable. */
  template(value: string, variables: z.infer<typeof registryVariables>): string {
    // Escaped as a whole: two harmless texts can be a placeholder together.
    let result = '';
    let text = '';
    for (const part of value.split(/(\{[^{}]*\})/)) {
      const name = part.slice(1, -1);
      const variable = part.startsWith('{') && Object.hasOwn(variables, name) ? variables[name] : undefined;
      const own = variable === undefined ? undefined : this.#variable(variable, name);
      if (own === undefined) text += variable === undefined ? part : (variable.value ?? variable.default ?? '');
      else {
        if (text.endsWith('$'))
          throw new EditRefusedError('The server.json has a "$" before a variable, which cannot be written here.');
        result += literal(text) + own;
        text = '';
      }
    }
    return result + literal(text);
  }

  /** The placeholder of a variable that each user enters. */
  #variable(input: PlainInput, name: string): string | undefined {
    const { isRequired, isSecret, choices, value } = input;
    const isOwn = value === undefined && (isRequired || isSecret || choices !== undefined);
    return isOwn ? this.#declare(input, name) : undefined;
  }

  /** Whatever is secret, required or to be chosen is each user's own; the rest has its default or is left out. */
  #value(input: PlainInput, name: string): string | undefined {
    const { default: given, description } = input;
    const own = this.#variable(input, name);
    if (own !== undefined) return own;
    if (given !== undefined) return literal(given);
    this.notes.push(`${name} is optional and is left out${description ? `: ${description}` : '.'}`);
    return undefined;
  }

  #declare(
    { description, isRequired, isSecret, choices, default: given, placeholder, format }: PlainInput,
    name: string,
  ) {
    const wanted = toVariableName(name);
    let variable = wanted;
    for (let number = 2; this.#names.has(variable); number++) variable = `${wanted}_${number}`;
    this.#names.add(variable);
    const example = placeholder ? `For example: ${placeholder}` : undefined;
    const allowed = choices ?? (format === 'boolean' ? ['true', 'false'] : undefined);
    this.userVars[variable] = {
      title: name,
      ...(description || example ? { description: [description, example].filter(Boolean).join(' ') } : {}),
      required: isRequired,
      sensitive: isSecret,
      // A default that is not among the choices would make the whole file unusable.
      ...(given !== undefined && (allowed?.includes(given) ?? true) && { default: given }),
      ...(allowed !== undefined && { choices: allowed }),
      ...(format === 'number' && { pattern: '-?[0-9]+([.][0-9]+)?' }),
    };
    return `\${${variable}}`;
  }
}

/**
 * A publisher's text, in which nothing is a placeholder of ours: it could read the service's environment.
 * Throws `EditRefusedError` for double braces, which cannot be escaped.
 */
export function literal(value: string): string {
  if (!value.includes('{{')) return value.replaceAll('${', () => '$${');
  throw new EditRefusedError(
    `The server.json contains "{{" in a value, which has another meaning here; write the entry yourself.`,
  );
}
