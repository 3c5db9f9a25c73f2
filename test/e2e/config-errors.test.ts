import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { fixture, fixtureFile, runCommand, startService, temporaryFolder, test } from './harness.ts';

describe('a config that cannot be used → exit 2 with what is wrong', () => {
  test('several problems at once, each with file, line, server and key', async () => {
    const config = `{
  // a comment
  "mcpServers": {
    "first": { "command": "node", "timeoutMs": "soon" },
    "second": {
      "args": ["x"]
    },
    "third": { "command": "node", "env": { "A": [1] } },
    "docs": { "command": "node" },
    "a/b": { "command": "node" },
    "fourth": { "command": "node", "env": { "KEY": "\${MCPO_TEST_UNSET}" } }
  }
}`;
    const exit = await runCommand(['--port', '0'], { config });
    expect(exit.code).toBe(2);
    const lines = exit.stderr.split('\n');
    const expectLine = (...parts: string[]): void => {
      expect(lines).toContainEqual(expect.stringMatching(new RegExp(parts.map(escapeRegExp).join('.*'))));
    };
    expectLine('servers.json:4', '"first"', 'timeoutMs');
    expectLine('servers.json:5', '"second"', 'command');
    expectLine('servers.json:8', '"third"', 'env');
    expectLine('servers.json:9', '"docs"');
    expectLine('servers.json:10', '"a/b"');
    expectLine('servers.json:11', '"fourth"', 'MCPO_TEST_UNSET');
    expect(exit.stderr).not.toMatch(/^\s+at /m);
  });

  const rows: [name: string, config: string, message: RegExp][] = [
    ['broken JSON', '{\n "mcpServers": {\n  "a": { "command" "node" }\n }\n}', /servers\.json:3/],
    ['nothing at all', '', /servers\.json/],
    ['an array', '[]', /servers\.json/],
    ['no servers key', '{"servrs": {}}', /mcpServers/],
    ['an unknown type', '{"mcpServers": {"a": {"type": "carrier-pigeon", "url": "http://x"}}}', /"a".*type/],
    ['a URL that is none', '{"mcpServers": {"a": {"url": "not a url"}}}', /"a".*url/],
  ];
  for (const [name, config, message] of rows) {
    test(name, async () => {
      const exit = await runCommand(['--port', '0'], { config });
      expect(exit.code).toBe(2);
      expect(exit.stderr).toMatch(message);
      expect(exit.stderr).not.toMatch(/^\s+at /m);
    });
  }

  test('a file that does not exist', async () => {
    const exit = await runCommand(['--config', '/nowhere/servers.json']);
    expect(exit.code).toBe(2);
    expect(exit.stderr).toMatch(/\/nowhere\/servers\.json/);
  });
});

describe('a config that is accepted', () => {
  test('comments, trailing commas and a byte order mark', async () => {
    const server = JSON.stringify(fixture('answers.js'));
    const config = `\uFEFF// top\n{ "mcpServers": { /* one */ "answers": ${server}, }, }\n`;
    const service = await startService({ config });
    expect((await service.call('answers', 'text', {})).status).toBe(200);
  });

  test('the key "servers" of VS Code', async () => {
    const service = await startService({ config: { servers: { answers: fixture('answers.js') } } });
    expect((await service.call('answers', 'text', {})).status).toBe(200);
  });

  test('an unknown key, with a warning that names the nearest known one', async () => {
    const service = await startService({ servers: { answers: fixture('answers.js', [], { timoutMs: 1 }) } });
    expect(service.stderr()).toMatch(/timoutMs.*timeoutMs/);
  });

  test('a disabled server, which is not there', async () => {
    const service = await startService({
      servers: { answers: fixture('answers.js'), off: { command: 'nowhere-to-be-found', disabled: true } },
    });
    expect((await service.call('off', 'text', {})).status).toBe(404);
  });

  test('placeholders, defaults, envFile and cwd', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'server.env'), 'FILE_ONLY=f\nBOTH=file\n');
    const env = {
      NAMED: '${MCPO_TEST_VALUE}',
      EXPLICIT: 'x-${env:MCPO_TEST_VALUE}-y',
      DEFAULT: '${MCPO_TEST_UNSET:-fallback}',
      LITERAL: '$${MCPO_TEST_VALUE}',
      BOTH: 'env',
    };
    const more = { env, cwd: folder, envFile: join(folder, 'server.env') };
    const service = await startService({
      servers: { env: fixture('env.js', ['${MCPO_TEST_VALUE}'], more) },
      env: { MCPO_TEST_VALUE: 'has ${NO} second pass', MCPO_API_KEY_UNRELATED: 'not inherited' },
    });
    const answer = (await service.call('env', 'environment', {})).json() as {
      env: Record<string, string>;
      cwd: string;
      args: string[];
    };
    expect(answer.env).toMatchObject({
      NAMED: 'has ${NO} second pass',
      EXPLICIT: 'x-has ${NO} second pass-y',
      DEFAULT: 'fallback',
      LITERAL: '${MCPO_TEST_VALUE}',
      BOTH: 'env',
      FILE_ONLY: 'f',
      PATH: expect.any(String),
      HOME: expect.any(String),
    });
    expect(answer.args).toEqual(['has ${NO} second pass']);
    expect(answer.cwd).toBe(folder);
    expect(answer.env).not.toHaveProperty('MCPO_TEST_VALUE');
    expect(answer.env).not.toHaveProperty('MCPO_API_KEY_UNRELATED');
  });
});

describe('a command line that cannot be used → exit 2 with one sentence', () => {
  const server = ['--', process.execPath, fixtureFile('answers.js')];
  const rows: [name: string, args: string[], message: RegExp][] = [
    ['an unknown flag', ['--prot', '1', ...server], /--prot\b.*--port/s],
    ['neither config nor command', [], /--config/],
    ['both', ['--config', 'servers.json', ...server], /--config/],
    ['a port that is none', ['--port', 'eighty', ...server], /--port.*eighty/s],
    ['an invalid --header', ['--server-type', 'sse', '-H', '{bad', '--', 'http://127.0.0.1:1/sse'], /--header/],
    ['a certificate without a key', ['--ssl-certfile', 'a.pem', ...server], /--ssl-keyfile/],
    ['an unknown server type', ['--server-type', 'carrier-pigeon', ...server], /carrier-pigeon/],
    ['an unknown log level', ['--log-level', 'loud', ...server], /loud/],
  ];
  for (const [name, args, message] of rows) {
    test(name, async () => {
      const exit = await runCommand(args);
      expect(exit.code).toBe(2);
      expect(exit.stderr).toMatch(message);
      expect(exit.stderr).not.toMatch(/^\s+at /m);
      expect(exit.stdout).toBe('');
    });
  }
});

test('a port that is taken → exit 1 with the port', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => {
    other.listen(0, '127.0.0.1', resolve);
  });
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const exit = await runCommand(['--port', String(port)], { servers: { answers: fixture('answers.js') } });
    expect(exit.code).toBe(1);
    expect(exit.stderr).toContain(String(port));
    expect(exit.stderr).not.toMatch(/^\s+at /m);
  } finally {
    other.close();
  }
});

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
