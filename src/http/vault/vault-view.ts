import type { ServerVariables, UserVariableState } from '../../servers/user-variables.ts';
import type { VariableView, VaultServerView } from './vault-page-view.ts';

/** What was typed for a server and not kept, and why. */
export interface Unkept {
  readonly server: string;
  readonly values: ReadonlyMap<string, string>;
  /** The name of the variable at fault, if it is known. */
  readonly variable: string | undefined;
  readonly text: string;
}

/** A server as the page shows it; what is sensitive and was typed is not in it. */
export function toServerView(
  settings: ServerVariables,
  to: (path: string) => string,
  unkept: Unkept | undefined,
): VaultServerView {
  const path = `vault/servers/${encodeURIComponent(settings.server)}`;
  const own = unkept?.server === settings.server ? unkept : undefined;
  return {
    name: settings.server,
    title: settings.title,
    status: settings.status,
    refusedSince: settings.refusedSince,
    variables: settings.variables.map((state) => toVariableView(state, own)),
    saveUrl: to(path),
    testUrl: to(`${path}/test`),
    removeUrl: to(`${path}/remove`),
  };
}

function toVariableView({ name, variable, ...state }: UserVariableState, unkept: Unkept | undefined): VariableView {
  return {
    name,
    title: variable.title,
    description: variable.description,
    isRequired: variable.required,
    isSensitive: variable.sensitive,
    isSet: state.isSet,
    isReadable: state.isReadable,
    updatedAt: state.updatedAt,
    lastUsedAt: state.lastUsedAt,
    lastFour: state.lastFour,
    defaultValue: variable.default,
    choices: variable.choices ?? [],
    helpUrl: variable.helpUrl,
    problem: unkept?.variable === name ? unkept.text : undefined,
    typed: variable.sensitive ? undefined : unkept?.values.get(name),
  };
}

/**
 * The values that a form brings: what was typed without the spaces that were pasted along, what was chosen as it is. An
 * empty field keeps what is set, so it is none.
 */
export function readValues(form: URLSearchParams): Map<string, string> {
  const values = new Map<string, string>();
  for (const [field, text] of form) {
    const [, kind, name] = /^(value|choice)\.(.+)$/s.exec(field) ?? [];
    const value = kind === 'choice' ? text : text.trim();
    if (name !== undefined && value !== '') values.set(name, value);
  }
  return values;
}

/**
 * Which of the typed values a sentence is about: the only one, or the one whose title or name it holds, the longest if
 * there are several; `undefined` if that is not clear.
 */
export function variableAtFault(
  text: string,
  values: ReadonlyMap<string, string>,
  { variables }: Pick<ServerVariables, 'variables'>,
): string | undefined {
  const typed = variables.filter(({ name }) => values.has(name));
  if (typed.length < 2) return typed[0]?.name;
  const matches = typed.map(({ name, variable }) => ({
    name,
    length: Math.max(...[name, variable.title].map((word) => (text.includes(word) ? word.length : 0))),
  }));
  const longest = Math.max(...matches.map(({ length }) => length));
  const [first, ...others] = matches.filter(({ length }) => length === longest);
  return longest > 0 && others.length === 0 ? first?.name : undefined;
}

/** Who a user is, in words that he knows himself by. */
export function toWho(
  user:
    | { readonly name?: string | undefined; readonly email?: string | undefined; readonly subject: string }
    | undefined,
): string {
  if (user === undefined) return 'Admin';
  const { name, email, subject } = user;
  // Never a name alone: people choose it themselves, and it may be that of somebody else.
  return name ? `${name} (${email || subject})` : email || subject;
}
