import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { auditFile, lineOf } from './audit-lines.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';
import { events, pidsOf, writeServers } from './reload-steps.ts';

const key = 'Hq7vT2mXw9pLrK4sZd83';
const bearer = { authorization: `Bearer ${key}` };
const folder = realpathSync(temporaryFolder());
const data = join(folder, 'data');
mkdirSync(join(data, '.ssh'), { recursive: true });
writeFileSync(join(data, 'notes.txt'), 'public notes');
for (const secret of [join(folder, 'secret.txt'), join(data, '.env'), join(data, '.ssh', 'id')]) {
  writeFileSync(secret, 'canary-of-a-file-7c2e');
}
symlinkSync(folder, join(data, 'out'));
symlinkSync(join(data, '.env'), join(data, 'harmless'));

const paths = { path: { within: data, deny: ['**/.env', '**/.ssh/**'] } };
const require = createRequire(import.meta.url);
const filesystem = join(
  dirname(require.resolve('@modelcontextprotocol/server-filesystem/package.json')),
  'dist/index.js',
);
/** All that must not be opened, in each spelling that one of the servers understands. */
const spellings = [
  join(folder, 'secret.txt'),
  `${data}/../secret.txt`,
  `${data}/out/secret.txt`,
  `${data}/%2e%2e/secret.txt`,
  `${data}/%252e%252e/secret.txt`,
  `${data}\\..\\..\\${folder.split('/').at(-1)}/secret.txt`,
  `${data}/．．/secret.txt`,
  ` ${folder}/secret.txt`,
  `"${folder}/secret.txt"`,
  `file://${folder}/secret.txt`,
  `${data}/../secret.txt\0${data}`,
  `${data}/.env`,
  `${data}/%2eenv`,
  `${data}/harmless`,
  `file://${data}/.env`,
  `${data}/.env\0.txt`,
  `${data}/.ssh/id`,
  `${data}/out/data/.ssh/id`,
];

describe('rules of arguments', () => {
  const file = auditFile();
  let service: Service;
  const open = (path: unknown, tool = 'open_file', server = 'own') => service.call(server, tool, { path }, bearer);
  beforeAll(async () => {
    const rules = {
      'open*': paths,
      answer: { 'result.content.text': { maxLength: 5 } },
      echo: { url: { hosts: ['*.example.org'] }, '*': { maxLength: 10_000, deny: ['(?i)drop\\s+table'] } },
    };
    const tools = { 'open it': { name: 'view' } };
    service = await startService({
      servers: {
        own: fixture('obedient.js', [], { rules, tools, cwd: data }),
        each: fixture('obedient.js', [], { rules, env: { WHO: '${user.id}' } }),
        published: { command: process.execPath, args: [filesystem, folder], rules: { 'read_*': paths } },
      },
      env: { MCPO_API_KEY: key, SECURITY_LOG_FILE: file, MCPO_TRUST_USER_HEADERS: 'true' },
    });
  }, 60_000);

  test('allow what is below the folder', async () => {
    for (const path of [`${data}/notes.txt`, 'notes.txt', `${data}/.ssh/../notes.txt`, `file://${data}/notes.txt`]) {
      expect((await open(path)).json()).toContain('public notes');
    }
    const read = await open(`${data}/notes.txt`, 'read_text_file', 'published');
    expect(read.text).toContain('public notes');
  });

  test('refuse every other spelling, for a program that understands them all and for the published server', async () => {
    for (const path of spellings) {
      for (const [server, tool] of [
        ['own', 'open_file'],
        ['published', 'read_text_file'],
      ] as const) {
        const answer = await open(path, tool, server);
        expect([path, answer.status, answer.text.includes('canary')]).toEqual([path, 403, false]);
      }
    }
    // What is refused would be read.
    expect((await service.call('own', 'echo', { path: spellings[0] }, bearer)).status).toBe(200);
    expect((await open(spellings[0], 'get_file_info', 'published')).status).toBe(200);
  });

  test('hold for every name and way of calling a tool', async () => {
    const body = JSON.stringify({ path: spellings[0] });
    const headers = { ...bearer, 'content-type': 'application/json' };
    const names = ['open_file', 'open%5Ffile', 'open_file/', '/open_file', 'view', encodeURIComponent('open_größe')];
    for (const name of [...names, encodeURIComponent('open_größe'.normalize('NFD'))]) {
      for (const accept of ['application/json', 'application/vnd.mcp+json']) {
        const answer = await service.request('POST', `/own/${name}`, { headers: { ...headers, accept }, body });
        expect([name, answer.status]).toEqual([name, 403]);
      }
    }
    const user = { ...bearer, 'x-openwebui-user-id': 'ann' };
    expect((await service.call('each', 'open_file', { path: `${data}/notes.txt` }, user)).json()).toBe('public notes');
    expect((await service.call('each', 'open_file', { path: spellings[0] }, user)).status).toBe(403);
  });

  test('see defaults, members of objects in lists, and other cases of a name', async () => {
    expect((await service.call('own', 'open_file', {}, bearer)).status).toBe(403);
    expect((await service.call('own', 'open_größe', { Path: spellings[0] }, bearer)).status).toBe(403);
    expect((await service.call('own', 'open_file', { limit: '5', path: 'notes.txt' }, bearer)).status).toBe(200);
    const result = (text: string) => ({ result: { content: [{ type: 'text', text }] } });
    expect((await service.call('own', 'answer', result('12345'), bearer)).status).toBe(200);
    expect((await service.call('own', 'answer', result('123456'), bearer)).status).toBe(403);
  });

  test('let exact numbers through as they were written, and no name that is given twice beside them', async () => {
    const number = '{"url":"https://a.example.org/","n":12345678901234567890}';
    expect((await service.call('own', 'echo', number, bearer)).text).toContain('12345678901234567890');
    const twice = '{"url":"https://evil.example/","n":12345678901234567890,"url":"https://a.example.org/"}';
    const answer = await service.call('own', 'echo', twice, bearer);
    expect([answer.status, answer.text]).toEqual([422, expect.stringContaining('twice')]);
  });

  test('are answered with 403, a code, and what to write; log and audit name the rule, and nothing has the value', async () => {
    const value = `${folder}/canary-in-an-argument-91f3`;
    const answer = await open(value);
    const message = `The argument "path" must be a path below ${data}.`;
    expect([answer.status, answer.json()]).toEqual([403, { detail: { message, code: 'argument_forbidden' } }]);
    const line = await lineOf(file, answer);
    expect(line).toMatchObject({ event_type: 'refusal', resource: 'own/open_file', result: 'refused' });
    expect(line.details).toMatchObject({ code: 'argument_forbidden', argument: 'path', rule: 'open*: path.within' });
    const denied = await open(`${data}/.env`);
    expect(denied.text).not.toContain('**');
    expect((await lineOf(file, denied)).details).toMatchObject({ rule: 'open*: path.deny[0]' });
    const everywhere = await service.call('own', 'echo', { a: { b: ['DROP\tTABLE x'] } }, bearer);
    expect((await lineOf(file, everywhere)).details).toMatchObject({ argument: 'a', rule: 'echo: *.deny[0]' });
    const host = await service.call('own', 'echo', { url: 'https://example.org@evil.example' }, bearer);
    expect(host.text).toContain('must be an http or https URL of *.example.org');
    expect(service.stderr()).toContain('rule open*: path.within');
    expect(service.stderr() + JSON.stringify(line)).not.toContain('canary-in-an-argument');
  });
});

test('a changed rule applies at once, without a new session', async () => {
  const file = join(temporaryFolder(), 'servers.json');
  writeServers(file, { s: fixture('obedient.js') });
  const service = await startService({ args: ['--config', file] });
  const pids = pidsOf(service, 'obedient.js');
  expect((await service.call('s', 'echo', { a: 'b' })).status).toBe(200);
  writeServers(file, { s: fixture('obedient.js', [], { rules: { echo: { a: { deny: ['^b$'] } } } }) });
  service.kill('SIGHUP');
  await waitFor(async () => (await service.call('s', 'echo', { a: 'b' })).status === 403, 10_000, 'the rule');
  writeServers(file, { s: fixture('obedient.js', [], { rules: { echo: { a: { deny: ['^c$'] } } } }) });
  service.kill('SIGHUP');
  await waitFor(async () => (await service.call('s', 'echo', { a: 'b' })).status === 200, 10_000, 'the other rule');
  expect(pidsOf(service, 'obedient.js')).toEqual(pids);
});

test('a rule that fits no tool or argument is named in the log, on /admin and by check --start', async () => {
  const rules = { opne: paths, open_file: { pth: { maxLength: 1 }, path: { maxLength: 1 } } };
  const servers = { s: fixture('obedient.js', [], { rules }) };
  const reasons = [
    '"rules" names "opne", and the server has no such tool',
    '"rules" of "open_file" names the argument "pth", and no tool that it matches has it',
  ];
  const service = await startService({ servers, env: { MCPO_API_KEY: key } });
  const logged = events(service, 'a rule of the servers file matches no tool').map(({ reason }) => reason);
  expect(logged).toEqual(reasons);
  const { code, stdout } = await runCommand(['check', '--start'], { servers });
  expect([code, stdout]).toEqual([1, expect.stringContaining(reasons[1] ?? '')]);
});
