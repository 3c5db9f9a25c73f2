import { describe, expect, test } from '@jest/globals';
import { entryProblems, entryWarnings, messages, parseServer, parseServers, problemsOf } from './parse-servers.ts';

const userVars = { TOKEN: {} };
const origin =
  '"url": scheme, host and port must be written out before the first value of a user, so that no user can say where the request goes.';

describe('isolation', () => {
  test.each([
    [{ command: 'x', env: { A: '${TOKEN}' }, userVars }, 'user'],
    [{ command: 'x', env: { A: '{{USER_ID}}' } }, 'user'],
    [{ command: 'x', args: ['${TOKEN}'], allowUserPlaceholdersInArgs: true, userVars }, 'user'],
    [{ url: 'http://x/${user.id}' }, 'user'],
    [{ url: 'http://x', headers: { A: '${chat.id}' } }, 'user'],
    [{ url: 'http://x', headers: { A: '${chat.id}' }, isolation: 'chat' }, 'chat'],
    [{ command: 'x', isolation: 'user' }, 'user'],
    [{ command: 'x', env: { A: '$${TOKEN}' } }, 'shared'],
    [{ command: 'x' }, 'shared'],
  ])('%j is %s', (entry, isolation) => {
    expect(parseServer(entry).isolation).toBe(isolation);
  });

  test('a server with values of a user cannot be shared', () => {
    expect(entryProblems({ command: 'x', env: { A: '${user.id}' }, isolation: 'shared' })).toEqual([
      '"isolation": cannot be "shared": the server\'s settings contain values of a user; leave it out, or set it to "user".',
    ]);
  });
});

describe('where a value of a user may not stand', () => {
  test.each([
    [
      { command: '${TOKEN}', userVars },
      '"command": depends on who calls (TOKEN); only the admin may say which program runs.',
    ],
    [
      { command: 'x', cwd: '/home/${user.name}' },
      '"cwd": depends on who calls (user.name); a folder must be the same for every user.',
    ],
    [
      { command: 'x', envFile: '${chat.id}.env' },
      '"envFile": depends on who calls (chat.id); a file must be the same for every user.',
    ],
    [
      { command: 'x', args: ['a', '--key=${TOKEN}'], userVars },
      '"args[1]": contains a value of a user, and arguments show in the process list; put it into "env", or set "allowUserPlaceholdersInArgs": true.',
    ],
    [
      { url: 'http://x', headers: { A: '${user.token}' } },
      '"headers.A": ${user.token} passes the caller\'s own token to this server; allow it with "forwardCallerToken": true.',
    ],
  ])('%j', (entry, message) => {
    expect(entryProblems(entry)).toEqual([message]);
  });

  test.each([
    '${TOKEN}',
    '${TOKEN}://example.org/',
    'https://${TOKEN}/',
    'https://${TOKEN}.example.org/',
    'https://example.org${TOKEN}',
    'https://example.org:${TOKEN}/',
    'https://${TOKEN}@example.org/',
    'https:///${TOKEN}',
    'https:/${TOKEN}',
    'https:\\\\${TOKEN}',
    'https://example.org\\${TOKEN}',
    'https://exa mple.org/${TOKEN}',
  ])('in the origin of a url: %j', (url) => {
    expect(entryProblems({ url, userVars })).toEqual([origin]);
  });

  test.each(['https://example.org/${TOKEN}', 'https://example.org:8443/?t=${TOKEN}', 'HTTP://[::1]:80/a#${TOKEN}'])(
    'after the origin it may: %j',
    (url) => {
      expect(entryProblems({ url, userVars })).toEqual([]);
    },
  );

  test.each(['${TOKEN}', 'https://${TOKEN}/mcp', 'https://${TOKEN}.example.org/'])(
    'in the origin of a url where values are raw and the hosts are listed: %j',
    (url) => {
      const entry = { url, userVars, rawUrlPlaceholders: true };
      expect(entryProblems(entry)).toEqual([origin]);
      expect(entryProblems({ ...entry, allowedHosts: ['*.example.org'] })).toEqual([]);
      expect(entryProblems({ url, userVars, allowedHosts: ['*.example.org'] })).toEqual([origin]);
    },
  );

  test.each([
    [['*'], '"allowedHosts[0]": must be a host such as "mcp.example.org", or "*.example.org" for every host below it.'],
    [[], '"allowedHosts": names no host; leave it out, or name one.'],
    [['example.net'], '"allowedHosts": does not name the host of "url".'],
  ])('hosts that cannot be meant: %j', (allowedHosts, message) => {
    expect(entryProblems({ url: 'https://example.org/${TOKEN}', userVars, allowedHosts })).toContain(message);
  });

  test("the caller's token, once it is allowed", () => {
    const entry = { url: 'http://x', headers: { A: '${user.token}' }, forwardCallerToken: true };
    expect(entryProblems(entry)).toEqual([]);
  });
});

describe('user variables', () => {
  test('every key, and the defaults', () => {
    const declared = {
      title: 'Region',
      description: 'Where',
      required: false,
      sensitive: false,
      default: 'eu',
      choices: [{ value: 'eu', label: 'Europe' }, { value: 'us' }, 'asia'],
      pattern: '[a-z]+',
      helpUrl: 'https://example.org/help',
    };
    const entry = { command: 'x', env: { A: '${REGION}', B: '${TOKEN}' }, userVars: { REGION: declared, TOKEN: {} } };
    expect(Object.fromEntries(parseServer(entry).userVars)).toEqual({
      REGION: {
        ...declared,
        choices: [
          { value: 'eu', label: 'Europe' },
          { value: 'us', label: 'us' },
          { value: 'asia', label: 'asia' },
        ],
      },
      TOKEN: {
        title: 'TOKEN',
        description: undefined,
        required: true,
        sensitive: true,
        default: undefined,
        choices: undefined,
        pattern: undefined,
        helpUrl: undefined,
      },
    });
  });

  test("LibreChat's customUserVars are the same", () => {
    const customUserVars = { TOKEN: { title: 'Your token', description: 'From the page' } };
    const { userVars: read } = parseServer({ url: 'http://x', headers: { A: '{{TOKEN}}' }, customUserVars });
    expect(read.get('TOKEN')).toMatchObject({ title: 'Your token', description: 'From the page', required: true });
  });

  test.each([
    [{ pattern: '(' }, '"userVars.V.pattern": is not a valid regular expression.'],
    [{ default: 'x', choices: ['a'] }, '"userVars.V.default": is not one of the choices.'],
    [{ default: 'xa', pattern: 'a' }, '"userVars.V.default": does not match the pattern.'],
    [{ helpUrl: 'javascript:alert(1)' }, '"userVars.V.helpUrl": must be an http or https URL.'],
    [{ choices: [] }, '"userVars.V.choices": must contain at least one choice.'],
    [{ choices: [5] }, '"userVars.V.choices[0]": must be a text or {"value": …, "label": …}.'],
    [{ required: 'no' }, '"userVars.V.required": must be true or false, and is a text.'],
    ['text', '"userVars.V": must be an object, and is a text.'],
  ])('is refused: %j', (declared, message) => {
    expect(entryProblems({ command: 'x', env: { A: '${env:HOME}' }, userVars: { V: declared } }, home)).toEqual([
      message,
    ]);
  });

  test('a name that no placeholder could spell is refused', () => {
    expect(entryProblems({ command: 'x', userVars: { 'a-b': {} } })).toEqual([
      '"userVars.a-b": the name of a user variable contains letters, digits and "_" and does not begin with a digit.',
    ]);
  });

  test('declared twice, unused or mistyped is reported', () => {
    expect(entryProblems({ command: 'x', userVars, customUserVars: userVars })).toEqual([
      '"customUserVars.TOKEN": is declared in both "userVars" and "customUserVars"; keep one of them.',
    ]);
    expect(entryWarnings({ command: 'x', userVars: { TOKEN: { titel: 'x' } } })).toEqual([
      '"userVars.TOKEN.titel": is not a known key and has no effect; did you mean "title"?',
      'users are asked for the variable TOKEN, but nothing uses it; name it as ${TOKEN} in "env", "headers", "url" or "callMeta".',
    ]);
  });
});

describe("VS Code's inputs", () => {
  const inputs = [
    { id: 'api-key', type: 'promptString', description: 'The key', password: true },
    { id: 'region', type: 'pickString', options: ['eu', 'us'], default: 'eu' },
  ];

  test('belong to the servers that name them', () => {
    const { servers } = parseServers({
      inputs,
      servers: {
        a: { command: 'x', env: { K: '${input:api-key}' } },
        b: { url: 'http://x/${input:region}' },
        c: { command: 'x' },
      },
    });
    expect(servers.map(({ userVars: read, isolation }) => [[...read.keys()], isolation])).toEqual([
      [['api-key'], 'user'],
      [['region'], 'user'],
      [[], 'shared'],
    ]);
    expect(servers[0]?.userVars.get('api-key')).toMatchObject({
      description: 'The key',
      sensitive: true,
      required: true,
    });
    expect(servers[1]?.userVars.get('region')).toMatchObject({
      sensitive: false,
      default: 'eu',
      choices: [
        { value: 'eu', label: 'eu' },
        { value: 'us', label: 'us' },
      ],
    });
  });

  test('are checked', () => {
    const broken = [
      { id: 'a', type: 'command' },
      { id: 'b', type: 'pickString' },
      inputs[0],
      inputs[0],
      { id: 'ä', type: 'promptString' },
    ];
    const problems = problemsOf({ inputs: broken, servers: { a: { command: 'x' } } });
    expect(problems.map((problem) => problem.replace(/^servers\.json:\d+: key /, ''))).toEqual([
      '"inputs[0].type": must be "promptString" or "pickString"; other inputs need VS Code itself.',
      '"inputs[1]": a "pickString" needs "options".',
      '"inputs[3]": the id "api-key" is taken by another input.',
      '"inputs[4].id": may contain letters, digits, "_", "." and "-" only.',
    ]);
    expect(messages(parseServers({ inputs, servers: { a: { command: 'x' } } }).warnings)).toEqual([]);
  });
});

const home = { environment: { HOME: '/home/a' } };
