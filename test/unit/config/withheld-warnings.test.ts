import { describe, expect, test } from '@jest/globals';
import { withheldWarnings } from '../../../src/config/withheld-warnings.ts';
import { messages, parseServers } from './parse-servers.ts';

const environment = {
  PATH: '/bin',
  HOME: '/root',
  HOSTNAME: 'h',
  MEMORY_FILE_PATH: '/data/memory.json',
  BRAVE_API_KEY: 'b',
  GITHUB_PERSONAL_ACCESS_TOKEN: 'g',
  MCPO_API_KEY: 'own',
  SERVER_NAME: 'x',
};

function warningsOf(entry: object, { name = 's', isSingle = false } = {}): readonly string[] {
  const { servers } = parseServers({ mcpServers: { [name]: entry } }, { environment });
  return messages(withheldWarnings(servers, isSingle));
}

describe('a variable that the server may miss', () => {
  test.each<[string, string, object, string]>([
    [
      'of its package',
      's',
      { command: 'npx', args: ['-y', '@modelcontextprotocol/server-memory@2'] },
      'MEMORY_FILE_PATH',
    ],
    ['of its name', 'brave-search', { command: 'uvx', args: ['x'] }, 'BRAVE_API_KEY'],
    ['of its command', 's', { command: '/opt/github-mcp-server', args: ['stdio'] }, 'GITHUB_PERSONAL_ACCESS_TOKEN'],
    [
      'that docker passes on',
      's',
      { command: 'docker', args: ['run', '-i', '--rm', '-e', 'BRAVE_API_KEY', 'mcp/x'] },
      'BRAVE_API_KEY',
    ],
  ])('%s is named with what to add', (_, name, entry, variable) => {
    expect(warningsOf(entry, { name })).toEqual([
      `server "${name}": ${variable} is set for mcpo-ts and not passed on to the server; if it needs it, add "inheritEnv": ["${variable}"].`,
    ]);
  });

  test('on the command line it is --env', () => {
    const entry = { command: 'npx', args: ['-y', '@modelcontextprotocol/server-memory'] };
    expect(warningsOf(entry, { isSingle: true })).toEqual([
      expect.stringMatching(/^MEMORY_FILE_PATH is set .* add --env MEMORY_FILE_PATH="\$MEMORY_FILE_PATH"\.$/),
    ]);
  });

  test.each<[string, object]>([
    ['it is in env', { command: 'x', args: ['server-memory'], env: { MEMORY_FILE_PATH: '/x' } }],
    ['it is inherited', { command: 'x', args: ['server-memory'], inheritEnv: ['MEMORY_*'] }],
    ['everything is', { command: 'x', args: ['server-memory'], inheritEnv: '*' }],
    ['only common words fit', { command: 'npx', args: ['mcp-server'] }],
    ['a path has the word', { command: 'x', args: ['/home/ann/memory', '--memory'] }],
    ['it is remote', { url: 'https://memory.example.org/mcp' }],
  ])('none where %s', (_, entry) => {
    expect(warningsOf(entry)).toEqual([]);
  });

  test('a container that is to get what nothing sets', () => {
    const entry = { command: 'docker', args: ['run', '--env', 'JIRA_TOKEN', '--env=OTHER=1', 'mcp/jira'] };
    expect(warningsOf(entry)).toEqual([
      'server "s": its container is to get JIRA_TOKEN, which is not set; add it to "env".',
    ]);
  });
});
