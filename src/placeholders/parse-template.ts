import { ConfigError } from '../errors.ts';
import { braceSpellings, dollarSpellings } from './placeholder-spellings.ts';
import type { Template, TemplatePart } from './template.ts';

/** What the names in a text can stand for. */
export interface TemplateContext {
  /** The service's environment. A name that is set but empty gives `''`. */
  readonly environment: { get(name: string): string | undefined };
  /** Names of the user variables that the server declares: `${NAME}`, `${input:NAME}` and `{{NAME}}`. */
  readonly userVariables: ReadonlySet<string>;
  /** Ids of the file's `inputs`; reached as `${input:ID}` only. */
  readonly inputs: ReadonlySet<string>;
}

/** What one placeholder gave, and the offset in the text at which reading goes on. */
interface Reading {
  readonly part: TemplatePart | { readonly kind: 'problem'; readonly message: string };
  readonly end: number;
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;
const environmentPattern = /^env:([A-Za-z_][A-Za-z0-9_]*)$/;
const defaultPattern = /^([A-Za-z_][A-Za-z0-9_]*):-(.*)$/s;
const inputPattern = /^input:([A-Za-z0-9_.-]+)$/;

/**
 * Reads one string of a server's settings in a single pass: the admin's placeholders become text, a user's stay.
 * What a placeholder gave is never read again, so a value that holds `${…}` stays as it is.
 * Neighbouring texts are one part and there are no empty ones: so equal settings give equal templates.
 * Throws `ConfigError` with every problem of the text; their place is the caller's to add.
 */
export function parseTemplate(text: string, context: TemplateContext): Template {
  const parts: TemplatePart[] = [];
  const problems: string[] = [];
  let literal = '';
  const closeLiteral = () => {
    if (literal !== '') parts.push({ kind: 'literal', text: literal });
    literal = '';
  };

  let position = 0;
  while (position < text.length) {
    const reading = readPlaceholder(text, position, context);
    if (reading === undefined) {
      literal += text[position];
      position += 1;
      continue;
    }
    const { part } = reading;
    if (part.kind === 'problem') problems.push(part.message);
    else if (part.kind === 'literal') literal += part.text;
    else {
      closeLiteral();
      parts.push(part);
    }
    position = reading.end;
  }
  closeLiteral();

  if (problems.length > 0) throw new ConfigError(problems.map((message) => ({ message })));
  return parts;
}

/** A template of nothing but this text: for strings in which no placeholder is looked for. */
export function literalTemplate(text: string): Template {
  return text === '' ? [] : [{ kind: 'literal', text }];
}

function readPlaceholder(text: string, position: number, context: TemplateContext): Reading | undefined {
  if (text.startsWith('$${', position)) {
    return { part: { kind: 'literal', text: '${' }, end: position + 3 };
  }
  if (text.startsWith('${', position)) return readDollar(text, position, context);
  if (text.startsWith('{{', position)) return readBraces(text, position, context);
  return undefined;
}

function readDollar(text: string, position: number, context: TemplateContext): Reading {
  const close = text.indexOf('}', position);
  if (close === -1) {
    return {
      // The rest of the text is not shown: what was never meant as a placeholder may be a password.
      part: {
        kind: 'problem',
        message: `the "\${" at character ${position + 1} has no closing "}"; write $\${ for a literal \${`,
      },
      end: text.length,
    };
  }
  return { part: resolveDollar(text.slice(position + 2, close), context), end: close + 1 };
}

function readBraces(text: string, position: number, context: TemplateContext): Reading | undefined {
  const close = text.indexOf('}}', position);
  if (close === -1) return undefined;
  const name = text.slice(position + 2, close);
  // Anything else in double braces belongs to the server itself, such as a template of its own.
  const part: TemplatePart | undefined = context.userVariables.has(name)
    ? { kind: 'user-variable', name }
    : braceSpellings.get(name);
  return part && { part, end: close + 2 };
}

function resolveDollar(body: string, context: TemplateContext): Reading['part'] {
  const placeholder = dollarSpellings.get(body);
  if (placeholder) return placeholder;

  if (namePattern.test(body)) {
    return context.userVariables.has(body) ? { kind: 'user-variable', name: body } : fromEnvironment(body, context);
  }

  const environmentName = environmentPattern.exec(body)?.[1];
  if (environmentName !== undefined) return fromEnvironment(environmentName, context);

  const inputName = inputPattern.exec(body)?.[1];
  if (inputName !== undefined) {
    return context.userVariables.has(inputName) || context.inputs.has(inputName)
      ? { kind: 'user-variable', name: inputName }
      : { kind: 'problem', message: `\${${body}} names no input; declare "${inputName}" in "inputs" or "userVars"` };
  }

  const [, name, defaultText] = defaultPattern.exec(body) ?? [];
  if (name !== undefined && defaultText !== undefined) return withDefault(name, defaultText, context);

  return {
    kind: 'problem',
    message: `\${${body}} is not a known placeholder; write $\${${body}} if it is meant literally`,
  };
}

function fromEnvironment(name: string, context: TemplateContext): Reading['part'] {
  const value = context.environment.get(name);
  return value === undefined
    ? {
        kind: 'problem',
        message: `environment variable ${name} is not set; set it, or give a default as \${${name}:-default}`,
      }
    : { kind: 'literal', text: value };
}

function withDefault(name: string, defaultText: string, context: TemplateContext): Reading['part'] {
  // Read as the environment's, it would silently give every user the same value.
  if (context.userVariables.has(name)) {
    return {
      kind: 'problem',
      message: `\${${name}:-…} gives a default to a user variable; set "default" of ${name} in "userVars" instead`,
    };
  }
  // As in a shell: `:-` takes an empty variable for an unset one.
  return { kind: 'literal', text: context.environment.get(name) || defaultText };
}
