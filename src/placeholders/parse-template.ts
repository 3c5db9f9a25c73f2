import { ConfigError } from '../errors.ts';
import { hasUserPlaceholder, literalText, toBase64 } from './resolve-template.ts';
import type { Template, TemplatePart, UserPlaceholder } from './template.ts';

/** A `Set` of names, or a `Map` by names. */
type Names = Pick<ReadonlySet<string>, 'has'>;

/** What is known of a secret that is kept elsewhere. */
export type ReferenceReading =
  | { readonly kind: 'value'; readonly text: string }
  /** Its source does not give it now: what needs it has to wait. */
  | { readonly kind: 'unresolved'; readonly reason: string }
  /** It can never be read like this. The message goes on after the reference. */
  | { readonly kind: 'problem'; readonly message: string };

/** What the names in a text can refer to. */
export interface TemplateContext {
  /** The service's environment. A name that is set but empty gives `''`. */
  readonly environment: { get(name: string): string | undefined };
  /** The text of a file of the admin's, for `${file:PATH}`. Throws an `Error` that says in a phrase why it has none. */
  readonly readFile?: ((path: string) => string) | undefined;
  /** The value of `vault:…`, `aws-sm:…`, `op:…` or `cmd:…`, which was read before. */
  readonly lookUpReference?: ((reference: string) => ReferenceReading) | undefined;
  /** Names of the user variables that the server declares: `${NAME}`, `${input:NAME}` and `{{NAME}}`. */
  readonly userVariables: Names;
  /** Ids of the file's `inputs`; referred to as `${input:ID}` only. */
  readonly inputs: Names;
}

type User = Extract<UserPlaceholder, { kind: 'user' }>;

const user = (field: User['field']): UserPlaceholder => ({ kind: 'user', field });
const CHAT: UserPlaceholder = { kind: 'chat', field: 'id' };

/** `${…}` spellings that need no declaration. */
const DOLLAR_SPELLINGS: ReadonlyMap<string, UserPlaceholder> = new Map([
  ...(['id', 'issuer', 'email', 'name', 'username', 'role', 'groups', 'jwt', 'token'] as const).map(
    (field) => [`user.${field}`, user(field)] as const,
  ),
  ['chat.id', CHAT],
]);

/** What people write for these, without case, dots and underscores. */
const MEANT_SPELLINGS: ReadonlyMap<string, string> = new Map([
  ...[...DOLLAR_SPELLINGS.keys()].map((spelling) => [toWord(spelling), spelling] as const),
  ['user', 'user.id'],
  ['uid', 'user.id'],
  ['email', 'user.email'],
  ['mail', 'user.email'],
  ['usermail', 'user.email'],
  ['username', 'user.name'],
  ['role', 'user.role'],
  ['issuer', 'user.issuer'],
  ['jwt', 'user.jwt'],
  ['chat', 'chat.id'],
]);

/** `{{…}}` spellings that need no declaration: Open WebUI's and LibreChat's names for the same things. */
const BRACE_SPELLINGS: ReadonlyMap<string, UserPlaceholder> = new Map([
  ...(['id', 'email', 'name', 'username', 'role', 'groups'] as const).flatMap((field) => [
    [`USER_${field.toUpperCase()}`, user(field)] as const,
    [`LIBRECHAT_USER_${field.toUpperCase()}`, user(field)] as const,
  ]),
  ['CHAT_ID', CHAT],
]);

/** `$${`, `${…}` up to its brace or the end of the text, or `{{…}}`. */
const PLACEHOLDER = /\$\$\{|\$\{(?<dollar>[^}]*)(?<close>\}?)|\{\{(?<braces>[^{}]*)\}\}/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ENVIRONMENT = /^env:([A-Za-z_][A-Za-z0-9_]*)$/;
const DEFAULT = /^(env:)?([A-Za-z_][A-Za-z0-9_]*):-(.*)$/s;
const INPUT = /^input:([A-Za-z0-9_.-]+)$/;
const FILE = /^file:(.+)$/s;
const REFERENCE = /^(?:vault|aws-sm|op|cmd):/;
const BASE64 = '${base64:';

/** What a placeholder gives: text of the admin's, a user's placeholder, or a problem. */
type Reading = TemplatePart | { readonly kind: 'problem'; readonly message: string };

/**
 * Reads one string of a server's settings in a single pass: the admin's placeholders become text, a user's stay.
 * The result of a placeholder is never read again, so a value that contains `${…}` stays as it is.
 * Neighbouring texts are one part and there are no empty ones: equal settings give equal templates.
 * Throws `ConfigError` with every problem of the text; the caller adds their place.
 */
export function parseTemplate(text: string, context: TemplateContext): Template {
  const parts: TemplatePart[] = [];
  const problems: string[] = [];
  let literal = '';
  const add = (reading: Reading) => {
    if (reading.kind === 'problem') problems.push(reading.message);
    else if (reading.kind === 'literal' && reading.reference === undefined) literal += reading.text;
    else {
      parts.push(...literalTemplate(literal), reading);
      literal = '';
    }
  };
  let position = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    // Inside of `${base64:…}`, which was read as a whole.
    if (match.index < position) continue;
    const [whole] = match;
    const { dollar, close, braces } = match.groups ?? {};
    literal += text.slice(position, match.index);
    position = match.index + whole.length;
    if (text.startsWith(BASE64, match.index)) {
      const end = endOfNested(text, match.index);
      position = end ?? text.length;
      add(
        end === undefined
          ? unclosed(match.index)
          : readBase64(text.slice(match.index + BASE64.length, end - 1), context),
      );
    } else if (dollar !== undefined) add(close === '' ? unclosed(match.index) : readDollar(dollar, context));
    // Anything else in double braces belongs to the server itself, such as a template of its own.
    else if (braces !== undefined) add(readBraces(braces, context) ?? { kind: 'literal', text: whole });
    else literal += '${';
  }
  literal += text.slice(position);
  if (problems.length > 0) throw new ConfigError(problems.map((message) => ({ message })));
  return [...parts, ...literalTemplate(literal)];
}

/** A template of this text only: for strings that contain no placeholders. */
export function literalTemplate(text: string): Template {
  return text === '' ? [] : [{ kind: 'literal', text }];
}

/** The rest of the text is not shown: if it was not meant as a placeholder, it may be a password. */
function unclosed(index: number): Reading {
  return problem(`the "\${" at character ${index + 1} has no closing "}"; write $\${ for a literal \${`);
}

function readBraces(name: string, { userVariables }: TemplateContext): UserPlaceholder | undefined {
  return userVariables.has(name) ? { kind: 'user-variable', name } : BRACE_SPELLINGS.get(name);
}

/** Where the placeholder that begins at `start` ends, with the placeholders inside of it; `undefined`: nowhere. */
function endOfNested(text: string, start: number): number | undefined {
  let depth = 0;
  for (const match of text.slice(start).matchAll(/\$\$\{|\$\{|\{\{[^{}]*\}\}|\}/g)) {
    if (match[0] === '${') depth += 1;
    if (match[0] === '}') depth -= 1;
    if (depth === 0) return start + match.index + 1;
  }
  return undefined;
}

function readBase64(body: string, context: TemplateContext): Reading {
  try {
    const template = parseTemplate(body, context);
    if (hasUserPlaceholder(template)) return { kind: 'base64', template };
    const text = toBase64(literalText(template));
    const isReferred = template.some((part) => part.kind === 'literal' && part.reference !== undefined);
    return { kind: 'literal', text, ...(isReferred && { reference: `base64:${body}` }) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return problem(error.problems.map(({ message }) => message).join('; '));
  }
}

function fromFile(path: string, { readFile }: TemplateContext): Reading {
  if (readFile === undefined) return problem(`\${file:${path}} cannot be read here`);
  try {
    return { kind: 'literal', text: readFile(path) };
  } catch (error) {
    return problem(`the file "${path}" of \${file:…} ${(error as Error).message}`);
  }
}

function fromReference(reference: string, { lookUpReference }: TemplateContext): Reading {
  const reading = lookUpReference?.(reference) ?? { kind: 'problem', message: 'cannot be read here' };
  if (reading.kind === 'problem') return problem(`\${${reference}} ${reading.message}`);
  return { kind: 'literal', text: reading.kind === 'value' ? reading.text : '', reference };
}

function readDollar(body: string, context: TemplateContext): Reading {
  const { environment, userVariables, inputs } = context;
  const placeholder = DOLLAR_SPELLINGS.get(body);
  if (placeholder !== undefined) return placeholder;
  if (NAME.test(body)) {
    if (userVariables.has(body)) return { kind: 'user-variable', name: body };
    const text = environment.get(body);
    return text === undefined ? undeclared(body) : { kind: 'literal', text };
  }
  const variable = ENVIRONMENT.exec(body)?.[1];
  if (variable !== undefined) return fromEnvironment(variable, context);
  const file = FILE.exec(body)?.[1];
  if (file !== undefined) return fromFile(file.trim(), context);
  if (REFERENCE.test(body)) return fromReference(body, context);
  const input = INPUT.exec(body)?.[1];
  if (input !== undefined) {
    if (userVariables.has(input) || inputs.has(input)) return { kind: 'user-variable', name: input };
    return problem(`\${${body}} names no input; declare "${input}" in "inputs" or "userVars"`);
  }
  const [, isEnvironment, name, defaultText = ''] = DEFAULT.exec(body) ?? [];
  if (name === undefined) {
    const meant = meantSpelling(body);
    if (meant !== undefined) return problem(`\${${body}} is not a known placeholder; did you mean ${meant}?`);
    return problem(`\${${body}} is not a known placeholder; write $\${${body}} if it is meant literally`);
  }
  // Read as the environment's, it would silently give every user the same value.
  if (isEnvironment === undefined && userVariables.has(name)) {
    return problem(`\${${name}:-…} gives a default to a user variable; set "default" of ${name} in "userVars" instead`);
  }
  // As in a shell: `:-` treats an empty variable as unset.
  return { kind: 'literal', text: environment.get(name) || defaultText };
}

function fromEnvironment(name: string, { environment }: TemplateContext): Reading {
  const text = environment.get(name);
  if (text !== undefined) return { kind: 'literal', text };
  return problem(`environment variable ${name} is not set; set it, or give a default as \${${name}:-default}`);
}

/** Neither the environment nor the server knows the name. */
function undeclared(name: string): Reading {
  const meant = meantSpelling(name);
  const ways = `set it, give a default as \${${name}:-default}, or declare ${name} in "userVars" if each user has their own`;
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return problem(`environment variable ${name} is not set; ${ways}${hint}`);
}

/** `${user.name}` for `username`, `userName` or `USER_NAME`; `undefined` if the name resembles none. */
function meantSpelling(name: string): string | undefined {
  const spelling = MEANT_SPELLINGS.get(toWord(name));
  return spelling && `\${${spelling}}`;
}

function toWord(name: string): string {
  return name.toLowerCase().replace(/[._-]/g, '');
}

function problem(message: string): Reading {
  return { kind: 'problem', message };
}
