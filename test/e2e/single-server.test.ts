import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { fixtureFile, runCommand, type Service, startService, temporaryFolder, test } from './harness.ts';

interface Document {
  readonly info: { title: string; description?: string; version: string };
  readonly servers: { url: string }[];
  readonly paths: Record<string, { post: { operationId: string } }>;
}

describe('mcpo-ts -- COMMAND ARGS', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ args: ['--', process.execPath, fixtureFile('answers.js')] });
  });

  test('has the tools at the root', async () => {
    const answer = await service.call(undefined, 'text', {});
    expect([answer.status, answer.text]).toEqual([200, '"hello"']);
    expect((await service.call(undefined, 'missing', {})).status).toBe(404);
  });

  test('has one document, with the tools alone as operation ids', async () => {
    const document = (await service.get('/openapi.json')).json() as Document;
    expect(document.info).toMatchObject({ title: 'answers', description: 'Every kind of answer.', version: '1.2.3' });
    expect(document.paths['/text']?.post.operationId).toBe('text');
    expect(document.servers[0]?.url).toBe('/');
  });

  test('has its pages at the root', async () => {
    for (const page of ['/docs', '/redoc']) {
      const answer = await service.get(page);
      expect([page, answer.status]).toEqual([page, 200]);
      expect(answer.headers['content-type']).toMatch(/^text\/html/);
    }
  });
});

test('what stands after -- belongs to the server, flags of ours included', async () => {
  const service = await startService({
    args: ['--', process.execPath, fixtureFile('env.js'), '--port', '1', '-h', '--', 'x'],
  });
  const answer = await service.call(undefined, 'environment', {});
  expect(answer.json()).toMatchObject({ args: ['--port', '1', '-h', '--', 'x'] });
});

test('--name, --description and --version are those of the API', async () => {
  const args = ['-n', 'Tools', '-d', 'Of ours.', '-v', '9.9', '--', process.execPath, fixtureFile('answers.js')];
  const service = await startService({ args });
  const document = (await service.get('/openapi.json')).json() as Document;
  expect(document.info).toMatchObject({ title: 'Tools', description: 'Of ours.', version: '9.9' });
});

test('--env wins over --env-path, and both reach the server', async () => {
  const file = join(temporaryFolder(), 'server.env');
  writeFileSync(file, 'FROM_FILE="one # two"\nBOTH=file\n');
  const service = await startService({
    args: ['--env-path', file, '-e', 'BOTH=flag', '--env', 'SUM=a=b', '--', process.execPath, fixtureFile('env.js')],
  });
  const { env } = (await service.call(undefined, 'environment', {})).json() as { env: Record<string, string> };
  expect(env).toMatchObject({ FROM_FILE: 'one # two', BOTH: 'flag', SUM: 'a=b' });
});

test('a malformed --env is refused', async () => {
  const exit = await runCommand(['--port', '0', '-e', 'NOEQUALS', '--', process.execPath, fixtureFile('env.js')]);
  expect(exit.code).toBe(2);
  expect(exit.stderr).toContain('--env');
});
