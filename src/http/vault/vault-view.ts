import type { ServerVariables, UserVariableState } from '../../servers/user-variables.ts';
import { toMarkdownHtml } from '../pages/markdown.ts';
import { toEnumeration } from '../pages/words.ts';

/** What was typed for a server and is not saved, and why. */
export interface Unsaved {
  readonly server: string;
  readonly values: ReadonlyMap<string, string>;
  /** The name of the variable at fault, if it is known. */
  readonly variable: string | undefined;
  /** What is wrong; `undefined`: nothing is, as after a test of what is set. */
  readonly text: string | undefined;
}

/** What the page knows beside the server's variables. */
export interface ServerContext {
  readonly index: number;
  /** The page of a setup link: it sets and tests values, and nothing else. */
  readonly isLink: boolean;
  readonly formToken: string;
  readonly unsaved: Unsaved | undefined;
  /** Values that are not sensitive, by name. */
  readonly plain: ReadonlyMap<string, string>;
  readonly to: (path: string) => string;
}

const MAX_PATTERN_CHARACTERS = 200;
const STATUS_WORDS = { ready: 'set', missing: 'missing', failing: 'failing', unreadable: 'unreadable' } as const;

/** A server as `vault-server.eta` shows it, with its variables as the service has them. */
export async function toServerView(
  server: ServerVariables,
  { index, isLink, formToken, unsaved, plain, to }: ServerContext,
): Promise<object> {
  const path = `vault/servers/${encodeURIComponent(server.server)}`;
  const own = unsaved?.server === server.server ? unsaved : undefined;
  const { status, variables } = server;
  const isAnySet = variables.some(({ isSet }) => isSet);
  const missing = variables.filter(isMissing);
  return {
    ...server,
    index,
    formToken,
    isAnySet,
    statusWord: status === 'ready' && !isAnySet ? 'nothing required' : STATUS_WORDS[status],
    missing: toEnumeration(missing.map(({ variable }) => variable.title)),
    saveUrl: to(path),
    removeUrl: to(`${path}/remove`),
    variables: await Promise.all(
      variables.map(async (state, at) => ({
        ...state,
        key: `${index}-${at}`,
        serverTitle: server.title,
        about: state.variable.description && (await toMarkdownHtml(state.variable.description)),
        format: toFormat(state.variable),
        isRemovable: state.isSet && !isLink,
        problem: own?.variable === state.name ? own.text : undefined,
        isShown: plain.has(state.name),
        // Once more in the answer to their own form, and nowhere else.
        value: own?.values.get(state.name) ?? plain.get(state.name),
        defaultText: toDefaultText(state),
      })),
    ),
  };
}

/** What users still have to do, for the top of the page: what is missing or no longer works, with links to it. */
export function toOpenTasks(servers: readonly ServerVariables[]): readonly object[] {
  return servers.flatMap(({ title, status, variables }, index) => {
    const missing = variables.flatMap((state, at) =>
      isMissing(state) ? [{ title: state.variable.title, anchor: `field-${index}-${at}` }] : [],
    );
    return status === 'ready' ? [] : [{ title, status, missing, anchor: `server-${index}` }];
  });
}

function isMissing({ isSet, variable }: UserVariableState): boolean {
  return variable.required && !isSet && variable.default === undefined;
}

/** The expected format in the admin's words; without them, the pattern. */
function toFormat({ pattern, patternHint, choices }: UserVariableState['variable']): object | undefined {
  if (choices !== undefined || (pattern ?? patternHint) === undefined) return undefined;
  return {
    hint: patternHint,
    pattern: patternHint === undefined ? pattern?.slice(0, MAX_PATTERN_CHARACTERS) : undefined,
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
 * keeps what is set, so it is left out, unless what is set was in it (`plain`). What was not changed is left out, too.
 */
export function readValues(form: URLSearchParams, plain: ReadonlyMap<string, string> = new Map()): Map<string, string> {
  const values = new Map<string, string>();
  for (const [field, text] of form) {
    const [, kind, name] = /^(value|choice)\.(.+)$/s.exec(field) ?? [];
    if (name === undefined) continue;
    const value = kind === 'choice' ? text : text.trim();
    const set = plain.get(name);
    if (value !== (set ?? '') && value !== set?.trim()) values.set(name, value);
  }
  return values;
}
