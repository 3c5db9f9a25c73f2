import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { repositoryFolder, temporaryFolder, test, waitFor } from '../e2e/harness.ts';

const dockerfile = readFileSync(join(repositoryFolder, 'Dockerfile'), 'utf8').replace(/\\\n/g, ' ');
const instructions = dockerfile.split('\n').filter((line) => /^[A-Z]+ /.test(line));
const argumentsOf = (name: string) =>
  instructions.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1).trim());

/** The image's program folder, made by the steps of its build stage. */
let app = '';
const ended: (() => void)[] = [];

beforeAll(() => {
  app = temporaryFolder();
  // npm ci would fetch what is here already.
  symlinkSync(join(repositoryFolder, 'node_modules'), join(app, 'node_modules'));
  for (const copy of argumentsOf('COPY').filter((one) => !one.startsWith('--from'))) {
    const parts = copy.split(/\s+/);
    const target = join(app, parts.pop() ?? '');
    for (const source of parts) {
      expect({ source, isSent: isSent(source) }).toEqual({ source, isSent: true });
      const from = join(repositoryFolder, source);
      const isFolder = source.endsWith('src');
      mkdirSync(isFolder ? target : dirname(join(target, 'x')), { recursive: true });
      cpSync(from, isFolder ? target : join(target, source.split('/').at(-1) ?? ''), { recursive: true });
    }
  }
  const [build] = argumentsOf('RUN').filter((step) => step.includes('npm run build'));
  expect(build).toBeDefined();
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: app, stdio: 'pipe' });
}, 120_000);

afterAll(() => {
  for (const end of ended) end();
});

/** Whether .dockerignore lets a path through. */
function isSent(path: string): boolean {
  const lines = readFileSync(join(repositoryFolder, '.dockerignore'), 'utf8').split('\n');
  expect(lines).toContain('*');
  return lines.some((line) => line.startsWith('!') && (path === line.slice(1) || path.startsWith(`${line.slice(1)}/`)));
}

test('the files that the build stage copies are all that the build needs', () => {
  const version = execFileSync(process.execPath, [join(app, 'dist/cli.js'), '--version'], { encoding: 'utf8' });
  expect(version).toContain(
    (JSON.parse(readFileSync(join(repositoryFolder, 'package.json'), 'utf8')) as { version: string }).version,
  );
});

test('bases have a version and may have a digest', () => {
  for (const base of argumentsOf('FROM').filter((one) => /[:/]/.test(one))) {
    expect(base).toMatch(/:\$\{[A-Z]+_VERSION\}(-trixie-slim)?\$\{[A-Z]+_DIGEST\}/);
  }
  for (const value of argumentsOf('ARG').filter((one) => /^(NODE|UV)_VERSION=/.test(one))) {
    expect(value).toMatch(/=\d+\.\d+\.\d+$/);
  }
  expect(argumentsOf('STOPSIGNAL')).toEqual(['SIGTERM']);
});

/** What the image sets, as a process of its user gets it. */
function imageEnvironment(): Record<string, string> {
  const pairs = argumentsOf('ENV').flatMap((line) => line.split(/\s+/));
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

const canMount = spawnSync('unshare', ['-m', 'true']).status === 0;
const inNamespace = canMount ? test : (name: string) => console.warn(`not run, no mount namespaces here: ${name}`);

inNamespace(
  'read-only root, uid 1000, no capabilities, noexec /tmp: servers run by npx, and downloads are on the volume',
  async () => {
    // Others may pass through these folders, because the service is another user.
    const box = temporaryFolder();
    const data = join(box, 'data');
    for (const folder of [data, join(box, 'package'), join(box, 'app'), join(box, 'app/node_modules')])
      mkdirSync(folder);
    chmodSync(box, 0o755);
    chmodSync(data, 0o700);
    chownSync(data, 1000, 1000);
    cpSync(join(app, 'dist'), join(box, 'app/dist'), { recursive: true });
    cpSync(join(repositoryFolder, 'package.json'), join(box, 'app/package.json'));
    writeFileSync(
      join(box, 'package/package.json'),
      JSON.stringify({ name: 'answers', version: '1.0.0', bin: 'server.mjs' }),
    );
    const program = `#!/usr/bin/env node\nawait import('/mnt/repository/test/fixtures/servers/answers.js');\n`;
    writeFileSync(join(box, 'package/server.mjs'), program, { mode: 0o755 });
    execFileSync('npm', ['pack', './package'], { cwd: box, stdio: 'pipe' });
    const exitWithHome = 'process.exit(require("fs").existsSync(process.env.HOME) ? 3 : 4)';
    const servers = {
      answers: { command: 'npx', args: ['-y', '--package=file:/mnt/box/answers-1.0.0.tgz', 'answers'] },
      missing: { command: 'npx', args: ['-y', '--offline', 'a-package-that-nobody-has'] },
      home: { command: 'node', args: ['-e', exitWithHome] },
    };
    writeFileSync(join(box, 'servers.json'), JSON.stringify({ mcpServers: servers }));

    const image = Object.entries(imageEnvironment()).map(([name, value]) => [
      name,
      value.replace(/^\/data/, '/mnt/data'),
    ]);
    const env = {
      ...Object.fromEntries(image),
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      MCPO_API_KEY: 'Zr8kq2vLxT0mWc5nYb7dHs3f',
    };
    const asImageUser =
      'setpriv --reuid 1000 --regid 1000 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs';
    const script = [
      'mount -t tmpfs none /mnt && mkdir /mnt/box /mnt/data /mnt/repository',
      `mount --bind ${box} /mnt/box && mount --bind ${data} /mnt/data && mount --bind ${repositoryFolder} /mnt/repository`,
      'mount --bind /mnt/repository/node_modules /mnt/box/app/node_modules',
      'for folder in /mnt/box /mnt/repository /mnt/box/app/node_modules /; do mount -o remount,ro,bind $folder; done',
      'mount -t tmpfs -o noexec,nosuid,nodev none /tmp',
      `exec ${asImageUser} "$0" /mnt/box/app/dist/cli.js "$@"`,
    ].join(' && ');
    const service = spawn(
      'unshare',
      [
        '-m',
        'sh',
        '-c',
        script,
        process.execPath,
        '--config',
        '/mnt/box/servers.json',
        '--port',
        '0',
        '--path-prefix',
        '/x/',
      ],
      { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    ended.push(() => service.kill('SIGKILL'));
    let output = '';
    for (const stream of [service.stdout, service.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    }
    const exited = new Promise((resolve) => service.on('exit', (code) => resolve(code)));
    const url = await waitFor(() => /http:\/\/127\.0\.0\.1:\d+|http:\/\/[^"\s/]+:\d+/.exec(output)?.[0]).catch(() => {
      throw new Error(output);
    });
    const port = url.split(':').at(-1);
    const base = `http://127.0.0.1:${port}/x`;
    await waitFor(async () => {
      const { servers: states } = (await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as {
        servers: Record<string, { state: string }>;
      };
      return states.answers?.state === 'ready' && output.includes('ENOTCACHED') && output.includes('ended with code 3');
    }).catch(() => {
      throw new Error(output);
    });
    const called = await fetch(`${base}/answers/text`, {
      method: 'POST',
      headers: { authorization: `Bearer ${env.MCPO_API_KEY}`, 'content-type': 'application/json' },
      body: '{}',
    });
    expect(called.status).toBe(200);
    expect(existsSync(join(data, 'home/.npm'))).toBe(true);
    expect(output).toContain('ended with code 3');
    expect(output).toContain('ENOTCACHED');
    expect(output).not.toContain('npm notice');

    // As the health check of a container runs: beside the service, with the image's variables and nothing else.
    const health = () =>
      spawnSync(
        'nsenter',
        [
          '-t',
          String(service.pid),
          '-m',
          'sh',
          '-c',
          `exec ${asImageUser} "$0" /mnt/box/app/dist/cli.js health`,
          process.execPath,
        ],
        { env, encoding: 'utf8', cwd: '/' },
      );
    const [check = ''] = argumentsOf('HEALTHCHECK');
    expect(check).toContain('CMD ["mcpo-ts", "health"]');
    expect(health()).toMatchObject({ status: 0, stderr: '' });
    service.kill('SIGSTOP');
    expect(health()).toMatchObject({ status: 1 });
    service.kill('SIGCONT');
    service.kill('SIGTERM');
    expect(await exited).toBe(0);
  },
  90_000,
);
