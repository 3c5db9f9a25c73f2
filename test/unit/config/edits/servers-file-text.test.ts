import { describe, expect, test } from '@jest/globals';
import { withServers, withTools } from '../../../../src/config/edits/servers-file-text.ts';
import { parseJsonDocument } from '../../../../src/config/json-document.ts';

const FILE = 'servers.json';
const text = `{
  // The servers of the house.
  "mcpServers": {
    "time": { "command": "uvx", "args": ["time"] }, // local time
    "files": {
      "command": "npx", /* node */
      "disabledTools": [
        "delete", // never
        "write", // not now
      ],
      "tools": {
        // for the model
        "read": { "name": "look" },
      },
    },
  },
  "auth": {}, // later
}
`;
const readValue = (one: string) => JSON.parse(JSON.stringify(parseJsonDocument(one, FILE).value));
const plain = { name: undefined, description: undefined, hidden: false };
const tools = (name: string, change: object) =>
  withTools(text, FILE, 'files', [{ name, isEnabled: true, override: plain, ...change }]);

describe('editing the text of a servers file', () => {
  test('a server is added at the end, and every comment and line stays', () => {
    const added = withServers(text, FILE, new Map([['jira', { url: 'https://jira.example/mcp' }]]));
    expect(readValue(added).mcpServers.jira).toEqual({ url: 'https://jira.example/mcp' });
    for (const line of text.split('\n')) expect(added).toContain(line);
    expect(added).toContain('\n    "jira": {\n      "url": "https://jira.example/mcp"\n    }');
  });

  test.each([
    ['tabs', '{\n\t"mcpServers": {\n\t\t"a": {"command": "x"}\n\t}\n}', '\n\t\t"b": {\n\t\t\t"command": "y"'],
    ['line ends of Windows', '{\r\n  "mcpServers": {}\r\n}\r\n', '\r\n    "b": {\r\n      "command": "y"'],
    [
      'entries in one line, with comments behind them',
      '{\n  "mcpServers": {\n    "a": {"command":"x"} // of the house\n  } // all\n}\n',
      '{\n  "mcpServers": {\n    "a": {"command":"x"}, // of the house\n    "b": {\n      "command": "y"\n    }\n  } // all\n}\n',
    ],
    [
      'a comma at the end',
      '{\n  "mcpServers": {\n    "a": {}, /* one */\n    // two\n  },\n}',
      '"a": {}, /* one */\n    "b": {\n      "command": "y"\n    },\n    // two\n  },\n}',
    ],
    ['one line', '{"mcpServers":{}}', '"command": "y"'],
    ['VS Code', '{"servers":{}}', '"command": "y"'],
    ['a byte order mark', '\uFEFF{"mcpServers":{}}', '"command": "y"'],
  ])('the form of the file stays: %s', (_, given, expected) => {
    expect(withServers(given, FILE, new Map([['b', { command: 'y' }]]))).toContain(expected);
  });

  test.each(['__proto__', 'constructor'])('%s is a name like any other', (name) => {
    const added = withServers(text, FILE, new Map([[name, { url: 'https://x.example' }]]));
    expect(added).toContain(`"${name}": {`);
    expect(() => withServers(added, FILE, new Map([[name, {}]]))).toThrow('already');
  });

  test('a name that is taken is refused, and so is a file that gives a key twice', () => {
    expect(() => withServers(text, FILE, new Map([['time', {}]]))).toThrow('There is a server "time"');
    const twice = '{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}';
    expect(() => withTools(twice, FILE, 'a', [])).toThrow('"mcpServers.a" twice (line 1)');
    expect(() => withTools(text, FILE, 'nobody', [])).toThrow('no server "nobody"');
  });

  test('a tool is switched off and on in "disabledTools", with the comments of the others', () => {
    const off = tools('read', { isEnabled: false, override: { ...plain, name: 'look' } });
    expect(readValue(off).mcpServers.files.disabledTools).toEqual(['delete', 'write', 'read']);
    const on = tools('delete', {});
    expect(readValue(on).mcpServers.files.disabledTools).toEqual(['write']);
    for (const changed of [off, on])
      for (const comment of ['// never', '// not now', '/* node */', '// for the model'])
        expect(changed).toContain(comment);
    expect(tools('other', {})).toBe(text);
  });

  test('both spellings of "disabledTools" lose the tool, and "enabledTools" gains it', () => {
    const given =
      '{"mcpServers": {"a": {"command": "x", "disabledTools": ["t", "u"], "disabled_tools": ["t"], "enabledTools": ["u"]}}}';
    const changed = withTools(given, FILE, 'a', [
      { name: 't', isEnabled: true, override: plain },
      { name: 'v', isEnabled: false, override: plain },
    ]);
    expect(readValue(changed).mcpServers.a).toEqual({
      command: 'x',
      disabledTools: ['u', 'v'],
      disabled_tools: [],
      enabledTools: ['u', 't'],
    });
  });

  test('the last one of a list in one line is removed with its comma', () => {
    const given = '{"mcpServers": {"a": {"command": "x", "disabledTools": ["t", "u"]}}}';
    const changed = withTools(given, FILE, 'a', [{ name: 'u', isEnabled: true, override: plain }]);
    expect(changed).toBe('{"mcpServers": {"a": {"command": "x", "disabledTools": ["t"]}}}');
  });

  test('names, descriptions and "hidden" are set, changed and removed', () => {
    const of = (changed: string) => readValue(changed).mcpServers.files.tools;
    const look = { ...plain, name: 'look' };
    expect(of(tools('read', { override: { ...look, description: 'Reads.', hidden: true } }))).toEqual({
      read: { name: 'look', description: 'Reads.', hidden: true },
    });
    expect(of(tools('read', { override: plain }))).toEqual({});
    expect(of(tools('new', { override: { ...plain, description: '' } }))).toEqual({
      read: { name: 'look' },
      new: { description: '' },
    });
    expect(tools('read', { override: look })).toBe(text);
  });
});
