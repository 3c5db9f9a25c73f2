import type { ServerVariables, UserVariableState } from '../../servers/user-variables.ts';
import { toEnumeration } from '../pages/words.ts';

/** What was typed for a server and not saved, and why. */
export interface Unsaved {
  readonly server: string;
  readonly values: ReadonlyMap<string, string>;
  /** The name of the variable at fault, if it is known. */
  readonly variable: string | undefined;
  readonly text: string;
}

/** What the page knows beside the server's variables. */
export interface ServerContext {
  readonly index: number;
  /** The page of a setup link: it sets and tests values, and nothing else. */
  readonly isLink: boolean;
  readonly formToken: string;
  readonly unsaved: Unsaved | undefined;
  readonly to: (path: string) => string;
}

const STATUS_WORDS = { ready: 'set', missing: 'missing', failing: 'failing', unreadable: 'unreadable' } as const;

/** A server as `vault-server.eta` shows it, with its variables as the service has them. */
export function toServerView(
  server: ServerVariables,
  { index, isLink, formToken, unsaved, to }: ServerContext,
): object {
  const path = `vault/servers/${encodeURIComponent(server.server)}`;
  const own = unsaved?.server === server.server ? unsaved : undefined;
  const { status, variables } = server;
  const isAnySet = variables.some(({ isSet }) => isSet);
  const missing = variables.filter(({ isSet, variable }) => variable.required && !isSet && !variable.default);
  return {
    ...server,
    index,
    formToken,
    isAnySet,
    statusWord: status === 'ready' && !isAnySet ? 'nothing required' : STATUS_WORDS[status],
    missing: toEnumeration(missing.map(({ variable }) => variable.title)),
    saveUrl: to(path),
    testUrl: to(`${path}/test`),
    removeUrl: to(`${path}/remove`),
    variables: variables.map((state, at) => ({
      ...state,
      key: `${index}-${at}`,
      isRemovable: state.isSet && !isLink,
      problem: own?.variable === state.name ? own.text : undefined,
      typed: state.variable.sensitive ? undefined : own?.values.get(state.name),
      defaultText: toDefaultText(state),
    })),
  };
}

/** What is used while a variable is not set; the default of a sensitive one is not shown. */
function toDefaultText({ isSet, variable }: UserVariableState): string | undefined {
  const { default: value, choices, sensitive } = variable;
  if (isSet || value === undefined) return undefined;
  if (sensitive) return 'Not set: the admin’s default is used.';
  return `Not set: ${choices?.find((choice) => choice.value === value)?.label ?? value} is used.`;
}

/**
 * The user whose vault a link opens. Name, e-mail and id stand in rows of their own: people choose their names, and one
 * that looks like an address must not pass for it.
 */
export function toPersonRows(person: {
  readonly name: string | undefined;
  readonly email: string | undefined;
  readonly issuer: string;
  readonly subject: string;
}): readonly { readonly label: string; readonly value: string | undefined }[] {
  const { name, email, issuer, subject } = person;
  return [
    { label: 'Name', value: name },
    { label: 'E-mail', value: email },
    { label: 'User id', value: subject },
    { label: 'Known from', value: issuer === 'open-webui' ? 'Open WebUI' : issuer },
  ].filter(({ value }) => value);
}

/**
 * The values in a form: typed ones without the spaces that were pasted along, chosen ones as they are. An empty field
 * keeps what is set, so it is left out.
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
