import { describe, expect, test } from '@jest/globals';
import { entryProblems, entryWarnings, parseServer, parseServers } from './parse-servers.ts';

const base = { command: 'x', env: { A: '${TOKEN}' }, userVars: { TOKEN: {} } };

describe('discovery', () => {
  test('holds the values with which the service lists the tools, which count as secrets', () => {
    const file = parseServers(
      { mcpServers: { s: { ...base, discovery: { TOKEN: '${env:ADMIN_TOKEN}' } } } },
      { environment: { ADMIN_TOKEN: 'canary' } },
    );
    expect(file.servers[0]?.discovery).toEqual(new Map([['TOKEN', 'canary']]));
    expect(file.secrets).toContain('canary');
  });

  test.each<[object, string[]]>([
    [
      { discovery: { TOKN: 'x', TOKEN: 'y' } },
      ['"discovery.TOKN": is not a user variable of this server; did you mean "TOKEN"?'],
    ],
    [{ discovery: {} }, ['"discovery": lacks a value for TOKEN, which is required and has no default.']],
    [{ discovery: 'x' }, ['"discovery": must be an object.']],
    [
      { discovery: { TOKEN: '${user.id}' } },
      [
        '"discovery.TOKEN": depends on who calls (user.id); it is the value with which the service itself lists the tools.',
      ],
    ],
    [{ discovery: { TOKEN: 'a\nb' } }, ['"discovery.TOKEN": contains a line break.']],
  ])('%j is refused', (more, problems) => {
    expect(entryProblems({ ...base, ...more })).toEqual(problems);
  });

  test('may leave out what is optional or has a default', () => {
    const userVars = { TOKEN: { required: false }, OTHER: { default: 'x' } };
    const server = parseServer({ ...base, env: { A: '${TOKEN}', B: '${OTHER}' }, userVars, discovery: {} });
    expect(server.discovery).toEqual(new Map());
  });

  test('needs no values where the settings are the same for all users', () => {
    expect(parseServer({ command: 'x', isolation: 'user' }).discovery).toEqual(new Map());
    expect(parseServer(base).discovery).toBeUndefined();
    expect(parseServer({ command: 'x' }).discovery).toBeUndefined();
  });

  test('has no effect on a shared server, which is said', () => {
    expect(entryWarnings({ command: 'x', discovery: {} })).toEqual([
      '"discovery": has no effect on a server that all users share.',
    ]);
  });
});
