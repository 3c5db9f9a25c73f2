import { describe, expect, test } from '@jest/globals';
import { withheldWarnings } from '../../../src/config/withheld-warnings.ts';
import { messages, parseServers, problemsOf } from './parse-servers.ts';

/** Servers files as the projects that people come from publish them: mcpo, MCP's servers, editors and other hosts. */
const npx = (name: string, ...args: readonly string[]) => ({
  command: 'npx',
  args: ['-y', `@modelcontextprotocol/server-${name}`, ...args],
});
const environment = { PATH: '/bin', HOME: '/root', SOME_API_KEY: 'k', MEMORY_FILE_PATH: '/data/memory.json' };

describe('a published file loads', () => {
  test.each<[string, string | object, readonly string[], readonly RegExp[]]>([
    [
      "mcpo's README, with its comments",
      `{
        "mcpServers": {
          "memory": { "command": "npx", "args": ["-y", "@modelcontextprotocol/server-memory"] },
          "time": {
            "command": "uvx",
            "args": ["mcp-server-time", "--local-timezone=America/New_York"],
            "disabledTools": ["convert_time"] // one tool less
          },
          "mcp_sse": {
            "type": "sse", // named
            "url": "http://127.0.0.1:8001/sse",
            "headers": { "Authorization": "Bearer token", "X-Custom-Header": "value" }
          },
          "mcp_streamable_http": { "type": "streamable-http", "url": "http://127.0.0.1:8002/mcp" } // remote
        }
      }`,
      ['memory', 'time', 'mcp_sse', 'mcp_streamable_http'],
      [],
    ],
    [
      "mcpo's OAuth guide",
      {
        mcpServers: {
          guarded: {
            type: 'streamable-http',
            url: 'http://localhost:8000/mcp',
            oauth: { server_url: 'http://localhost' },
          },
        },
      },
      ['guarded'],
      [/key "oauth": is not supported by this version yet/],
    ],
    [
      "Claude Desktop's quick start",
      { mcpServers: { filesystem: npx('filesystem', '/Users/ann/Desktop', '/Users/ann/Downloads') } },
      ['filesystem'],
      [],
    ],
    [
      "VS Code's mcp.json",
      {
        inputs: [{ type: 'promptString', id: 'key', description: 'API key', password: true }],
        servers: { search: { type: 'stdio', command: 'npx', args: ['-y', 'search'], env: { KEY: '${input:key}' } } },
      },
      ['search'],
      [],
    ],
    [
      "LibreChat's mcpServers, as JSON",
      {
        mcpServers: {
          everything: { url: 'http://localhost:3001/sse' },
          sheets: {
            type: 'sse',
            url: 'https://mcp.example.org/sheets',
            headers: { 'X-User-ID': '{{LIBRECHAT_USER_ID}}', 'X-API-Key': '${SOME_API_KEY}' },
            serverInstructions: true,
          },
          mine: {
            type: 'streamable-http',
            url: 'https://example.org/api/',
            headers: { 'X-Auth-Token': '{{MY_SERVICE_API_KEY}}' },
            customUserVars: { MY_SERVICE_API_KEY: { title: 'My service', description: 'Your own key.' } },
          },
        },
      },
      ['everything', 'sheets', 'mine'],
      [/key "serverInstructions": is not a known key and has no effect/],
    ],
    [
      "GitHub's server in Docker",
      {
        mcpServers: {
          github: {
            command: 'docker',
            args: ['run', '-i', '--rm', '-e', 'GITHUB_PERSONAL_ACCESS_TOKEN', 'ghcr.io/github/github-mcp-server'],
            env: { GITHUB_PERSONAL_ACCESS_TOKEN: 'x' },
          },
        },
      },
      ['github'],
      [],
    ],
  ])('%s', (_, content, names, warnings) => {
    const file = parseServers(content, { environment });
    expect(file.servers.map(({ name }) => name)).toEqual(names);
    expect(messages(file.warnings)).toEqual(warnings.map((one) => expect.stringMatching(one)));
  });

  test('MEMORY_FILE_PATH of the environment, which mcpo passes on, is named with what to add', () => {
    const { servers } = parseServers({ mcpServers: { memory: npx('memory') } }, { environment });
    expect(messages(withheldWarnings(servers, false))).toEqual([
      expect.stringMatching(/"memory": MEMORY_FILE_PATH is set .*add "inheritEnv": \["MEMORY_FILE_PATH"\]/),
    ]);
  });
});

describe('or says what to change', () => {
  test.each<[string, object, RegExp]>([
    [
      "VS Code's settings.json",
      { mcp: { servers: { a: npx('memory') } } },
      /move the content of "mcp.servers" to "mcpServers"/,
    ],
    ["Zed's settings", { context_servers: { a: { source: 'custom', ...npx('memory') } } }, /rename "context_servers"/],
    ["opencode's file", { mcp: { a: { type: 'local', command: ['npx', '-y', 'x'] } } }, /rename "mcp" to "mcpServers"/],
    ['a command as a list', { mcpServers: { a: { command: ['npx', 'x'] } } }, /put its first word into "command"/],
    [
      "Windsurf's serverUrl",
      { mcpServers: { a: { serverUrl: 'https://x/mcp' } } },
      /did you mean "url" for "serverUrl"/,
    ],
    ["Gemini CLI's httpUrl", { mcpServers: { a: { httpUrl: 'https://x/mcp' } } }, /did you mean "url" for "httpUrl"/],
    [
      'a variable that is not set',
      { mcpServers: { a: { url: 'https://x', headers: { K: '${GONE}' } } } },
      /"headers.K": .*GONE is not set; set it, .*"userVars"/,
    ],
  ])('%s', (_, content, remedy) => {
    expect(problemsOf(content, { environment })).toEqual([expect.stringMatching(remedy)]);
  });
});
