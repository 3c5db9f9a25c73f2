import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { parseCommandLine } from '../../../src/cli/arguments.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import type { ServiceOptions } from '../../../src/config/service-options.ts';
import { UsageError } from '../../../src/errors.ts';

const words = (line: string) => line.split(' ').filter((word) => word !== '');

function optionsOf(argv: readonly string[]): ServiceOptions {
  const command = parseCommandLine(argv);
  if (command.kind !== 'serve') throw new Error('This does not serve.');
  return command.options;
}

/** Runs a command that ends by itself. */
function runLine(line: string, env: Readonly<Record<string, string>>) {
  const command = parseCommandLine(words(line));
  if (command.kind !== 'run') throw new Error('This does not end by itself.');
  return command.run(readEnvironment(env, { envPath: command.envPath }));
}

describe('what is asked for', () => {
  test.each([
    ['--config s.json', 'serve'],
    ['-- uvx x --port 1', 'serve'],
    ['check --config s.json', 'run'],
    ['--config s.json check --start', 'run'],
    ['check -c s.json --start', 'run'],
    ['openapi -c s.json', 'run'],
    ['openapi time -c s.json --schema exact', 'run'],
    ['openapi -- uvx x', 'run'],
    ['version', 'print'],
  ])('%s', (line, kind) => {
    expect(parseCommandLine(words(line)).kind).toBe(kind);
  });

  test('the flags of a sub-command and those of the service go together', async () => {
    const env = { MCPO_API_KEY: 'key-of-the-arguments-8c41' };
    const { text } = await runLine('openwebui --base-url http://mcpo:8000 --path-prefix p --show-key -- uvx', env);
    expect(JSON.parse(text)).toMatchObject([{ url: 'http://mcpo:8000/p', key: env.MCPO_API_KEY }]);
  });

  test.each(['--help', 'check --help', '--port 1 --help'])('help is text: %s', (line) => {
    const command = parseCommandLine(words(line));
    expect(command).toMatchObject({ kind: 'print', text: expect.stringContaining('Usage: mcpo-ts') });
  });

  test('the help of a sub-command says that it needs a configuration', () => {
    const command = parseCommandLine(['openapi', '--help']);
    expect(command).toMatchObject({ text: expect.stringContaining('Usage: mcpo-ts openapi [server] --config FILE') });
  });

  test('help names every flag, the examples, and the danger of --api-key', () => {
    const command = parseCommandLine(['--help']);
    if (command.kind !== 'print') throw new Error('This is not help.');
    const flags =
      '--host -h --port -p --config -c --api-key -k --strict-auth --cors-allow-origins --allowed-hosts --env -e --env-path --type --server-type --header -H --name -n --description -d --version -v --ssl-certfile -t --ssl-keyfile -K --root-path --path-prefix --hot-reload --log-level --allow-unauthenticated --allow-weak-secrets --help check openapi openwebui version';
    for (const flag of words(flags)) expect(command.text).toContain(flag);
    expect(command.text).toContain('mcpo-ts --config servers.json');
    expect(command.text).toContain('process list');
  });
});

describe('flags', () => {
  test('short forms are those of mcpo', () => {
    const line = '-h 127.0.0.1 -p 0 -c s.json -k key -e A=1 -n Name -d Text -v 2.0 -t c.pem -K k.pem';
    expect(optionsOf(words(line))).toEqual({
      host: '127.0.0.1',
      port: 0,
      config: 's.json',
      apiKey: 'key',
      env: new Map([['A', '1']]),
      header: new Map(),
      allowedHosts: [],
      name: 'Name',
      description: 'Text',
      version: '2.0',
      sslCertfile: 'c.pem',
      sslKeyfile: 'k.pem',
      positional: [],
    });
  });

  test('long forms', () => {
    const line =
      '--host=::1 --port=9000 --config=s.json --strict-auth --cors-allow-origins https://a.org/ --cors-allow-origins http://b:1 --env A=1=2 --env B= --env A=3 --env-path x.env --root-path /r --path-prefix p --hot-reload --log-level CRITICAL --allow-unauthenticated';
    expect(optionsOf(words(line))).toMatchObject({
      host: '::1',
      port: 9000,
      strictAuth: true,
      corsAllowOrigins: ['https://a.org', 'http://b:1'],
      env: new Map([
        ['A', '3'],
        ['B', ''],
      ]),
      envPath: 'x.env',
      rootPath: '/r',
      pathPrefix: 'p',
      hotReload: true,
      logLevel: 'error',
      allowUnauthenticated: true,
    });
  });

  test.each([
    ['--type sse', 'sse'],
    ['--server-type streamable_http', 'streamable-http'],
    ['--type streamablehttp', 'streamable-http'],
    ['--type http', 'streamable-http'],
  ])('%s', (line, expected) => {
    const options = optionsOf([...words(line), '-H', '{"X-A": "b", "__proto__": "c"}', '--', 'http://x/mcp']);
    expect(options.serverType).toBe(expected);
    expect(options.positional).toEqual(['http://x/mcp']);
    expect([...options.header]).toEqual([
      ['X-A', 'b'],
      ['__proto__', 'c'],
    ]);
  });

  test('everything after -- belongs to the server, a second -- too', () => {
    expect(optionsOf(words('-p 1 -- uvx --help -- -p 2')).positional).toEqual(['uvx', '--help', '--', '-p', '2']);
  });

  test.each(['--version', '-v', '-c x --version', '--version -c x', 'check --version', '-v -- uvx x'])(
    "without a value it is the program's own: %s",
    (line) => {
      expect(parseCommandLine(words(line))).toEqual({ kind: 'print', text: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    },
  );

  test('an API version may look like anything', () => {
    expect(optionsOf(['--config', 'x', '--version', '1.0.0-beta']).version).toBe('1.0.0-beta');
  });
});

describe('what is wrong is reported in one sentence', () => {
  test.each<[readonly string[], string]>([
    [
      words('--config s.json -- uvx x'),
      '--config and a command after -- are two ways to say what to serve; keep one of them.',
    ],
    [words('--config s.json -H {}'), "option '-c, --config <file>' cannot be used with option '-H, --header <json>'"],
    [
      words('--config s.json --type sse'),
      "option '-c, --config <file>' cannot be used with option '--type, --server-type <type>'",
    ],
    [words('-H {} -- uvx x'), '--header is for a remote server; a stdio server has no headers, give it --env instead.'],
    [words('--hot-reload -- uvx x'), '--hot-reload needs --config: without a file there is nothing to watch.'],
    [words('-c s.json -t c.pem'), '--ssl-certfile and --ssl-keyfile belong together; give both or neither.'],
    [
      words('-c s.json -k a --allow-unauthenticated'),
      "option '-k, --api-key <key>' cannot be used with option '--allow-unauthenticated'",
    ],
    [
      words('openapi --schema whole -c s.json'),
      "option '--schema <form>' argument 'whole' is invalid. Allowed choices are portable, exact.",
    ],
    [words('uvx x'), '"uvx" is not expected here; put a server\'s command after --: mcpo-ts -- uvx …'],
    [words('uvx x --foo'), '"uvx" is not expected here; put a server\'s command after --: mcpo-ts -- uvx …'],
    [
      words('chekc -c s.json'),
      '"chekc" is not expected here; put a server\'s command after --: mcpo-ts -- chekc … (or did you mean "mcpo-ts check"?)',
    ],
    [words('servers.json'), '"servers.json" is not expected here; did you mean "mcpo-ts --config servers.json"?'],
    [words('-p 1 my.jsonc'), '"my.jsonc" is not expected here; did you mean "mcpo-ts --config my.jsonc"?'],
    [words('s.json --foo'), '"s.json" is not expected here; did you mean "mcpo-ts --config s.json"?'],
    [words('check s.json'), '"s.json" is not expected here; did you mean "mcpo-ts check --config s.json"?'],
    [words('openapi s.json'), '"s.json" is not expected here; did you mean "mcpo-ts openapi --config s.json"?'],
    [words('openwebui s.json'), '"s.json" is not expected here; did you mean "mcpo-ts openwebui --config s.json"?'],
    [words('-c s.json check more'), '"more" is not expected here; put a server\'s command after --: mcpo-ts -- more …'],
    [words('--type sse -- uvx'), "--server-type sse needs the server's URL after --: mcpo-ts --type sse -- https://…"],
    [words('--type sse --'), "--server-type sse needs the server's URL after --: mcpo-ts --type sse -- https://…"],
    [words('--type sse -- http://x y'), '--server-type sse takes one URL after -- and nothing else.'],
    [
      words('--type ws -- http://x'),
      '--server-type must be one of stdio, sse, streamable-http, streamable_http, streamablehttp, http, and is "ws".',
    ],
    [words('--prot 1'), "unknown option '--prot' (Did you mean --port?)"],
    [words('--port-number=1'), "unknown option '--port-number'"],
    [words('check --strat'), "unknown option '--strat' (Did you mean --start?)"],
    [words('--zzzzz'), "unknown option '--zzzzz'"],
    [words('-c s.json -x'), "unknown option '-x'"],
    [words('key create --id a --scop b'), "unknown option '--scop' (Did you mean --scope?)"],
    [words('vault list --zzzzz'), "unknown option '--zzzzz'"],
    [words('-c s.json --port'), "option '-p, --port <port>' argument missing"],
    [words('-c s.json --port 65536'), '--port must be a number from 0 to 65535, and is "65536".'],
    [words('-c s.json --port 80a'), '--port must be a number from 0 to 65535, and is "80a".'],
    [words('-c s.json --env FOO'), '--env needs NAME=value, and one has no name or no "=".'],
    [words('-c s.json --env =1'), '--env needs NAME=value, and one has no name or no "=".'],
    [words('-c s.json --log-level loud'), '--log-level must be one of error, warn, info, debug, and is "loud".'],
    [words('-c s.json --path-prefix a?b'), '--path-prefix must be a path such as /tools, and is "a?b".'],
    [['-c', ' '], '--config is empty; give it a value or leave it out.'],
    [['-c', 's.json', '--host', ''], '--host is empty; give it a value or leave it out.'],
    [
      words('-c s.json --cors-allow-origins a,b'),
      '--cors-allow-origins takes * or one origin such as https://chat.example.org (repeat it for more), and is "a,b".',
    ],
    [words('openwebui -c s.json --base-url mcpo'), '--base-url must be a URL such as http://mcpo:8000, and is "mcpo".'],
    [
      words('--type sse -H nonsense -- http://x'),
      '--header needs a JSON object of texts, such as \'{"Authorization": "Bearer …"}\', and this is not JSON.',
    ],
    [
      words('--type sse -H [] -- http://x'),
      '--header needs a JSON object of texts, such as \'{"Authorization": "Bearer …"}\'.',
    ],
    [
      words('--type sse -H {"A":5} -- http://x'),
      '--header needs a JSON object of texts, such as \'{"Authorization": "Bearer …"}\', and the value of "A" is not a text.',
    ],
  ])('%j', (argv, message) => {
    expect(() => parseCommandLine(argv)).toThrow(new UsageError(message));
  });

  test.each([[[]], [['--']], [['--port', '1']], [['check']], [['openwebui', '--show-key']]])(
    'with nothing to serve it shows how to begin: %j',
    (argv) => {
      expect(() => parseCommandLine(argv)).toThrow(UsageError);
      expect(() => parseCommandLine(argv)).toThrow('mcpo-ts --config servers.json');
    },
  );

  test('a malformed --env is not repeated: it may be a bare secret', () => {
    expect(() => parseCommandLine(['-c', 'x', '-e', 'sk-1234'])).toThrow(/^(?!.*sk-1234)/);
  });
});

describe('keys, tokens and the audit log', () => {
  const folder = mkdtempSync(join(tmpdir(), 'arguments-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const env = { MCPO_DATA_DIR: folder, JWT_SECRET: 'secret-of-the-arguments-test-4b7e19c2f0' };

  test('keys, with their flags', async () => {
    await runLine('key create --id ci --scope call:time --scope docs --asserts-user --expires 90d', env);
    expect((await runLine('key list', env)).text).toMatch(/ci +call:time docs +\(asserts any\) +20/);
    await runLine('key revoke ci', env);
    expect((await runLine('key list', env)).text).toContain('There are no keys');
  });

  test('a token, with its flags', async () => {
    const { text } = await runLine('token issue --user alice --name Alice --group a --group b --ttl 5m', env);
    const claims = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ sub: 'alice', name: 'Alice', groups: ['a', 'b'] });
    expect(claims.exp - claims.iat).toBe(300);
  });

  test('the vault and the audit log', async () => {
    expect((await runLine('vault list --json', env)).text).toBe('[]\n');
    writeFileSync(join(folder, 'x.env'), `MCPO_BACKUP_PASSPHRASE=a-passphrase-of-the-file\n`);
    const restored = runLine(`restore ${join(folder, 'none')} --replace --env-path ${join(folder, 'x.env')}`, {});
    await expect(restored).rejects.toThrow(join(folder, 'none'));
    const key = Buffer.alloc(32, 1).toString('base64');
    const verified = runLine('audit verify /nowhere/a.log /nowhere/b.log', { ...env, MCPO_AUDIT_KEY: key });
    await expect(verified).rejects.toThrow('/nowhere/a.log');
  });

  test.each([['key'], ['key', 'create'], ['key', 'revoke'], ['token', 'issue'], ['audit', 'verify'], ['key', 'make']])(
    '%j is rejected',
    (...argv) => {
      expect(() => parseCommandLine(argv)).toThrow(UsageError);
    },
  );

  test('their help lists their flags', () => {
    const help = parseCommandLine(['key', 'create', '--help']);
    expect(help).toMatchObject({ kind: 'print', text: expect.stringContaining('--asserts-user') });
    expect(parseCommandLine(['--help'])).toMatchObject({ text: expect.stringMatching(/\n {2}token /) });
  });
});
