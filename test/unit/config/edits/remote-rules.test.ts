import { describe, expect, test } from '@jest/globals';
import { assertForeignHost, remoteProblems } from '../../../../src/config/edits/remote-rules.ts';

const url = 'https://mcp.example.org/mcp';
const userVars = { TOKEN: { sensitive: true } };

describe('what may be added without the right to run something', () => {
  test.each([
    [{ url }],
    [{ url, type: 'streamable-http', headers: { Authorization: 'Bearer ${TOKEN}' }, userVars }],
    [{ url: `${url}/\${user.id}/{{USER_ID}}`, headers: { 'X-A': '${base64:${user.email}:${TOKEN}}' }, userVars }],
    [{ url, headers: { 'X-A': 'literal', 'X-B': '${input:TOKEN} {{TOKEN}}' }, userVars, disabledTools: ['a'] }],
    [{ url, tools: { a: { description: 'costs ${env:X} or {{y}}' } }, userVars: { A: { description: '${HOME}' } } }],
  ])('%j', (entry) => {
    expect(remoteProblems(entry)).toEqual([]);
  });

  const more: readonly Record<string, unknown>[] = [
    { command: 'sh' },
    { url, command: 'sh' },
    { url, type: 'stdio' },
    { url, type: 'STDIO' },
    { url, args: ['-c'] },
    { url, env: { A: 'b' } },
    { url, envFile: '/etc/shadow' },
    { url, cwd: '/' },
    { url, inheritEnv: '*' },
    { url, runAs: { uid: 1, gid: 1 } },
    { url, forwardCallerToken: true },
    { url, allowPrivateAddresses: true },
    { url, unheardOf: true },
    { url, __proto__: null, constructor: 1 },
    { url: ['https://x'] },
    {},
  ];
  test.each(more.map((entry) => [entry]))('not %j', (entry) => {
    expect(remoteProblems(entry)).not.toEqual([]);
  });

  test.each([
    '${env:MCPO_VAULT_KEY}',
    '${MCPO_VAULT_KEY}',
    '${MCPO_VAULT_KEY:-x}',
    '${env:X:-x}',
    '${file:/etc/shadow}',
    '${FILE:/etc/shadow}',
    '${base64:${env:X}}',
    '${base64:${file:/etc/shadow}}',
    '${TOKEN:-${env:X}}',
    '$${TOKEN}${env:X}',
    '${${TOKEN}}',
    '${{TOKEN}}',
    '${user.token}',
    '${ env:X}',
    '${anything.new:X}',
    '{{SECRET}}',
  ])('%s reads more than a user', (text) => {
    for (const entry of [
      { url: `${url}/${text}`, userVars },
      { url, headers: { 'X-A': text }, userVars },
      { url, discovery: { TOKEN: text }, userVars },
    ]) {
      expect(remoteProblems(entry)).toEqual([expect.stringContaining('placeholder')]);
    }
  });

  test('the name of a variable matches nothing else', () => {
    expect(remoteProblems({ url, headers: { A: '${env:X}' }, userVars: { '.*': {}, 'env:X': {} } })).toHaveLength(1);
  });

  test.each([
    'http://127.0.0.1:8000/mcp',
    'http://127.1/mcp',
    'http://0x7f000001/mcp',
    'http://[::1]/mcp',
    'http://[::ffff:127.0.0.1]/mcp',
    'http://169.254.169.254/latest',
    'http://[fe80::1]/mcp',
    'http://0.0.0.0/mcp',
    'http://localhost/mcp',
  ])('%s is this machine', async (given) => {
    await expect(assertForeignHost(given)).rejects.toThrow('this machine');
  });

  test.each([
    'http://10.1.2.3/mcp',
    'http://192.168.1.5:9000/mcp',
    'https://203.0.113.5/${user.id}',
    'http://name.invalid/mcp',
  ])('%s is not', async (given) => {
    await expect(assertForeignHost(given)).resolves.toBeUndefined();
  });
});
