import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { ServerConfig } from '../../../src/config/server-config.ts';
import { literalText } from '../../../src/placeholders/resolve-template.ts';
import { entryProblems, entryWarnings, parseServer, parseServers } from './parse-servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-'));
afterAll(() => rmSync(folder, { recursive: true }));

function stdio(config: ServerConfig) {
  if (config.transport.type !== 'stdio') throw new Error('This is not a stdio server.');
  return config.transport;
}

function remote(config: ServerConfig) {
  if (config.transport.type === 'stdio') throw new Error('This is a stdio server.');
  return config.transport;
}

describe('defaults and values', () => {
  test('a bare command', () => {
    const { transport, ...rest } = parseServer({ command: 'uvx' });
    expect(rest).toEqual({
      name: 's',
      isolation: 'shared',
      callMeta: new Map(),
      required: false,
      disabledTools: new Set(),
      tools: new Map(),
      enabledTools: undefined,
      startTimeoutMs: 180_000,
      timeoutMs: 300_000,
      idleTimeoutMs: 900_000,
      maxConcurrency: 64,
      maxConcurrencyPerUser: 48,
      maxResultBytes: 33_554_432,
      oversizedResults: 'cut',
      resultImages: 'data',
      toolErrorStatus: 500,
      clientHeaderForwarding: undefined,
      userVars: new Map(),
      discovery: undefined,
      allowPrivateAddresses: false,
      rawUrlPlaceholders: false,
      allowedHosts: undefined,
      access: undefined,
    });
    expect(transport).toMatchObject({ type: 'stdio', args: [], cwd: undefined });
  });

  test('both spellings of disabledTools, and enabledTools', () => {
    const server = parseServer({ command: 'x', disabledTools: ['a'], disabled_tools: ['b'], enabledTools: ['c'] });
    expect([...server.disabledTools, ...(server.enabledTools ?? [])]).toEqual(['a', 'b', 'c']);
  });

  test('null is the same as nothing', () => {
    expect(parseServer({ command: 'x', args: null, env: null, url: null, disabled: null }).name).toBe('s');
  });

  test('header forwarding, only if it is enabled', () => {
    const url = 'http://x';
    const forwarding = { enabled: true, whitelist: ['X-Trace-*'], blacklist: ['X-Trace-Secret'] };
    expect(parseServer({ url, client_header_forwarding: forwarding }).clientHeaderForwarding).toEqual({
      whitelist: ['x-trace-*'],
      blacklist: ['x-trace-secret'],
    });
    const off = { ...forwarding, enabled: false };
    expect(parseServer({ url, client_header_forwarding: off }).clientHeaderForwarding).toBeUndefined();
  });

  test.each([
    [
      { command: 'x', url: 'http://x' },
      'has both "command" and "url"; keep the one that starts or reaches the server.',
    ],
    [{ args: [] }, 'has neither "command" (a program to start) nor "url" (a server to reach).'],
    [
      { comand: 'x' },
      'has neither "command" (a program to start) nor "url" (a server to reach); did you mean "command" for "comand"?',
    ],
    [
      { COMMAND: 'x' },
      'has neither "command" (a program to start) nor "url" (a server to reach); did you mean "command" for "COMMAND"?',
    ],
    [
      { serverUrl: 'http://x' },
      'has neither "command" (a program to start) nor "url" (a server to reach); did you mean "url" for "serverUrl"?',
    ],
    [{ command: ['npx', 'x'] }, '"command": is a list; put its first word into "command" and the others into "args".'],
    [{ command: '' }, '"command": is empty.'],
    [{ command: '${EMPTY}' }, '"command": is empty.'],
    [{ command: 'x', type: 'sse' }, '"type": sse needs "url", not "command".'],
    [{ url: 'http://x', type: 'stdio' }, '"type": stdio needs "command", not "url".'],
    [
      { url: 'http://x', type: 'websocket' },
      '"type": must be one of stdio, sse, streamable-http, streamable_http, streamablehttp, http.',
    ],
    [{ command: 5 }, '"command": must be a text, and is a number.'],
    [{ command: 'x', args: 'a b' }, '"args": must be a list, and is a text.'],
    [{ command: 'x', env: [] }, '"env": must be an object.'],
    [{ command: 'x', env: { A: null } }, '"env.A": must be a text (a number or true/false is taken as one).'],
    [
      { command: 'x', env: { '': 'a' } },
      '"env.": is not a name of an environment variable: it may not be empty or contain "=".',
    ],
    [{ command: 'x', timeoutMs: 0 }, '"timeoutMs": must be at least 1 (milliseconds).'],
    [{ command: 'x', timeoutMs: 2 ** 31 }, '"timeoutMs": is more than 2147483647.'],
    [{ command: 'x', maxSessions: 1.5 }, '"maxSessions": must be a whole number, and is a number with a fraction.'],
    [{ command: 'x', isolation: 'none' }, '"isolation": must be one of shared, user, chat.'],
    [{ command: 'x', disabled: 'yes' }, '"disabled": must be true or false, and is a text.'],
    [{ command: 'x', toolErrorStatus: 302 }, '"toolErrorStatus": must be 200 or an HTTP status from 400 to 599.'],
    [{ command: 'x', resultImages: true }, '"resultImages": must be "data" or "url".'],
    [{ command: 'x', inheritEnv: 'PATH' }, '"inheritEnv": must be a list of names, or "*" for the whole environment.'],
    [{ command: 'x', envFile: 'no.env' }, '"envFile": "no.env" does not exist.'],
    [5, 'must be an object with "command" or "url".'],
  ])('is refused: %j', (entry, message) => {
    expect(entryProblems(entry, { environment: { EMPTY: '' } })).toEqual([message]);
  });

  test.each([
    [{ command: 'x', timoutMs: 5 }, '"timoutMs": is not a known key and has no effect; did you mean "timeoutMs"?'],
    [{ command: 'x', oauth: {} }, '"oauth": is not supported by this version yet and has no effect.'],
    [{ command: 'x', headers: { A: 'b' } }, '"headers": has no effect on a server that is started by "command".'],
    [{ url: 'http://x', args: [] }, '"args": has no effect on a server that is reached by "url".'],
    [{ command: 'x', cwd: 'nowhere' }, '"cwd": "nowhere" is not a folder now; the server cannot start before it is.'],
    [
      { command: 'x', inheritEnv: ['MCPO_API_KEY'] },
      '"inheritEnv": MCPO_API_KEY is the service\'s own and is not passed on; give the server its value in "env".',
    ],
  ])('is warned of: %j', (entry, message) => {
    expect(entryWarnings(entry)).toEqual([message]);
  });
});

describe('a stdio server', () => {
  test('numbers and booleans become texts', () => {
    const transport = stdio(parseServer({ command: 'x', args: ['-p', 80, true], env: { A: 1, B: false } }));
    expect(transport.args.map(literalText)).toEqual(['-p', '80', 'true']);
    expect([...transport.env].map(([name, value]) => [name, literalText(value)])).toEqual([
      ['A', '1'],
      ['B', 'false'],
    ]);
  });

  test('paths are relative to the servers file, arguments stay as they are', () => {
    mkdirSync(join(folder, 'work'));
    writeFileSync(
      join(folder, 'some.env'),
      'A=from file # comment\nB="two\\nlines"\nexport C=\'$A\'\nAPI_TOKEN=tok-1\n',
    );
    const entry = { command: './bin/run', args: ['./data'], cwd: 'work', envFile: 'some.env', env: { A: 'own' } };
    const options = { file: join(folder, 'servers.json') };
    const transport = stdio(parseServer(entry, options));
    expect(literalText(transport.command)).toBe(join(folder, 'bin/run'));
    expect(transport.args.map(literalText)).toEqual(['./data']);
    expect(transport.cwd).toBe(join(folder, 'work'));
    expect(Object.fromEntries([...transport.env].map(([name, value]) => [name, literalText(value)]))).toEqual({
      A: 'own',
      B: 'two\nlines',
      C: '$A',
      API_TOKEN: 'tok-1',
    });
    expect(parseServers({ mcpServers: { s: entry } }, options).secrets).toEqual(['from file', 'two\nlines', 'tok-1']);
  });

  test('a bare command and an absolute one stay', () => {
    const file = join(folder, 'servers.json');
    expect(literalText(stdio(parseServer({ command: 'npx' }, { file })).command)).toBe('npx');
    expect(literalText(stdio(parseServer({ command: '${X}/npx' }, { file, environment: { X: '/opt' } })).command)).toBe(
      '/opt/npx',
    );
  });

  test('what --env gave goes to every child', () => {
    const options = { environment: { A: '1', PATH: '/bin', OTHER: 'x' }, given: { A: '1' } };
    expect({ ...stdio(parseServer({ command: 'x' }, options)).inheritedEnv }).toEqual({ A: '1', PATH: '/bin' });
  });
});

describe('a remote server', () => {
  test.each([
    [undefined, 'auto'],
    ['sse', 'sse'],
    ['streamable-http', 'streamable-http'],
    ['streamable_http', 'streamable-http'],
    ['streamablehttp', 'streamable-http'],
    ['streamableHttp', 'streamable-http'],
    ['http', 'streamable-http'],
  ])('type %j', (type, expected) => {
    expect(parseServer({ url: ' https://example.org/mcp ', type }).transport.type).toBe(expected);
  });

  test('url and headers take placeholders', () => {
    const entry = { url: '${BASE}/mcp', headers: { Authorization: 'Bearer ${KEY}' } };
    const transport = remote(parseServer(entry, { environment: { BASE: 'http://h:1', KEY: 'k' } }));
    expect(literalText(transport.url)).toBe('http://h:1/mcp');
    expect(literalText(transport.headers.get('Authorization') ?? [])).toBe('Bearer k');
  });

  test.each([
    [{ url: 'example.org' }, '"url": must be an http or https URL such as https://example.org/mcp.'],
    [{ url: 'http://' }, '"url": must be an http or https URL such as https://example.org/mcp.'],
    [
      { url: 'http://x', headers: { 'A B': '1' } },
      '"headers.A B": is not a header name: it may contain letters, digits and "-" only.',
    ],
    [
      { url: 'http://x', headers: { A: '1\n2' } },
      '"headers.A": contains a line break or NUL character, which no header can.',
    ],
    [
      { url: 'http://x', headers: { A: '€' } },
      '"headers.A": contains a character that no header can carry; percent-encode it.',
    ],
    [
      { url: 'http://x', headers: { 'X-A': '1', 'x-a': '2' } },
      '"headers.x-a": is the same header as "X-A"; keep one of them.',
    ],
  ])('is refused: %j', (entry, message) => {
    expect(entryProblems(entry)).toEqual([message]);
  });
});
