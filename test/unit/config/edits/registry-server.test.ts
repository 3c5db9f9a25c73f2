import { describe, expect, test } from '@jest/globals';
import { readPasted } from '../../../../src/config/edits/pasted-servers.ts';
import { parseServer } from '../parse-servers.ts';

const read = (server: object) => {
  const pasted = readPasted(
    JSON.stringify({ name: 'io.github.example/thing', description: 'd', version: '1.0.0', ...server }),
  );
  if (pasted.kind !== 'registry') throw new Error('This is not a server.json.');
  return pasted;
};
const entryOf = (server: object, index = 0) => {
  const offer = read(server).offers[index];
  return offer !== undefined && 'entry' in offer.result ? offer.result.entry : offer?.result;
};
const npm = (more: object) => ({
  packages: [
    { registryType: 'npm', identifier: '@example/thing', version: '1.2.3', transport: { type: 'stdio' }, ...more },
  ],
});

describe('a server.json of the MCP registry', () => {
  test('secret, required and chosen inputs become user variables; the rest has its default or is left out', () => {
    const server = npm({
      environmentVariables: [
        { name: 'API_KEY', description: 'Key of the thing', isRequired: true, isSecret: true, placeholder: 'abc-…' },
        { name: 'REGION', choices: ['eu', 'us'], default: 'eu' },
        { name: 'ACCOUNT', isRequired: true, format: 'number' },
        { name: 'LOG_LEVEL', default: 'info' },
        { name: 'PROXY', description: 'A proxy' },
        { name: 'FIXED', value: 'one' },
      ],
    });
    const entry = entryOf({ title: 'The Thing', ...server });
    expect(entry).toEqual({
      title: 'The Thing',
      command: 'npx',
      args: ['-y', '@example/thing@1.2.3'],
      env: { API_KEY: '${API_KEY}', REGION: '${REGION}', ACCOUNT: '${ACCOUNT}', LOG_LEVEL: 'info', FIXED: 'one' },
      userVars: {
        API_KEY: {
          title: 'API_KEY',
          description: 'Key of the thing For example: abc-…',
          required: true,
          sensitive: true,
        },
        REGION: { title: 'REGION', required: false, sensitive: false, default: 'eu', choices: ['eu', 'us'] },
        ACCOUNT: { title: 'ACCOUNT', required: true, sensitive: false, pattern: '-?[0-9]+([.][0-9]+)?' },
      },
    });
    expect(read(server).offers[0]?.notes).toEqual(['PROXY is optional and is left out: A proxy']);
    expect(parseServer(entry)).toMatchObject({ isolation: 'user' });
  });

  test.each([
    [
      { registryType: 'pypi', runtimeHint: 'uvx' },
      { command: 'uvx', args: ['@example/thing@1.2.3'] },
    ],
    [
      {
        registryType: 'oci',
        identifier: 'docker.io/example/thing:2',
        environmentVariables: [{ name: 'A', value: 'b' }],
      },
      { command: 'docker', args: ['run', '-i', '--rm', '-e', 'A', 'docker.io/example/thing:2'], env: { A: 'b' } },
    ],
    [
      { registryType: 'nuget', packageArguments: [{ type: 'positional', value: 'mcp' }] },
      { command: 'dnx', args: ['@example/thing@1.2.3', '--yes', '--', 'mcp'] },
    ],
    [
      {
        runtimeArguments: [
          { type: 'named', name: '-y' },
          { type: 'named', name: '--prefer-offline' },
        ],
        packageArguments: [
          { type: 'named', name: '--mode', default: 'local' },
          { type: 'named', name: '--port', format: 'number', description: 'optional' },
          { type: 'positional', valueHint: 'dir', value: '/data' },
        ],
      },
      { command: 'npx', args: ['-y', '--prefer-offline', '@example/thing@1.2.3', '--mode', 'local', '/data'] },
    ],
  ])('%j', (more, entry) => {
    expect(entryOf(npm(more))).toEqual(entry);
    expect(parseServer(entry).name).toBe('s');
  });

  test('variables inside of a value, and arguments of users', () => {
    const mount = {
      type: 'named',
      name: '--mount',
      value: 'type=bind,src={source_path},dst={target},{unknown}',
      variables: { source_path: { isRequired: true }, target: { default: '/project' } },
    };
    const entry = entryOf(npm({ registryType: 'oci', identifier: 'mcp/files', runtimeArguments: [mount] }));
    expect(entry).toMatchObject({
      args: ['run', '-i', '--rm', '--mount', 'type=bind,src=${source_path},dst=/project,{unknown}', 'mcp/files:1.2.3'],
      allowUserPlaceholdersInArgs: true,
      userVars: { source_path: { required: true } },
    });
    expect(parseServer(entry).isolation).toBe('user');
  });

  test('remote servers, with headers and variables of the url', () => {
    const remote = {
      type: 'streamable-http',
      url: 'https://{region}.example.com/{tenant}/mcp',
      variables: { region: { default: 'eu' }, tenant: { isRequired: true } },
      headers: [
        { name: 'X-API-Key', isSecret: true, isRequired: true },
        { name: 'Authorization', value: 'Bearer {token}', variables: { token: { isSecret: true } } },
      ],
    };
    const entry = entryOf({ remotes: [remote] });
    expect(entry).toEqual({
      type: 'streamable-http',
      url: 'https://eu.example.com/${tenant}/mcp',
      headers: { 'X-API-Key': '${X_API_KEY}', Authorization: 'Bearer ${token}' },
      userVars: {
        tenant: { title: 'tenant', required: true, sensitive: false },
        X_API_KEY: { title: 'X-API-Key', required: true, sensitive: true },
        token: { title: 'token', required: false, sensitive: true },
      },
    });
    expect(parseServer(entry).isolation).toBe('user');
  });

  test('remote servers come before packages; the name is the last part', () => {
    const found = read({ ...npm({}), remotes: [{ type: 'sse', url: 'https://x.example/sse' }] });
    expect([found.name, ...found.offers.map(({ kind }) => kind)]).toEqual(['thing', 'remote', 'package']);
  });

  test("the answer of the registry's API and the names of its first schema", () => {
    const old = {
      name: 'io.github.example/thing',
      packages: [
        {
          registry_type: 'npm',
          identifier: 'thing',
          version: '1',
          environment_variables: [{ name: 'A_KEY', is_secret: true, is_required: true }],
        },
      ],
    };
    const pasted = readPasted(
      JSON.stringify({ server: old, _meta: { 'io.modelcontextprotocol.registry/official': {} } }),
    );
    expect(pasted).toMatchObject({ kind: 'registry', offers: [{ result: { entry: { env: { A_KEY: '${A_KEY}' } } } }] });
  });

  test.each([
    [{ registryType: 'mcpb' }, '"mcpb" cannot be started'],
    [{ registryType: 'cargo' }, '"cargo" cannot be started'],
    [{ runtimeHint: 'sh' }, '"sh", which is not known'],
    [{ transport: { type: 'streamable-http', url: 'http://localhost' } }, 'add its url'],
    [{ identifier: '--call=evil' }, 'not the name of a package'],
    [{ environmentVariables: [{ name: 'A', value: '{{SECRET}}' }] }, '{{'],
  ])('%j is not offered', (more, problem) => {
    expect(entryOf(npm(more))).toEqual({ problem: expect.stringContaining(problem) });
  });

  test("a publisher's text is no placeholder of ours", () => {
    const entry = entryOf(
      npm({
        environmentVariables: [
          { name: 'A', value: '${env:MCPO_VAULT_KEY}' },
          { name: 'B', default: '${file:/etc/shadow}' },
          { name: 'C', value: 'x{v}', variables: { v: { value: '${HOME}' } } },
        ],
        packageArguments: [{ type: 'positional', value: '${HOME}' }],
      }),
    );
    expect(entry).toMatchObject({ env: { A: '$${env:MCPO_VAULT_KEY}', B: '$${file:/etc/shadow}', C: 'x$${HOME}' } });
    expect(parseServer(entry).transport).toMatchObject({
      args: [expect.anything(), expect.anything(), [{ text: '${HOME}' }]],
    });
  });

  test('what is not of its form is refused in one sentence', () => {
    expect(() => read({ packages: [{}] })).toThrow('packages.0.registryType');
    expect(() => read({ packages: [] })).toThrow('no package and no remote');
  });
});
