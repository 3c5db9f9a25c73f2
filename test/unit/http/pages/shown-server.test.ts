import { describe, expect, test } from '@jest/globals';
import { type ListedServer, toShownServer } from '../../../../src/http/pages/shown-server.ts';
import { PER_USER } from '../../../../src/servers/server-status.ts';

const INFO = { name: 'jira-mcp', version: '1', title: 'Jira for teams' };

function shown(isolation: string, { title, info, reason }: Record<string, unknown> = {}) {
  const server = {
    name: 'jira',
    status: { state: 'ready', reason },
    catalogue: info === undefined ? undefined : { serverInfo: info },
    config: { title, isolation, transport: { type: 'stdio' } },
    awaitedSource: undefined,
  };
  return toShownServer(server as unknown as ListedServer);
}

describe('what people read first', () => {
  test.each([
    ['only its name is known', {}, 'jira', undefined],
    ['the server has a title of its own', { info: INFO }, 'jira', 'Jira for teams'],
    ['the admin gave it a title', { title: 'Jira', info: INFO }, 'Jira', 'jira'],
    ['the title is the name', { title: 'jira' }, 'jira', undefined],
  ])('%s', (_, given, heading, subtitle) => {
    expect(shown('shared', given)).toMatchObject({ name: 'jira', heading, subtitle });
  });
});

test.each([
  ['shared', 'ready', 'ready'],
  ['user', 'each user signs in', 'personal'],
  ['chat', 'a session for each chat', 'personal'],
])('isolation %s: the state of a server that works is %p', (isolation, stateText, stateClass) => {
  expect(shown(isolation, { reason: isolation === 'shared' ? undefined : PER_USER })).toMatchObject({
    stateText,
    stateClass,
    reason: undefined,
  });
});
