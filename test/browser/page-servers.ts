import type { MemoryAdminServer } from '../unit/http/pages/memory-admin-server.ts';
import type { MemoryServer } from '../unit/http/pages/memory-variables.ts';
import { ALICE } from '../unit/http/pages/page-app.ts';

/** Servers with variables of every kind. */
export const SERVERS: readonly MemoryServer[] = [
  {
    server: 'jira',
    title: 'Jira',
    variables: {
      JIRA_TOKEN: {
        title: 'API token',
        description: 'Lets the service act in your name. It needs the scope “read:jira-work” and nothing more.',
        pattern: 'jira-[a-z0-9]+',
        patternHint: 'jira- and letters or digits',
        helpUrl: 'https://id.atlassian.com/manage-profile/security/api-tokens',
      },
      JIRA_EMAIL: { title: 'E-mail address', description: 'The one that you log in to Jira with.', sensitive: false },
      JIRA_REGION: {
        title: 'Region',
        required: false,
        sensitive: false,
        default: 'eu',
        choices: [
          { value: 'eu', label: 'Europe' },
          { value: 'us', label: 'United States' },
        ],
      },
    },
  },
  {
    server: 'github',
    title: 'GitHub',
    variables: {
      GITHUB_TOKEN: {
        title: 'Personal access token',
        description: 'A **fine-grained** token for the repositories that your chats may read.',
        helpUrl: 'https://github.com/settings/personal-access-tokens',
      },
    },
  },
  {
    server: 'calendar',
    title: 'Calendar',
    variables: {
      CALENDAR_PASSWORD: { title: 'App password' },
      TIME_ZONE: { title: 'Time zone', required: false, sensitive: false, default: 'Europe/Vienna' },
    },
  },
];

const used = Date.UTC(2026, 10, 20, 14, 5);

export const ADMIN_SERVERS: readonly MemoryAdminServer[] = [
  {
    name: 'jira',
    title: 'Jira',
    state: 'ready',
    transport: 'streamable-http',
    isolation: 'user',
    tools: ['search_issues', 'get_issue', 'add_comment'],
    origin: 'admin',
    otherLists: [
      {
        id: 'list-1',
        owner: ALICE,
        since: used,
        changes: { added: ['create_issue'], removed: [], changed: ['search_issues', 'get_issue'] },
        isServerTextChanged: false,
      },
    ],
    sessions: [
      { owner: ALICE, chatId: undefined, state: 'ready', lastUsedAt: used, runningCalls: 0, pid: undefined },
      {
        owner: { issuer: 'https://id.example.org', subject: 'auth0|5f7c8ec7c33c6c004bbafe82' },
        chatId: 'c0ffee',
        state: 'ready',
        lastUsedAt: used,
        runningCalls: 2,
        pid: undefined,
      },
    ],
  },
  {
    name: 'time',
    title: 'Time',
    state: 'ready',
    transport: 'stdio',
    isolation: 'shared',
    tools: ['current_time'],
    sessions: [
      { owner: undefined, chatId: undefined, state: 'ready', lastUsedAt: undefined, runningCalls: 0, pid: undefined },
    ],
  },
  {
    name: 'files',
    title: 'Files',
    state: 'backing off',
    reason: 'The child process ended with code 1: cannot open /srv/files.',
    since: used,
    nextTryAt: used + 30_000,
    stderr: Array.from({ length: 30 }, (_, line) => `line ${line}: cannot open /srv/files, which is not a folder`),
    transport: 'stdio',
    isolation: 'shared',
    tools: [],
  },
];
