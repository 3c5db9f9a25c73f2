import { renderTemplate } from '../pages/render-template.ts';
import { toCount, toEnumeration, toWebUrl } from '../pages/words.ts';
import type { LogInView, MessageView, VariableView, VaultServerView, VaultView } from './vault-page-view.ts';

const STATUS_WORDS = { ready: 'set', missing: 'missing', failing: 'failing', unreadable: 'unreadable' } as const;

/** The whole HTML of `/vault` for a user who is logged in. */
export function renderVaultPage(view: VaultView): string {
  const only = view.linkExpiresAt === undefined ? undefined : view.servers[0];
  return renderTemplate('vault/vault', {
    ...view,
    title: only === undefined ? 'Your vault' : `Your values for ${only.title}`,
    isLink: view.linkExpiresAt !== undefined,
    expires: view.linkExpiresAt,
    hasFieldProblem: view.servers.some(({ variables }) => variables.some(({ problem }) => problem !== undefined)),
    doneTitle: only?.status === 'ready' ? only.title : undefined,
    servers: view.servers.map((server, index) => toServerModel(server, index, view)),
    uses: view.uses.map((use) => ({ ...use, time: use.lastUsedAt, count: toCount(use.calls, 'call') })),
  });
}

/** The HTML of `/vault` and `/admin` for somebody who is not logged in. */
export function renderLogInPage(view: LogInView): string {
  const title = view.page === 'vault' ? 'Your vault' : 'Administration';
  return renderTemplate('pages/log-in', { ...view, title });
}

/** The HTML of a page that says one sentence. */
export function renderMessagePage(view: MessageView): string {
  return renderTemplate('pages/message', { ...view });
}

function toServerModel(
  server: VaultServerView,
  index: number,
  { formToken, linkExpiresAt }: Pick<VaultView, 'formToken' | 'linkExpiresAt'>,
): object {
  const { status, variables } = server;
  const missing = variables.filter(({ isRequired, isSet, defaultValue }) => isRequired && !isSet && !defaultValue);
  const isAnySet = variables.some(({ isSet }) => isSet);
  return {
    ...server,
    index,
    formToken,
    hasOtherName: server.title.toLowerCase() !== server.name.toLowerCase(),
    statusWord: status === 'ready' && !isAnySet ? 'nothing required' : STATUS_WORDS[status],
    refused: server.refusedSince,
    missing: toEnumeration(missing.map(({ title }) => title)),
    isAnySet,
    variables: variables.map((variable, at) => ({
      ...toVariableModel(variable, `${index}-${at}`),
      // A setup link sets and tests values, and nothing else.
      isRemovable: variable.isSet && linkExpiresAt === undefined,
    })),
  };
}

function toVariableModel(variable: VariableView, key: string): object {
  const { choices, defaultValue, isSet, isSensitive, problem } = variable;
  const helpUrl = toWebUrl(variable.helpUrl);
  const tellsDefault = defaultValue !== undefined && !isSensitive;
  const label = choices.find(({ value }) => value === defaultValue)?.label ?? defaultValue;
  const hasAbout = variable.description !== undefined || helpUrl !== undefined;
  return {
    ...variable,
    helpUrl,
    fieldId: `field-${key}`,
    removeId: `remove-${key}`,
    updated: variable.updatedAt,
    lastUsed: variable.lastUsedAt,
    hasAbout,
    defaultText:
      isSet || defaultValue === undefined
        ? undefined
        : tellsDefault
          ? `Not set: ${label} is used.`
          : 'Not set: the admin’s default is used.',
    emptyChoice: isSet ? 'Keep what is set' : 'Choose …',
    describedBy: [hasAbout && `about-${key}`, `known-${key}`, problem !== undefined && `problem-${key}`]
      .filter(Boolean)
      .join(' '),
    aboutId: `about-${key}`,
    knownId: `known-${key}`,
    problemId: `problem-${key}`,
  };
}
