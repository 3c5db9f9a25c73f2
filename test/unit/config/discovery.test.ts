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

  test('is none where a value that it needs is empty, as that of a variable without a default is', () => {
    const env = { A: '${TOKEN}', B: '${REGION}' };
    const given = (discovery: object, environment = {}) =>
      parseServers(
        { mcpServers: { s: { ...base, env, userVars: { TOKEN: {}, REGION: { required: false } }, discovery } } },
        { environment },
      ).servers[0]?.discovery;
    const token = '${ADMIN_TOKEN:-}';
    expect(given({ TOKEN: token })).toBeUndefined();
    expect(given({ TOKEN: token, REGION: 'eu' })).toBeUndefined();
    expect(given({ TOKEN: token, REGION: '' }, { ADMIN_TOKEN: 'x' })).toEqual(new Map([['TOKEN', 'x']]));
    expect(given({ TOKEN: '${TOKEN:-}' })).toBeUndefined();
    expect(given({ TOKEN: '${TOKEN:-}' }, { TOKEN: 'of the service' })).toEqual(new Map([['TOKEN', 'of the service']]));
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
