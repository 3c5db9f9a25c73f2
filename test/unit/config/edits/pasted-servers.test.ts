import { describe, expect, test } from '@jest/globals';
import { readPasted } from '../../../../src/config/edits/pasted-servers.ts';

const entry = { command: 'npx', args: ['-y', 'server-x'] };
const entries = (text: unknown) => {
  const read = readPasted(typeof text === 'string' ? text : JSON.stringify(text));
  return read.kind === 'entries' ? read.entries : read;
};

describe('pasted configuration', () => {
  test.each([
    ['Claude Desktop', JSON.stringify({ mcpServers: { x: entry } })],
    ['VS Code', JSON.stringify({ servers: { x: entry } })],
    ['settings of VS Code', JSON.stringify({ mcp: { servers: { x: entry } } })],
    ['names alone', JSON.stringify({ x: entry })],
    ['an entry without braces', `"x": ${JSON.stringify(entry)}`],
    ['one with a comma after it', `  "x": ${JSON.stringify(entry)},\n`],
    ['a Markdown fence', `\`\`\`json\n${JSON.stringify({ mcpServers: { x: entry } })}\n\`\`\`\n`],
    ['comments', `// from the page\n{"mcpServers": {"x": ${JSON.stringify(entry)}, /* end */ }}`],
  ])('%s', (_, text) => {
    expect(entries(text)).toEqual([{ name: 'x', entry }]);
  });

  test('an entry alone has no name; several servers have theirs', () => {
    expect(entries(entry)).toEqual([{ name: undefined, entry }]);
    expect(entries({ mcpServers: { a: entry, b: { url: 'https://b' } } })).toHaveLength(2);
  });

  test("VS Code's inputs become user variables of the servers that name them", () => {
    const text = {
      inputs: [
        { type: 'promptString', id: 'api-key', description: 'Key of X', password: true },
        { type: 'pickString', id: 'region', options: ['eu', 'us'], default: 'eu' },
        { type: 'promptString', id: 'unused' },
      ],
      servers: { x: { command: 'x', env: { KEY: '${input:api-key}', REGION: '${input:region}' } }, y: entry },
    };
    expect(entries(text)).toEqual([
      {
        name: 'x',
        entry: {
          command: 'x',
          env: { KEY: '${API_KEY}', REGION: '${region}' },
          userVars: {
            API_KEY: { description: 'Key of X', sensitive: true },
            region: { sensitive: false, default: 'eu', choices: ['eu', 'us'] },
          },
        },
      },
      { name: 'y', entry },
    ]);
  });

  test.each([
    ['', 'Paste the configuration'],
    ['{"a": ', 'not valid JSON, line 1'],
    ['[]', 'not an object'],
    ['"x"', 'not an object'],
    ['{"mcpServers": {}}', 'no server'],
    ['{"mcpServers": {"x": "npx"}}', '"x" is not an object'],
    ['{"name": "x"}', 'no server'],
  ])('%j is refused', (text, reason) => {
    expect(() => readPasted(text)).toThrow(reason);
  });
});
