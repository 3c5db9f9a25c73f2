import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { messages, parseServer, parseServers, problemsOf } from './parse-servers.ts';

const npx = { command: 'npx' };

describe('the text', () => {
  test('comments, trailing commas and a byte order mark are fine', () => {
    const file = parseServers(
      '\uFEFF{ // one\n "mcpServers": { /* two */ "a": { "command": "x", "args": ["b",], }, }, }',
    );
    expect(file.servers.map(({ name }) => name)).toEqual(['a']);
    expect(file.warnings).toEqual([]);
  });

  test('the example file is read without a warning', () => {
    const file = parseServers(readFileSync('servers.example.json', 'utf8'));
    expect(file.servers.map(({ name }) => name)).toEqual(['everything', 'filesystem', 'memory', 'time']);
    expect(file.warnings).toEqual([]);
    expect(file.secrets).toEqual(['/tmp/mcpo-ts-memory.jsonl']);
  });

  test.each([
    ['', 'servers.json: is empty.'],
    [' \n// nothing\n', 'servers.json:3: expected a value before the end of the file.'],
    [
      '{\n "mcpServers": {\n  "a": { "command": "x"\n   "args": [] } } }',
      'servers.json:4: expected "," before "args".',
    ],
    ['{\n "mcpServers": {', 'servers.json:2: expected "}" before the end of the file.'],
    ['{\n\n mcpServers: {} }', 'servers.json:3: mcpServers is not valid JSON; keys and texts need double quotes.'],
    [
      '{ "mcpServers": { "a": { "disabled": True } } }',
      'servers.json:1: True is not valid JSON; keys and texts need double quotes.',
    ],
    ['{ "mcpServers": {} }\n}', 'servers.json:2: } comes after the end of the JSON value.'],
    ['[]', 'servers.json: must be an object with "mcpServers".'],
  ])('a syntax error has its line: %j', (text, message) => {
    expect(problemsOf(text)[0]).toBe(message);
  });

  test('a value that lost its quotes is not repeated', () => {
    const problems = problemsOf('{ "mcpServers": { "a": { "url": "http://x", "headers": { "X": sk-12345678 } } } }');
    expect(problems).toHaveLength(1);
    expect(problems.join()).not.toContain('12345678');
  });

  test.each([
    [{ mcpservers: { a: npx } }, 'did you mean "mcpServers" for "mcpservers"?'],
    [{ mcp_servers: { a: npx } }, 'did you mean "mcpServers" for "mcp_servers"?'],
    [{ MCPServer: { a: npx } }, 'did you mean "mcpServers" for "MCPServer"?'],
    [{ context_servers: { a: npx } }, 'rename "context_servers" to "mcpServers".'],
    [{ mcp: { servers: { a: npx } } }, 'move the content of "mcp.servers" to "mcpServers" at the top.'],
    [{ a: npx, b: { url: 'http://x' } }, 'put everything into {"mcpServers": …}.'],
    [npx, 'this is one server; put it into {"mcpServers": {"NAME": …}}.'],
  ])('where the servers are instead is reported: %j', (content, remedy) => {
    expect(problemsOf(content)).toEqual([
      `servers.json:1: has no "mcpServers" object, so it names no server; ${remedy}`,
    ]);
  });

  test.each([
    ['librechat.yaml', 'YAML'],
    ['config.toml', 'TOML'],
  ])('%s is not JSON', (file, format) => {
    expect(problemsOf('mcpServers:\n  a:\n', { file })).toEqual([
      `${file}: is ${format}; write the servers file as JSON, {"mcpServers": {…}}.`,
    ]);
  });

  test('a file that does not exist is a problem', () => {
    expect(problemsOf('{}', { file: 'x.json' })).toEqual([
      'x.json:1: has no "mcpServers" object, so it names no server.',
    ]);
  });
});

describe('the servers', () => {
  test('VS Code calls the list "servers"', () => {
    expect(parseServers({ servers: { a: npx } }).servers).toHaveLength(1);
  });

  test('both lists at once are refused', () => {
    expect(problemsOf({ mcpServers: { a: npx }, servers: { b: npx } })).toEqual([
      'servers.json:7: key "servers": is set beside "mcpServers"; keep all servers in one of them.',
    ]);
  });

  test('they keep the order of the file, and __proto__ is a name like any other', () => {
    const text =
      '{"mcpServers":{"b":{"command":"x"},"__proto__":{"command":"y"},"constructor":{"command":"z"},"B":{"command":"x"}}}';
    expect(parseServers(text).servers.map(({ name }) => name)).toEqual(['b', '__proto__', 'constructor', 'B']);
  });

  test('a __proto__ key inside a server changes nothing else', () => {
    const file = parseServers(
      '{"mcpServers":{"a":{"command":"x","env":{"__proto__":"1","A":"2"},"__proto__":{"timeoutMs":5}}}}',
    );
    const [server] = file.servers;
    expect(server?.timeoutMs).toBe(300_000);
    expect(server?.transport.type === 'stdio' && [...server.transport.env.keys()]).toEqual(['__proto__', 'A']);
    expect(messages(file.warnings)).toEqual([
      'servers.json:1: server "a", key "__proto__": is not a known key and has no effect.',
    ]);
  });

  test('a disabled server is skipped, whatever else it says', () => {
    const file = parseServers({
      mcpServers: { a: npx, 'b c': { disabled: true, command: '${UNSET}', url: 5, nonsense: 1 } },
    });
    expect(file.servers.map(({ name }) => name)).toEqual(['a']);
    expect(file.warnings).toEqual([]);
  });

  test.each([[{}], [{ a: { ...npx, disabled: true } }]])('no enabled server is a problem: %j', (mcpServers) => {
    expect(problemsOf({ mcpServers })).toEqual([
      'servers.json:2: key "mcpServers": no enabled servers, so there would be nothing to serve.',
    ]);
  });

  test.each([
    'docs',
    'redoc',
    'openapi.json',
    'healthz',
    'readyz',
    'metrics',
    'vault',
    'admin',
    'oauth',
    'files',
    '.well-known',
  ])('the name %j is taken', (name) => {
    expect(problemsOf({ mcpServers: { [name]: npx } })).toEqual([
      `servers.json:3: server "${name}": the name is taken by the service's own /${name}; rename the server.`,
    ]);
  });

  test.each(['', ' ', 'a b', 'a/b', 'ä', 'a%2fb', '..', '.', 'a:b', '\u0430'])('the name %j is refused', (name) => {
    expect(problemsOf({ mcpServers: { [name]: npx } })).toHaveLength(1);
  });

  test.each(['Docs', 'a.b-c_1', '1', '...', 'time'])('the name %j is fine', (name) => {
    expect(problemsOf({ mcpServers: { [name]: npx } })).toEqual([]);
  });
});

describe('beside the servers', () => {
  test('operationIds and toolErrorStatus', () => {
    const file = parseServers({
      operationIds: 'mcpo',
      toolErrorStatus: 422,
      mcpServers: { a: npx, b: { ...npx, toolErrorStatus: 200 } },
    });
    expect(file.operationIds).toBe('mcpo');
    expect(file.servers.map(({ toolErrorStatus }) => toolErrorStatus)).toEqual([422, 200]);
  });

  test('resultImages, where the server has the last word', () => {
    const mcpServers = { a: npx, b: { ...npx, resultImages: 'data' } };
    const { servers } = parseServers({ resultImages: 'url', mcpServers });
    expect(servers.map(({ resultImages }) => resultImages)).toEqual(['url', 'data']);
    expect(problemsOf({ resultImages: 'link', mcpServers })).toEqual([
      expect.stringContaining('"resultImages": must be "data" or "url".'),
    ]);
  });

  test('without them', () => {
    expect(parseServers({ mcpServers: { a: npx } }).operationIds).toBe('server');
    expect(parseServer(npx).resultImages).toBe('data');
    expect(parseServer(npx).toolErrorStatus).toBe(500);
  });

  test('mistyped keys are reported, and known ones are not', () => {
    const { warnings } = parseServers({
      $schema: 'x',
      auth: {},
      vault: {},
      rateLimit: {},
      audit: {},
      operationids: 'x',
      mcpServers: { a: npx },
      zzz: 1,
    });
    expect(messages(warnings)).toEqual([
      'servers.json:7: key "operationids": is not a known key and has no effect; did you mean "operationIds"?',
      'servers.json:13: key "zzz": is not a known key and has no effect.',
    ]);
  });

  test('the vault: what the admin allows and how many sessions, and nothing else', () => {
    const vault = { lastFour: true, maxSessions: 50, maxSessionsPerUser: 3 };
    expect(parseServers({ vault, mcpServers: { a: npx } }).vault).toEqual(vault);
    expect(problemsOf({ vault: { maxSessions: 0, lastfour: true }, mcpServers: { a: npx } })).toEqual([
      expect.stringContaining('must be at least 1.'),
      expect.stringContaining('"vault.lastfour": is not a known key; did you mean "lastFour"?'),
    ]);
  });

  test('a key that is given twice is reported, and the last one counts', () => {
    const file = parseServers(
      '{"mcpServers":{\n"a":{"command":"x",\n"timeoutMs":1,\n"timeoutMs":2},\n"a":{"command":"y"}}}',
    );
    expect(messages(file.warnings)).toEqual([
      'servers.json:4: server "a", key "timeoutMs": is given twice; the last one counts.',
      'servers.json:5: key "mcpServers.a": is given twice; the last one counts.',
    ]);
    expect(file.servers).toHaveLength(1);
    expect(file.servers[0]?.timeoutMs).toBe(300_000);
  });

  test('all problems of the file come at once, in the order of their lines', () => {
    const text = `{
  "operationIds": "other",
  "mcpServers": {
    "a": { "command": "x", "timeoutMs": "5" },
    "b/c": { "command": "x" },
    "d": {},
    "e": {
      "command": "x",
      "args": ["ok", {}],
      "env": { "TOKEN": "\${UNSET}" }
    },
    "f": { "url": "ftp://x" }
  }
}`;
    expect(problemsOf(text)).toEqual([
      'servers.json:2: key "operationIds": must be one of server, mcpo, tool.',
      'servers.json:4: server "a", key "timeoutMs": must be a number, and is a text.',
      'servers.json:5: server "b/c": a server name may contain letters (a-z, A-Z), digits, "-", "_" and "." only, because it is part of the URL; rename it.',
      'servers.json:6: server "d": has neither "command" (a program to start) nor "url" (a server to reach).',
      'servers.json:9: server "e", key "args[1]": must be a text (a number or true/false is taken as one).',
      'servers.json:12: server "f", key "url": must be an http or https URL such as https://example.org/mcp.',
    ]);
  });
});
